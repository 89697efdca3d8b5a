"""The raw body of a request: read up to a limit, unpacked up to the same limit, parsed as JSON.

The type is never looked at: SDKs send JSON as ``text/plain`` and even as
``application/x-www-form-urlencoded``. Its charset counts where the body is no UTF-8.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.request import UnreadablePostError
from rest_framework.parsers import BaseParser

from deliveries.ingest import responses
from deliveries.ingest.encodings import to_utf8, unpack_body
from deliveries.ingest.responses import BodyRefused
from deliveries.ingest.strict_json import ParsedJSON, TooManyValues, parse_json

_PIECE_BYTES = 65_536
_MAX_DRAINED_BYTES = 32_000_000


class RawBodyParser(BaseParser):
    """Any content type, compressed or not, read once from a Django request."""

    media_type = "*/*"

    def parse(  # type: ignore[override]  # neither the stream nor a mapping that DRF knows
        self,
        stream: HttpRequest,
        media_type: str | None = None,
        parser_context: dict[str, Any] | None = None,
    ) -> ParsedJSON:
        """Raises BodyRefused: 413 for too much, 415 for an unknown coding, 400 for no JSON."""
        return read_json(read_text(stream), charset_of(stream))


def read_text(request: HttpRequest) -> bytes:
    """The body unpacked, in UTF-8 if it is text. Raises BodyRefused."""
    return to_utf8(read_body(request, settings.MAX_REQUEST_BYTES))


def charset_of(request: HttpRequest) -> str:
    """What the sender says of the body; "" for nothing."""
    return (request.content_params or {}).get("charset", "")


def read_json(body: bytes, charset: str = "") -> ParsedJSON:
    """An unpacked body as JSON. Raises BodyRefused: 413 for too many values, 400 for no JSON."""
    body = to_utf8(body)
    try:
        return parse_json(body, charset, settings.MAX_REQUEST_BYTES)
    except TooManyValues as error:
        excerpt = body[:2000]
        raise BodyRefused(413, responses.TOO_LARGE, "too_many_values", excerpt) from error
    except ValueError as error:
        raise BodyRefused(400, responses.INVALID_JSON, "invalid_json", body[:2000]) from error


def read_body(request: HttpRequest, limit: int) -> bytes:
    """The body unpacked, at most ``limit`` bytes before it and after it."""
    meta = request.META
    stream, length = _open_stream(request)
    if length is not None and length > limit:
        raise BodyRefused(413, responses.TOO_LARGE, "request_too_large")
    body = _read_up_to(stream, length, limit)
    return unpack_body(body, meta.get("HTTP_CONTENT_ENCODING", ""), limit)


def drain_body(request: HttpRequest) -> None:
    """Read on after a refusal, keeping nothing, and not for ever.

    A server that closes while the client still writes resets the connection. The SDK then never
    sees the answer, takes it for a network fault, and sends everything again.
    """
    stream, _ = _open_stream(request)
    left = _MAX_DRAINED_BYTES
    try:
        while left > 0 and (piece := stream.read(_PIECE_BYTES)):
            left -= len(piece)
    except (UnreadablePostError, OSError):
        return  # the client has gone; there is nobody to answer


def _open_stream(request: HttpRequest) -> tuple[Any, int | None]:
    """What to read the body from, and its length if it was announced."""
    meta = request.META
    if meta.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        # Django reads nothing without a Content-Length; the server ends the stream.
        return meta["wsgi.input"], None
    try:
        return request, int(meta.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return request, 0


def _read_up_to(stream: Any, length: int | None, limit: int) -> bytes:
    """``length`` bytes, or all there are; memory never holds more than ``limit`` and a piece."""
    pieces = []
    size = 0
    while length is None or size < length:
        wanted = _PIECE_BYTES if length is None else length - size
        try:
            piece = stream.read(wanted)
        except (UnreadablePostError, OSError) as error:
            raise BodyRefused(400, responses.UNREADABLE_BODY, "unreadable_body") from error
        if not piece:
            break
        size += len(piece)
        if size > limit:
            raise BodyRefused(413, responses.TOO_LARGE, "request_too_large")
        pieces.append(piece)
    if length is not None and size < length:
        raise BodyRefused(400, responses.UNREADABLE_BODY, "incomplete_body")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
