"""Can what comes in now be stored? Asked by probes, answered by really writing something."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from pathlib import Path
from threading import Lock

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

from deliveries.models import Heartbeat

logger = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 5.0
"""Probes may ask more often, and from several sides."""
_FILE_BYTES = 65_536
_WRITE_CHECK = "write check"


class StorageWatch:
    """What one process knows of it. Ingest says when a write failed; a look finds out the rest."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._looked_at = -LOOK_AGAIN_SECONDS
        self._is_fine = True

    def note_failure(self) -> None:
        """An event could not be stored just now: the next probe finds out whether it lasts."""
        with self._lock:
            self._is_fine, self._looked_at = False, -LOOK_AGAIN_SECONDS

    def is_fine(self) -> bool:
        """Whether the last look found that events can be stored; looks itself when that is old.

        While all is well a look writes no row: ingest does that, and says when it fails.
        """
        with self._lock:
            if time.monotonic() - self._looked_at < LOOK_AGAIN_SECONDS:
                return self._is_fine
            try:
                if self._is_fine:
                    write_file()
                else:
                    write_all()
            except (DatabaseError, OSError) as error:
                logger.error("Can't store anything: %s.", type(error).__name__)
                self._is_fine = False
            else:
                self._is_fine = True
            self._looked_at = time.monotonic()
            return self._is_fine


watch = StorageWatch()


def write_all() -> None:
    """Write a row, and a file where files are used. Raises django.db.Error or OSError."""
    now = timezone.now()
    if not Heartbeat.objects.filter(name=_WRITE_CHECK).update(seen_at=now):
        Heartbeat.objects.bulk_create(
            [Heartbeat(name=_WRITE_CHECK, seen_at=now)], ignore_conflicts=True
        )
    write_file()


def write_file() -> None:
    """Fill some space beside the SQLite database and the broker's files, and free it again.

    SQLite alone does not tell: on a full disk it goes on for a while in what it has of its log.
    """
    folders = set()
    if connection.vendor == "sqlite":
        folders.add(Path(connection.settings_dict["NAME"]).parent)
    if settings.CELERY_BROKER_URL.startswith("filesystem"):
        folders.add(settings.DATA_DIR)
    for folder in folders:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(os.urandom(_FILE_BYTES))  # which no file system makes smaller
            file.flush()
            os.fsync(file.fileno())
