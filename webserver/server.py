"""The loop of one process: accepts, reads, sends what is left, and ends what takes too long."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import selectors
import socket
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from selectors import EVENT_READ, EVENT_WRITE
from time import monotonic

from webserver.connections import STREAM_BYTES, UNPARSED_BYTES, Connection, Phase
from webserver.limits import Limits
from webserver.parsing import Request, RequestReader, RequestRefused, base_environ
from webserver.pools import Pool
from webserver.wsgi import Responder, plain_answer

logger = logging.getLogger(__name__)

_READ_BYTES = 65_536
_ACCEPTED_AT_ONCE = 4
"""Then the others have their turn, and so do the other processes that accept here."""
_SWEEP_SECONDS = 0.5
_SPARE_FILES = 128
"""Descriptors for databases, logs and files, of those that the process may have."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_RETRY = (("Retry-After", "5"),)


class Server:
    """Serves one listening socket until ``stop`` is called and what is under way has ended.

    ``choose_pool`` names, for a path, one of ``pools`` (name → threads).
    """

    def __init__(
        self,
        listener: socket.socket,
        responder: Responder,
        pools: dict[str, int],
        choose_pool: Callable[[str], str],
        limits: Limits,
    ) -> None:
        self._listener = listener
        self._responder = responder
        self._limits = limits
        self._choose_pool = choose_pool
        self._pools = {
            name: Pool(
                name,
                size,
                responder.answer,
                waiting_requests=limits.waiting_requests,
                waiting_bytes=limits.waiting_bytes,
            )
            for name, size in pools.items()
        }
        room = max(_allow_files() - _SPARE_FILES, _SPARE_FILES)
        self._most_connections = min(limits.connections, room)
        self._selector = selectors.DefaultSelector()
        self._connections: set[Connection] = set()
        self._handed: deque[Connection] = deque()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._is_awake = False
        self._unfinished_bytes = 0
        self._stop_at: float | None = None
        self._parent = os.getppid()
        name = listener.getsockname()
        self._name, self._port = str(name[0]), int(name[1])

    def run(self) -> None:
        """Serve. Returns after ``stop``, when all is answered or ``stop_seconds`` have passed."""
        listener, reader = self._listener, self._wake_reader
        listener.setblocking(False)
        reader.setblocking(False)
        self._wake_writer.setblocking(False)
        select = self._selector.select
        self._selector.register(listener, EVENT_READ)
        self._selector.register(reader, EVENT_READ)
        next_sweep = monotonic()
        while not self._is_done():
            for key, events in select(_SWEEP_SECONDS):
                connection = key.data
                if connection is not None:
                    self._serve(connection, events)
                elif key.fileobj is listener:
                    self._accept()
                else:
                    self._drain_wakeups()
            while self._handed:
                self._take_over(self._handed.popleft())
            if (now := monotonic()) >= next_sweep:
                next_sweep = now + _SWEEP_SECONDS
                self._sweep(now)
        for connection in tuple(self._connections):
            self._close(connection)

    def stop(self) -> None:
        """From a signal handler: accept nothing more, end what is under way."""
        if self._stop_at is None:
            self._stop_at = monotonic() + self._limits.stop_seconds
            self._responder.is_stopping = True
            self._wake()

    def wake_loop(self, connection: Connection) -> None:
        """From any thread: look at this connection."""
        self._handed.append(connection)
        self._wake()

    def _wake(self) -> None:
        if not self._is_awake:
            self._is_awake = True
            with contextlib.suppress(BlockingIOError):  # full: it will wake
                self._wake_writer.send(b"w")

    def _drain_wakeups(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_reader.recv(4096)
        self._is_awake = False

    def _is_done(self) -> bool:
        if self._stop_at is None:
            return False
        if self._listener.fileno() >= 0:
            self._selector.unregister(self._listener)
            self._listener.close()
            for connection in tuple(self._connections):
                if connection.phase is not Phase.LINGERING and not _is_under_way(connection):
                    self._close(connection)
        return monotonic() > self._stop_at or not any(map(_is_under_way, self._connections))

    # --- Connections -----------------------------------------------------------------------------

    def _accept(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                connected, peer = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:  # out of descriptors or memory, or it has gone already
                logger.warning("Couldn't accept a connection: %s.", error.strerror)
                self._make_room()
                return
            if len(self._connections) >= self._most_connections:
                self._make_room()
            connected.setblocking(False)
            if connected.family != socket.AF_UNIX:
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            base = base_environ(self._name, self._port, peer[:2])
            reader = RequestReader(base, self._limits)
            connection = Connection(connected, reader, self.wake_loop, self._limits)
            connection.interest = EVENT_READ
            self._connections.add(connection)
            self._selector.register(connected, EVENT_READ, connection)

    def _make_room(self) -> None:
        """Close a twentieth of those that send no complete request, those first that began first.

        Who sends slowly on purpose is the oldest of them: an honest client is done in a moment.
        """
        waiting = sorted(
            (one for one in self._connections if one.phase in (Phase.IDLE, Phase.HEAD, Phase.BODY)),
            key=lambda one: one.phase_began_at,
        )
        for connection in waiting[: len(waiting) // 20 + 1]:
            self._close(connection)

    def _watch(self, connection: Connection, interest: int) -> None:
        if interest == connection.interest:
            return
        if not interest:
            self._selector.unregister(connection.socket)
        elif not connection.interest:
            self._selector.register(connection.socket, interest, connection)
        else:
            self._selector.modify(connection.socket, interest, connection)
        connection.interest = interest

    def _close(self, connection: Connection) -> None:
        """Now, unless a thread still has it: that one is told, and hands it back."""
        if connection not in self._connections:
            return
        self._watch(connection, 0)
        with connection.lock:
            if connection.phase is Phase.WORKING:
                connection.gone = True
                with contextlib.suppress(OSError):
                    connection.socket.shutdown(socket.SHUT_RDWR)
                if connection.drained is not None:
                    connection.drained.set()
                return
        self._connections.discard(connection)
        self._unfinished_bytes -= connection.reader.counted
        connection.reader.counted = 0
        connection.output.clear()
        connection.socket.close()

    def _serve(self, connection: Connection, events: int) -> None:
        if events & EVENT_WRITE:
            self._send(connection)
        if events & EVENT_READ and connection.interest & EVENT_READ:
            self._read(connection)

    # --- Reading ---------------------------------------------------------------------------------

    def _read(self, connection: Connection) -> None:
        try:
            data = connection.socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._close(connection)
            return
        if connection.phase is Phase.LINGERING:
            connection.dropped_bytes += len(data)
            if not data or connection.dropped_bytes > self._limits.linger_bytes:
                self._close(connection)
            return
        with connection.lock:
            if connection.phase in (Phase.WORKING, Phase.SENDING):
                self._keep_for_later(connection, data)
                return
        if not data:
            self._close(connection)
            return
        self._feed(connection, data)

    def _keep_for_later(self, connection: Connection, data: bytes) -> None:
        """The next request, sent before the answer to this one; or the end of what is sent."""
        connection.unparsed += data
        if not data:
            connection.closes = True
        if not data or len(connection.unparsed) > UNPARSED_BYTES:
            self._watch(connection, connection.interest & EVENT_WRITE)

    def _feed(self, connection: Connection, data: bytes) -> None:
        """With what has come, or with what was kept, while the connection is the loop's."""
        reader = connection.reader
        try:
            request = reader.feed(data)
        except RequestRefused as refused:
            self._refuse(connection, refused.status, refused.text)
            return
        if request is not None:
            self._count(connection, 0)
            self._dispatch(connection, request)
            return
        self._note_progress(connection)
        if reader.wants_continue:
            reader.wants_continue = False
            with contextlib.suppress(OSError):
                connection.socket.send(_CONTINUE)
        self._count(connection, reader.buffered)

    def _note_progress(self, connection: Connection) -> None:
        """Part of a request has come: how long may the rest take?"""
        now = connection.last_moved_at = monotonic()
        if connection.reader.is_in_body:
            if connection.phase is not Phase.BODY:
                connection.phase = Phase.BODY
                connection.phase_began_at = now
                connection.deadline = now + self._limits.body_seconds
        elif connection.reader.buffered and connection.phase is Phase.IDLE:
            connection.phase = Phase.HEAD
            connection.phase_began_at = now
            connection.deadline = now + self._limits.head_seconds

    def _count(self, connection: Connection, size: int) -> None:
        """Unfinished requests hold memory, but no more than ``unfinished_bytes`` all together."""
        reader = connection.reader
        self._unfinished_bytes += size - reader.counted
        reader.counted = size
        while self._unfinished_bytes > self._limits.unfinished_bytes:
            oldest = min(
                (one for one in self._connections if one.reader.counted),
                key=lambda one: one.phase_began_at,
            )
            self._refuse(
                oldest,
                HTTPStatus.SERVICE_UNAVAILABLE,
                "Too many incomplete requests. This one took the longest.",
                _RETRY,
            )

    def _dispatch(self, connection: Connection, request: Request) -> None:
        pool = self._pools[self._choose_pool(request.environ["PATH_INFO"])]
        connection.phase = Phase.WORKING
        request.environ["webserver.complete_at"] = monotonic()
        if not pool.submit(connection, request):
            self._refuse(
                connection,
                HTTPStatus.SERVICE_UNAVAILABLE,
                "Too many requests are waiting for a response.",
                _RETRY,
            )

    def _refuse(
        self,
        connection: Connection,
        status: HTTPStatus,
        text: str,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Answer for the last time, and read on for a moment, so that the answer is seen.

        A socket closed with unread data in it is reset, and the client's system throws away what
        it has not read yet.
        """
        self._count(connection, 0)
        connection.reader = RequestReader({}, self._limits)
        answer = plain_answer(status, f"{text}\n".encode(), headers)
        with contextlib.suppress(OSError):  # too small to be accepted in part
            connection.socket.send(answer)
        self._linger(connection)

    def _linger(self, connection: Connection) -> None:
        connection.phase = Phase.LINGERING
        connection.deadline = monotonic() + self._limits.linger_seconds
        try:
            connection.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(connection)
            return
        self._watch(connection, EVENT_READ)

    # --- Sending ---------------------------------------------------------------------------------

    def _take_over(self, connection: Connection) -> None:
        """A thread has left something to do here."""
        if connection not in self._connections:
            return
        if connection.output:
            self._watch(connection, connection.interest | EVENT_WRITE)
            self._send(connection)
        elif connection.phase is Phase.SENDING:
            self._end_answer(connection)

    def _send(self, connection: Connection) -> None:
        with connection.lock:
            self._send_some(connection)
            is_empty = not connection.output
            if connection.drained is not None and (
                connection.gone or connection.output_size <= STREAM_BYTES // 2
            ):
                connection.drained.set()
        if is_empty:
            self._watch(connection, connection.interest & EVENT_READ)
            if connection.phase is Phase.SENDING:
                self._end_answer(connection)

    def _send_some(self, connection: Connection) -> None:
        output = connection.output
        try:
            while output:
                count = connection.socket.send(output[0])
                connection.output_size -= count
                connection.last_moved_at = monotonic()
                if count < len(output[0]):
                    output[0] = output[0][count:]
                    return
                output.pop(0)
        except BlockingIOError:
            return
        except OSError:
            connection.gone = True
            output.clear()
            connection.output_size = 0

    def _end_answer(self, connection: Connection) -> None:
        """All is sent: the next request, or the end."""
        if connection.gone:
            connection.phase = Phase.IDLE
            self._close(connection)
        elif connection.closes:
            self._linger(connection)
        else:
            connection.phase = Phase.IDLE
            connection.phase_began_at = monotonic()
            kept, connection.unparsed = connection.unparsed, b""
            self._watch(connection, EVENT_READ)
            if kept or connection.reader.buffered:
                self._feed(connection, kept)

    # --- Time ------------------------------------------------------------------------------------

    def _sweep(self, now: float) -> None:
        """End what has taken too long."""
        limits = self._limits
        if os.getppid() != self._parent:  # nobody is left who could stop this process
            self.stop()
        unread = 0
        for connection in tuple(self._connections):
            phase = connection.phase
            if phase is Phase.IDLE:
                if now - connection.phase_began_at > limits.idle_seconds:
                    self._close(connection)
            elif phase is Phase.HEAD or phase is Phase.BODY:
                self._sweep_unfinished(connection, now)
            elif phase is Phase.SENDING:
                unread += connection.output_size
                slowest = limits.answer_seconds + connection.output_size / limits.answer_rate
                if (
                    now - connection.last_moved_at > limits.silence_seconds
                    or now - connection.phase_began_at > slowest
                ):
                    self._drop(connection)
            elif phase is Phase.LINGERING and now > connection.deadline:
                self._close(connection)
        if unread > limits.answer_bytes:
            self._drop_unread(unread - limits.answer_bytes)

    def _sweep_unfinished(self, connection: Connection, now: float) -> None:
        limits = self._limits
        if now > connection.deadline:
            if not connection.reader.buffered and not connection.reader.is_in_body:
                self._close(connection)  # it has said nothing, so there is nothing to answer
                return
            text = (
                f"The body didn't arrive within {limits.body_seconds:g} seconds."
                if connection.phase is Phase.BODY
                else f"The headers didn't arrive within {limits.head_seconds:g} seconds."
            )
            self._refuse(connection, HTTPStatus.REQUEST_TIMEOUT, text)
        elif (
            connection.phase is Phase.BODY
            and now - connection.last_moved_at > limits.silence_seconds
        ):
            text = f"No part of the body arrived for {limits.silence_seconds:g} seconds."
            self._refuse(connection, HTTPStatus.REQUEST_TIMEOUT, text)

    def _drop(self, connection: Connection) -> None:
        connection.gone = True
        connection.phase = Phase.IDLE
        self._close(connection)

    def _drop_unread(self, excess: int) -> None:
        """Answers that nobody reads hold memory: those that began first go first."""
        for connection in sorted(
            (one for one in self._connections if one.phase is Phase.SENDING),
            key=lambda one: one.phase_began_at,
        ):
            excess -= connection.output_size
            self._drop(connection)
            if excess <= 0:
                return


def _is_under_way(connection: Connection) -> bool:
    """Whether a request has begun to come, and its answer isn't sent."""
    if connection.phase is Phase.HEAD:
        return connection.reader.buffered > 0
    return connection.phase in (Phase.BODY, Phase.WORKING, Phase.SENDING)


def _allow_files() -> int:
    """Raise the limit of open files as far as it goes; how many there may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # macOS allows less than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 65_536 if soft == resource.RLIM_INFINITY else soft


def open_listener(host: str, port: int, backlog: int = 1024) -> socket.socket:
    """A listening socket. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and host == "::":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener
