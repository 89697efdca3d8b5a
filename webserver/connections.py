"""One connection: who may read, write and close it when, between the loop and a thread.

The loop (``server.py``) reads and closes. While a request is worked on, the thread that does so
writes; what the socket does not accept at once is left to the loop, so that no thread waits for a
reader, except one whose answer has no end in sight (``write_stream``).
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from enum import IntEnum
from threading import Event, Lock
from time import monotonic

from webserver.limits import Limits
from webserver.parsing import RequestReader

STREAM_BYTES = 262_144
"""Of a streamed answer, held for a reader; its thread then waits."""
UNPARSED_BYTES = 65_536
"""Read ahead while a request is worked on."""


class ClientGone(Exception):
    """Nobody reads the answer any more."""


class Phase(IntEnum):
    """What happens on a connection, and so whose turn it is."""

    IDLE = 0
    HEAD = 1
    BODY = 2
    WORKING = 3
    """A thread has the request, or it waits for one."""
    SENDING = 4
    """The loop sends the rest of a complete answer."""
    LINGERING = 5
    """Answered for the last time; what still comes is dropped."""


class Connection:
    """A socket that does not block, and what is known of it."""

    __slots__ = (
        "closes",
        "deadline",
        "drained",
        "dropped_bytes",
        "gone",
        "interest",
        "last_moved_at",
        "lock",
        "output",
        "output_size",
        "phase",
        "phase_began_at",
        "reader",
        "socket",
        "unparsed",
        "wake_loop",
    )

    def __init__(
        self,
        connected: socket.socket,
        reader: RequestReader,
        wake_loop: Callable[[Connection], None],
        limits: Limits,
    ) -> None:
        now = monotonic()
        self.socket = connected
        self.reader = reader
        self.wake_loop = wake_loop
        self.lock = Lock()
        self.phase = Phase.HEAD
        self.phase_began_at = now
        self.last_moved_at = now
        self.deadline = now + limits.head_seconds
        self.unparsed = b""
        """Came while a request was worked on."""
        self.output: list[memoryview] = []
        self.output_size = 0
        self.dropped_bytes = 0
        """Read while lingering."""
        self.closes = False
        """After the answer that is being sent."""
        self.gone = False
        """The other side has closed, or took too long; sending would be in vain."""
        self.interest = 0
        """What the loop's selector watches it for."""
        self.drained: Event | None = None
        """Set while a thread streams: an event that the loop sets when there is room again."""

    # --- In a thread, while phase is WORKING -----------------------------------------------------

    def write_last(self, data: bytes, closes: bool) -> None:
        """Send all of an answer; returns at once, whoever reads how slowly."""
        rest = self._send_now(data)
        with self.lock:
            self.closes = self.closes or closes
            if rest:
                self.output.append(rest)
                self.output_size += len(rest)
        self._leave()

    def write_stream(self, data: bytes, patience: float) -> None:
        """Send a piece of a long answer; waits while too much of it is unread.

        Raises ClientGone when nothing was read for ``patience`` seconds, or the client has gone.
        """
        if self.drained is None:
            self.drained = Event()
        with self.lock:
            is_waiting = bool(self.output)
        rest = memoryview(data) if is_waiting else self._send_now(data)
        if rest:
            with self.lock:
                self.output.append(rest)
                self.output_size += len(rest)
                is_full = self.output_size > STREAM_BYTES
                self.drained.clear()
            self.wake_loop(self)
            if is_full:
                self._wait_for_room(patience)
        if self.gone:
            raise ClientGone

    def end_stream(self, data: bytes, closes: bool) -> None:
        """The last bytes of a streamed answer."""
        with self.lock:
            is_waiting = bool(self.output)
            self.closes = self.closes or closes
        rest = memoryview(data) if is_waiting else self._send_now(data)
        with self.lock:
            if rest:
                self.output.append(rest)
                self.output_size += len(rest)
            self.drained = None
        self._leave()

    def abandon(self) -> None:
        """Nothing more can be sent, and what was sent is not a whole answer."""
        with self.lock:
            self.gone = True
            self.output.clear()
            self.output_size = 0
            self.drained = None
        self.phase = Phase.SENDING
        self.wake_loop(self)

    def _wait_for_room(self, patience: float) -> None:
        waiter = self.drained
        assert waiter is not None
        left = self.output_size
        while not waiter.wait(patience):
            if self.gone or self.output_size >= left:
                raise ClientGone
            left = self.output_size

    def _send_now(self, data: bytes) -> memoryview:
        """What the socket did not accept; nothing if the client has gone."""
        view = memoryview(data)
        while view and not self.gone:
            try:
                view = view[self.socket.send(view) :]
            except BlockingIOError:
                return view
            except OSError:
                self.gone = True
        return view[:0]

    def _leave(self) -> None:
        """The thread has done its part: the next request, or the loop's turn."""
        now = monotonic()
        with self.lock:
            self.last_moved_at = self.phase_began_at = now
            if not (self.output or self.closes or self.gone or self.unparsed) and (
                not self.reader.buffered
            ):
                self.phase = Phase.IDLE
                return
            self.phase = Phase.SENDING
        self.wake_loop(self)
