"""A plain HTTP front between one SDK and the server: it notes each request, and fails on request.

Everything passes through byte for byte, except what a fault takes away.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any
from urllib.parse import urlsplit

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade"})


class Fault(StrEnum):
    """What happens to the first request with events."""

    NONE = "none"
    TOO_MANY_REQUESTS = "429"  # the server's own answer to a source above its limit
    ANSWER_LOST = "answer lost"  # the server has it, the sender never hears so


@dataclass(frozen=True, slots=True)
class Answer:
    """``headers`` as they came."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that an SDK made. ``status`` is what the SDK saw: 0 for a broken connection."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def carries_events(self) -> bool:
        return self.method == "POST"


@dataclass
class Front:
    """Listens on ``url``, passes on to ``server_url``."""

    server_url: str
    fault: Fault = Fault.NONE
    refusal: Answer | None = None
    url: str = ""
    _exchanges: list[Exchange] = field(default_factory=list)
    _changed: Condition = field(default_factory=Condition)
    _struck: bool = False

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        with self._changed:
            return tuple(self._exchanges)

    @property
    def statuses(self) -> list[int]:
        """What the SDK saw of each request with events, in order."""
        return [exchange.status for exchange in self.exchanges if exchange.carries_events]

    def wait_for_a_failure(self, seconds: float) -> bool:
        """Whether a request with events was refused within ``seconds``."""
        with self._changed:
            return self._changed.wait_for(lambda: 0 in self.statuses, seconds)

    def note(self, exchange: Exchange) -> None:
        with self._changed:
            self._exchanges.append(exchange)
            self._changed.notify_all()

    def strike(self) -> Fault:
        """The fault that this request with events meets."""
        with self._changed:
            if self._struck:
                return Fault.NONE
            self._struck = True
            return self.fault

    def pass_on(self, method: str, path: str, headers: Any, body: bytes) -> Answer:
        """Raises OSError or HTTPException when the server does not answer."""
        address = urlsplit(self.server_url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    connection.putheader(name, value)
            connection.endheaders(body or None)
            response = connection.getresponse()
            return Answer(response.status, tuple(response.getheaders()), response.read())
        finally:
            connection.close()


class _Visit(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    front: Front

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.front.strike() if self.command == "POST" else Fault.NONE
        answer: Answer | None
        if fault is Fault.TOO_MANY_REQUESTS:
            answer = self.front.refusal
            assert answer is not None
        else:
            try:
                answer = self.front.pass_on(self.command, self.path, self.headers, body)
            except (OSError, http.client.HTTPException):
                answer = None
        if fault is Fault.ANSWER_LOST:
            answer = None
        self.front.note(
            Exchange(
                self.command,
                self.path,
                {name.lower(): value for name, value in self.headers.items()},
                body,
                answer.status if answer else 0,
            )
        )
        if answer is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._send(answer)

    do_GET = do_POST = do_HEAD = do_OPTIONS = _serve

    def _send(self, answer: Answer) -> None:
        lines = [f"HTTP/1.1 {answer.status} {self.responses.get(answer.status, ('',))[0]}"]
        for name, value in answer.headers:
            if name.lower() not in _HOP_BY_HOP | {"content-length", "access-control-allow-origin"}:
                lines.append(f"{name}: {value}")
            if name.lower() == "access-control-allow-origin":
                lines.append(f"{name}: {self.headers.get('Origin', value)}")
        if answer.status != 204:
            lines.append(f"Content-Length: {len(answer.body)}")
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        self.wfile.write(head if self.command == "HEAD" else head + answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the front keeps its exchanges."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """An SDK that closes a connection early is no fault of the front."""


@contextmanager
def open_front(front: Front) -> Iterator[Front]:
    visit = type("Visit", (_Visit,), {"front": front})
    server = _Server(("127.0.0.1", 0), visit)
    front.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield front
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
