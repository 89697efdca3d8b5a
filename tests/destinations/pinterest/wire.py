"""A server that says exactly the bytes it is told to: the only thing faked is the wire."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

REPLIES = Path(__file__).parents[2] / "golden" / "replies"

Act = Callable[[socket.socket], None]
"""What to do once a request has come; the connection is closed afterwards."""


@dataclass(frozen=True)
class Heard:
    """One request as it came over the wire."""

    line: str
    headers: dict[str, str]
    body: bytes
    connection: int


def golden_reply(name: str) -> bytes:
    """Read a reply's raw bytes from tests/golden/replies."""
    return (REPLIES / f"{name}.http").read_bytes()


def drop(connection: socket.socket) -> None:
    """Answer nothing."""


def reset(connection: socket.socket) -> None:
    """Tear the connection down without a goodbye."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Wire:
    """Answers each request with the next of ``answers`` (the last one for ever).

    Bytes are sent and the connection stays open; an Act does what it likes and the connection is
    closed. ``reads_body=False`` acts as soon as the head of a request has come.
    """

    def __init__(self, *answers: bytes | Act, reads_body: bool = True) -> None:
        self.heard: list[Heard] = []
        self.connection_count = 0
        self.closing = threading.Event()
        self._answers = list(answers)
        self._reads_body = reads_body
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *exception: object) -> None:
        self.closing.set()
        for opened in (self._listener, *self._open):
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()
        for thread in self._threads:
            thread.join(timeout=5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connection_count += 1
            self._open.append(connection)
            number = self.connection_count
            thread = threading.Thread(target=self._serve, args=(connection, number), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        # A client that goes away in the middle is what several tests are about.
        with connection, suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (heard := self._hear(connection, number)) is not None:
                self.heard.append(heard)
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                if not isinstance(answer, bytes):
                    answer(connection)
                    return
                connection.sendall(answer)

    def _hear(self, connection: socket.socket, number: int) -> Heard | None:
        received = b""
        while b"\r\n\r\n" not in received:
            chunk = connection.recv(65536)
            if not chunk or chunk[:1] == b"\x16":  # A TLS handshake: not for us.
                return None
            received += chunk
        head, _, body = received.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (f.split(": ", 1) for f in fields)}
        while self._reads_body and len(body) < int(headers["content-length"]):
            body += connection.recv(65536)
        return Heard(line, headers, body, number)
