"""Threads that work on complete requests: one pool for each kind, so that none starves another."""

from __future__ import annotations

import logging
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread

from webserver.connections import Connection
from webserver.parsing import Request

logger = logging.getLogger(__name__)

Job = tuple[Connection, Request]
SMALL_BYTES = 65_536
"""Bodies up to this are bounded by the number of waiting requests alone."""


class Pool:
    """``size`` threads that take requests in the order in which they were complete."""

    def __init__(
        self,
        name: str,
        size: int,
        work: Callable[[Connection, Request], None],
        *,
        waiting_requests: int,
        waiting_bytes: int,
    ) -> None:
        self._work = work
        self._most_waiting = waiting_requests
        self._most_bytes = waiting_bytes
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._lock = Lock()
        self._bytes = 0
        for number in range(1, size + 1):
            Thread(target=self._run, name=f"{name}-{number}", daemon=True).start()

    def submit(self, connection: Connection, request: Request) -> bool:
        """False when too much waits already."""
        if self._jobs.qsize() >= self._most_waiting:
            return False
        if request.size > SMALL_BYTES:
            with self._lock:
                if self._bytes + request.size > self._most_bytes:
                    return False
                self._bytes += request.size
        self._jobs.put((connection, request))
        return True

    def _run(self) -> None:
        while True:
            connection, request = self._jobs.get()
            try:
                self._work(connection, request)
            except Exception:
                logger.exception("A thread of the web server failed.")
                connection.abandon()
            if request.size > SMALL_BYTES:
                with self._lock:
                    self._bytes -= request.size
            del connection, request
