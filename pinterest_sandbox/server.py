"""The HTTP server: sockets, bodies and broken connections. What is said lies elsewhere."""

from __future__ import annotations

import contextlib
import select
import socket
import sys
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore, Event, Lock, Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .answers import Answer, error_answer

_IDLE_SECONDS = 75
_DRAIN_BYTES = 64 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024


class BodyUnreadable(Exception):
    """The body cannot be taken; `answer` says why. The connection closes after it."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.message)
        self.answer = answer


class Exchange(BaseHTTPRequestHandler):
    """One request and what is done about it. The application calls `send` or `drop` once."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    server: HttpServer

    def _serve(self) -> None:
        split = urlsplit(self.path)
        self.segments = [unquote(part) for part in split.path.split("/")[1:]]
        self.query = parse_qs(split.query, keep_blank_values=True)
        self.plain_path = split.path
        has_body = self.headers.get("Content-Length", "0").strip("0")
        self._body_read = not (has_body or "Transfer-Encoding" in self.headers)
        try:
            self.server.application(self)
        except BodyUnreadable as refused:
            self.close_connection = True
            self.send(refused.answer)

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = do_OPTIONS = _serve

    def parameter(self, name: str, default: str = "") -> str:
        """The last value of a query parameter."""
        return self.query.get(name, [default])[-1]

    def read_body(self) -> bytes:
        """The whole body. Raises BodyUnreadable (411, 413) or ConnectionError (client gone)."""
        if self.headers.get("Transfer-Encoding"):
            raise BodyUnreadable(error_answer(411))
        declared = self.headers.get("Content-Length", "0" if self.command == "GET" else "")
        if not (declared.isascii() and declared.isdigit()):
            raise BodyUnreadable(error_answer(411 if not declared else 400))
        length = int(declared)
        if length > self.server.max_body_bytes:
            self._drain(length)
            raise BodyUnreadable(error_answer(413))
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionResetError("the client closed the connection within its body")
        self._body_read = True
        return body

    def _drain(self, length: int) -> None:
        """Read and forget, so that a client still busy sending gets to see the answer."""
        left = min(length, _DRAIN_BYTES)
        while left and (chunk := self.rfile.read(min(left, _CHUNK_BYTES))):
            left -= len(chunk)

    def wait(self, seconds: float) -> None:
        """Wait before the answer; ends early when the server stops."""
        if seconds:
            self.server.stopping.wait(seconds)

    def cannot_answer(self) -> bool:
        """Whether no answer will be read: the client has closed its side, or the server stops."""
        if self.server.stopping.is_set():
            return True
        readable, _, _ = select.select([self.connection], [], [], 0)
        if not readable:
            return False
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def send(self, answer: Answer, *, midway: bool = False) -> None:
        """Write the answer; with `midway` only half of its body, then close the connection."""
        if not self._body_read or midway:
            self.close_connection = True
        body = answer.body
        reason = self.responses.get(answer.status, ("",))[0]
        lines = [
            f"HTTP/1.1 {answer.status} {reason}",
            f"Date: {formatdate(usegmt=True)}",
            f"Content-Type: {answer.content_type}",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in answer.headers.items()),
        ]
        if self.close_connection:
            lines.append("Connection: close")
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        self.wfile.write(head + (body[: len(body) // 2] if midway else body))
        if midway:
            self.drop()

    def drop(self) -> None:
        """Close the connection without another word."""
        self.close_connection = True
        with contextlib.suppress(OSError):  # the client may have closed it first
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the request log is `GET /_requests`."""


class HttpServer(ThreadingHTTPServer):
    """A thread for each connection, up to `max_connections`; more are closed at once."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(
        self,
        address: tuple[str, int],
        application: Callable[[Exchange], None],
        *,
        max_body_bytes: int,
        max_connections: int,
    ) -> None:
        self.application = application
        self.max_body_bytes = max_body_bytes
        self.stopping = Event()
        self._places = BoundedSemaphore(max_connections)
        self._connections: set[socket.socket] = set()
        self._connections_lock = Lock()
        self._thread: Thread | None = None
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, Exchange)

    def start(self) -> None:
        self._thread = Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="sandbox", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and close every connection, those in the middle of an answer too."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._connections_lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        if self._thread is not None:
            self._thread.join()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._connections_lock:
                self._connections.discard(request)
            self._places.release()

    def server_bind(self) -> None:
        # HTTPServer looks its own name up in the DNS here, which may take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is its own affair; anything else is ours and is shown."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)
