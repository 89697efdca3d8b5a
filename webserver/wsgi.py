"""Calls the WSGI application for one request, in a thread, and sends its answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from email.utils import formatdate
from http import HTTPStatus
from time import time
from typing import Any

from webserver.connections import ClientGone, Connection
from webserver.parsing import Request

logger = logging.getLogger(__name__)

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

WHOLE_BYTES = 16_000_000
"""Answers of a known length up to this are built whole, so that no thread waits for a reader."""
_PIECE_BYTES = 65_536
_BODILESS = frozenset({204, 304})


class Responder:
    """``answer`` is what a pool's threads do with a request."""

    def __init__(self, application: Application, stream_patience: float) -> None:
        self._application = application
        self._patience = stream_patience
        self.is_stopping = False
        """Each answer is the last of its connection."""

    def answer(self, connection: Connection, request: Request) -> None:
        """Calls the application and sends what it returns. Does not raise."""
        start = _Start()
        body: Iterable[bytes] = ()
        try:
            body = self._application(request.environ, start)
            self._send(connection, request, start, body)
        except ClientGone:
            connection.abandon()
        except Exception:
            logger.exception("The application failed.")
            if start.is_sent:
                connection.abandon()
            else:
                text = b"The server couldn't answer this request.\n"
                connection.write_last(
                    plain_answer(HTTPStatus.INTERNAL_SERVER_ERROR, text), closes=True
                )
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                _close(close)

    def _send(
        self, connection: Connection, request: Request, start: _Start, body: Iterable[bytes]
    ) -> None:
        chunks = iter(body)
        first = next(chunks, b"")
        status, headers = start.status, start.headers
        if not status:
            raise RuntimeError("The application did not call start_response.")
        code = int(status[:3])
        length: int | None = None
        for name, value in headers:
            if name.lower() == "content-length":
                length = int(value)
        closes = self.is_stopping or not request.keeps_alive
        if request.method == "HEAD" or code in _BODILESS:
            head = make_head(status, headers, closes)
            start.is_sent = True
            connection.write_last(head, closes)
            return
        if length is None and isinstance(body, list | tuple) and len(body) <= 1:
            length = len(first)
            headers = [*headers, ("Content-Length", str(length))]
        if length is not None and length <= WHOLE_BYTES:
            pieces = [first] if len(first) >= length else [first, *chunks]
            whole = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            if len(whole) != length:
                raise RuntimeError(f"Content-Length is {length}, the body has {len(whole)} bytes.")
            answer = make_head(status, headers, closes) + whole
            start.is_sent = True
            connection.write_last(answer, closes)
            return
        self._stream(connection, request, start, (first, chunks), length)

    def _stream(
        self,
        connection: Connection,
        request: Request,
        start: _Start,
        body: tuple[bytes, Iterator[bytes]],
        length: int | None,
    ) -> None:
        first, chunks = body
        in_chunks = length is None and request.has_newer_http
        closes = self.is_stopping or not request.keeps_alive or (length is None and not in_chunks)
        headers = [*start.headers, ("Transfer-Encoding", "chunked")] if in_chunks else start.headers
        head = make_head(start.status, headers, closes)
        start.is_sent = True
        connection.write_stream(head, self._patience)
        sent = 0
        piece = first
        while True:
            for at in range(0, len(piece), _PIECE_BYTES):
                part = piece[at : at + _PIECE_BYTES]
                sent += len(part)
                framed = b"%x\r\n%b\r\n" % (len(part), part) if in_chunks else part
                connection.write_stream(framed, self._patience)
            following = next(chunks, None)
            if following is None:
                break
            piece = following
        if length is not None and sent != length:
            raise RuntimeError(f"Content-Length is {length}, the body has {sent} bytes.")
        connection.end_stream(b"0\r\n\r\n" if in_chunks else b"", closes)


class _Start:
    """``start_response`` of one request."""

    __slots__ = ("headers", "is_sent", "status")

    def __init__(self) -> None:
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.is_sent = False

    def __call__(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        self.status = status
        self.headers = headers
        return _write


def _write(data: bytes) -> None:
    raise NotImplementedError("Return the body; the write callable of old WSGI is not there.")


def _close(close: Callable[[], None]) -> None:
    try:
        close()
    except Exception:
        logger.exception("The application failed while it closed an answer.")


def make_head(status: str, headers: Iterable[tuple[str, str]], closes: bool) -> bytes:
    """The status line and the headers. Raises ValueError for a header with a line break in it."""
    lines = [f"HTTP/1.1 {status}"]
    for name, value in headers:
        line = f"{name}: {value}"
        if "\r" in line or "\n" in line:
            raise ValueError(f"The header {name!r} has a line break in it.")
        lines.append(line)
    lines.append(date_line())
    lines.append("Connection: close\r\n\r\n" if closes else "\r\n")
    return "\r\n".join(lines).encode("latin-1")


def plain_answer(status: HTTPStatus, body: bytes, headers: Iterable[tuple[str, str]] = ()) -> bytes:
    """A whole answer of the server itself, in plain text; the last one of its connection."""
    return (
        make_head(
            f"{status.value} {status.phrase}",
            [
                ("Content-Type", "text/plain; charset=utf-8"),
                ("Content-Length", str(len(body))),
                ("X-Content-Type-Options", "nosniff"),
                *headers,
            ],
            closes=True,
        )
        + body
    )


_date: tuple[int, str] = (0, "")


def date_line() -> str:
    """The Date header, made once a second."""
    global _date
    now = int(time())
    second, line = _date
    if second != now:
        line = f"Date: {formatdate(now, usegmt=True)}"
        _date = (now, line)
    return line
