"""Celery's messages as files in the data folder: enough to try CAPI Relay out without any service.

Kombu's own file transport lets a reader see a file before its content is in it (which ends a
worker), reads through the system's temporary folder, and lets messages pile up for as long as no
worker runs. Here a file appears complete or not at all, a message is taken by renaming it, and
only the newest are kept: every message is a wake-up, and the sweep finds what a lost one
announced.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any

from kombu.transport import filesystem
from kombu.utils.json import dumps, loads

MAX_MESSAGES = 1000
"""More than this wait in a queue only if no worker runs: the oldest go."""


_LEFTOVER = re.compile(r"\.(taken-.+|.+\.[0-9a-f]{32})")
LEFT_BEHIND_SECONDS = 600
"""Nobody takes so long between two steps with a file."""


class Channel(filesystem.Channel):
    """A channel whose files are written and taken atomically."""

    if TYPE_CHECKING:  # Kombu has it, its types don't

        def _exchange_file(self, exchange: str) -> Path: ...

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for folder in (self.data_folder_out, self.control_folder):
            remove_leftovers(Path(folder))

    def get_table(self, exchange: str) -> list[Any]:
        try:
            text = self._exchange_file(exchange).read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return [filesystem.exchange_queue_t(*binding) for binding in loads(text)]

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str | None, queue: str) -> None:
        binding = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        if binding in self.get_table(exchange):
            return
        with (self.control_folder / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            bindings = {binding, *self.get_table(exchange)}
            _write(self._exchange_file(exchange), dumps(sorted(bindings)))

    def _lookup(self, exchange: str, routing_key: str, default: str | None = None) -> list[str]:
        # Kombu notes a binding before it is written down: a second thread's message must not get
        # lost in between. Every queue here is bound under its own name.
        return list(super()._lookup(exchange, routing_key, default)) or [routing_key]

    # As Kombu's file transport has it; its abstract channel names other parameters.
    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        folder = Path(self.data_folder_out)
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex}.{queue}.msg"
        _write(folder / name, dumps(payload))
        for old in _waiting(folder, queue)[:-MAX_MESSAGES]:
            (folder / old).unlink(missing_ok=True)

    def _get(self, queue: str) -> Any:  # type: ignore[override]  # as in Kombu's file transport
        folder = Path(self.data_folder_in)
        for name in _waiting(folder, queue):
            taken = folder / f".taken-{name}"
            try:
                (folder / name).rename(taken)
            except FileNotFoundError:
                continue  # another worker was first
            text = taken.read_text(encoding="utf-8")
            taken.unlink()
            return loads(text)
        raise Empty

    def _size(self, queue: str) -> int:
        return len(_waiting(Path(self.data_folder_in), queue))

    def _purge(self, queue: str) -> int:
        folder = Path(self.data_folder_in)
        names = _waiting(folder, queue)
        for name in names:
            (folder / name).unlink(missing_ok=True)
        return len(names)


class Transport(filesystem.Transport):
    """Kombu's file transport with that channel."""

    Channel = Channel


@cache
def remove_leftovers(folder: Path) -> None:
    """Once a process: drafts and taken messages of processes that were killed in the middle of
    it."""
    long_ago = time.time() - LEFT_BEHIND_SECONDS
    for name in os.listdir(folder):
        if _LEFTOVER.fullmatch(name):
            with suppress(FileNotFoundError):  # another process may be at it as well
                if (folder / name).stat().st_mtime < long_ago:
                    (folder / name).unlink()


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError:  # no room, most often: a half of a message would take what little is left
        draft.unlink(missing_ok=True)
        raise


def _waiting(folder: Path, queue: str) -> list[str]:
    """The names of the messages in a queue, oldest first."""
    ending = f".{queue}.msg"
    return sorted(
        name for name in os.listdir(folder) if name.endswith(ending) and not name.startswith(".")
    )
