"""From the bytes of a request to UTF-8 text: unpacked, whatever its headers say, without a BOM.

Headers get lost or invented between a sender and a server: a proxy unpacks a body and leaves its
Content-Encoding, or packs it and forgets to say so. So the bytes decide where they can: gzip and
zlib begin with what no JSON text begins with, and JSON begins with what they never begin with.
"""

from __future__ import annotations

import json
import zlib

from deliveries.ingest import responses
from deliveries.ingest.responses import BodyRefused

MAX_LAYERS = 4
"""Of compression, one inside the other; two happen where a proxy compresses once more."""

_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's window bits for a gzip header, its own header, and none
_MAX_MEMBERS = 64  # of a gzip stream; each one copies what is left of it
_GZIP_MAGIC, _ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_MAX_RATIO, _SMALL_BYTES = 500, 262_144
"""How many times its size a body may become. Events that differ in an ID alone become a tenth of
that."""
_BOM = b"\xef\xbb\xbf"
_JSON_STARTS = (b"{", b"[", b'"')
_BLANKS = b" \t\r\n"
_NAMES = {"x-gzip": "gzip", "x-deflate": "deflate", "zlib": "deflate", "": "identity"}
_NOT_CODINGS = frozenset({"identity", "none", "utf-8", "utf8", "chunked"})
"""What senders write there that changes nothing."""


def unpack_body(body: bytes, content_encoding: str, limit: int) -> bytes:
    """The body without its layers of compression, at most ``limit`` bytes after each of them.

    Raises BodyRefused: 413 for more, 400 for a broken stream, 415 for a coding that isn't known.
    """
    if body[:1] in (b"{", b"["):  # most are no more than that
        return body
    codings = _read_codings(content_encoding)
    for _ in range(MAX_LAYERS):
        kind = _kind_of(body, codings[-1] if codings else "")
        if not kind:
            return body
        limit = min(limit, max(len(body) * _MAX_RATIO, _SMALL_BYTES))
        if kind == "gzip":
            body = gunzip(body, limit)
        elif kind == "deflate":
            body = inflate(body, limit)
        else:
            raise BodyRefused(415, responses.UNSUPPORTED_ENCODING, "unsupported_encoding")
        codings = codings[:-1]
    raise BodyRefused(400, responses.UNREADABLE_BODY, "invalid_gzip")


def _read_codings(header: str) -> list[str]:
    """In the order in which they were applied, without those that change nothing."""
    codings = []
    for part in header.lower().split(","):
        coding = part.partition(";")[0].strip(" \t\"'")
        coding = _NAMES.get(coding, coding)
        if coding not in _NOT_CODINGS:
            codings.append(coding)
    return codings


def _kind_of(body: bytes, stated: str) -> str:
    """The outermost coding of ``body``; "" for none."""
    if body[:2] == _GZIP_MAGIC:
        return "gzip"
    if body[:1] == b"x" and int.from_bytes(body[:2], "big") % 31 == 0 and body[1:2] not in _BLANKS:
        return "deflate"
    if body[:4] == _ZSTD_MAGIC:
        return "zstd"
    if not stated or body.lstrip(_BLANKS).startswith(_JSON_STARTS) or body[:3] == _BOM:
        return ""
    return stated


def gunzip(compressed: bytes, limit: int) -> bytes:
    """All members of a gzip stream; stops at ``limit`` bytes however much would come out.

    RudderStack answers 500 to a broken stream. That makes SDKs send the same bytes again and
    again, so this is a 400.
    """
    pieces: list[bytes] = []
    size = 0
    while compressed:
        piece, compressed = _decompress(compressed, _GZIP, limit - size)
        size += len(piece)
        if len(pieces) == _MAX_MEMBERS:
            raise BodyRefused(400, responses.UNREADABLE_BODY, "invalid_gzip")
        pieces.append(piece)
    return b"".join(pieces)


def inflate(compressed: bytes, limit: int) -> bytes:
    """A deflate stream with zlib's header, as RFC 9110 has it, or without, as some clients do."""
    start = int.from_bytes(compressed[:2], "big")
    has_header = start >> 8 & 0x0F == 8 and start % 31 == 0
    body, rest = _decompress(compressed, _ZLIB if has_header else _RAW, limit)
    if rest:
        raise BodyRefused(400, responses.UNREADABLE_BODY, "invalid_gzip")
    return body


def _decompress(compressed: bytes, window_bits: int, limit: int) -> tuple[bytes, bytes]:
    """What one stream holds, and what stands behind it."""
    stream = zlib.decompressobj(window_bits)
    try:
        piece = stream.decompress(compressed, limit + 1)
    except zlib.error as error:
        raise BodyRefused(400, responses.UNREADABLE_BODY, "invalid_gzip") from error
    if len(piece) > limit:
        raise BodyRefused(413, responses.TOO_LARGE, "request_too_large")
    if not stream.eof:
        raise BodyRefused(400, responses.UNREADABLE_BODY, "invalid_gzip")
    return piece, stream.unused_data


def to_utf8(body: bytes) -> bytes:
    """The same text as UTF-8 without a byte order mark; UTF-16 and UTF-32 are told by their
    NULs."""
    if body[:1] in (b"{", b"[") and body[1:2] != b"\x00":
        return body
    if body[:3] == _BOM:
        return body[3:]
    encoding = json.detect_encoding(body)
    if encoding == "utf-8":
        return body
    return body.decode(encoding, "replace").lstrip("\ufeff").encode("utf-8", "replace")
