"""Each web process watches that somebody evaluates the alerts, and does it when nobody does.

Else nobody would say that the worker, beat, or the broker is away: the task needs all three.
"""

from __future__ import annotations

import logging
import threading

from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

from deliveries.alerts.run import is_late, run_alerts

logger = logging.getLogger(__name__)

LATE_SECONDS = 75.0
"""Two runs were missed."""
LOOK_EVERY_SECONDS = 20.0


def start() -> threading.Thread:
    """Watch in a thread of this process, which ends with it."""
    thread = threading.Thread(target=_watch, name="alerts standby", daemon=True)
    thread.start()
    return thread


def _watch() -> None:
    pause = threading.Event()
    while not pause.wait(LOOK_EVERY_SECONDS):
        look_after()


def look_after() -> bool:
    """Do a run if the last one is too long ago; whether it did."""
    try:
        now = timezone.now()
        if not is_late(now, LATE_SECONDS):
            return False
        run_alerts(now)
        return True
    except DatabaseError as error:  # ingest and /readyz tell of it
        logger.warning("Can't evaluate the alerts: %s.", type(error).__name__)
        return False
    finally:
        connection.close_if_unusable_or_obsolete()
