"""Whose events are these? A write key, from wherever the SDKs put it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

import orjson
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from deliveries.ingest import responses, unknown_keys
from deliveries.ingest.responses import BodyRefused, RequestRefused
from deliveries.ingest.strict_json import ParsedJSON
from destinations.routing import SourceRoutes, routes_for

MAX_WRITE_KEY = 100
_WRITE_KEYS = re.compile(
    rb'"writeKey"\s{0,20}:\s{0,20}"((?:[^"\\]|\\.){1,%d})' % (MAX_WRITE_KEY + 1)
)
_MAX_LOOKED_AT, _MAX_CANDIDATES = 20, 3  # a batch may repeat its key in each event


class WriteKeyAuthentication(BaseAuthentication):
    """``request.auth`` becomes the source (SourceRoutes); there is no user.

    Looked for as the user name of Basic auth, then as ``?writeKey=``, then as ``writeKey`` in the
    body (old Segment SDKs). Raises RequestRefused 401 (no key, unknown key) or 404 (disabled).
    """

    def authenticate(self, request: Request) -> tuple[None, SourceRoutes]:
        write_key = (
            read_basic_user(request.META.get("HTTP_AUTHORIZATION", ""))
            or request.query_params.get("writeKey", "")
            or self.read_from_body(request)
        )
        if not write_key:
            raise RequestRefused(401, self.no_write_key_text)
        return None, find_source(write_key, request.META)

    no_write_key_text = responses.NO_WRITE_KEY_IN_HEADER

    def read_from_body(self, request: Request) -> str:
        """Nothing is parsed for somebody without a key that exists: it is in the bytes first."""
        view: Any = request.parser_context["view"]
        try:
            candidates = find_write_keys(view.read_text(request))
            if not any(map(look_up, candidates)):
                return candidates[0] if candidates else ""
            parsed: ParsedJSON = view.read_body(request)
        except BodyRefused as refused:
            if refused.status == 400:
                return ""
            raise
        write_key = parsed.value.get("writeKey") if isinstance(parsed.value, dict) else None
        return write_key if isinstance(write_key, str) else ""


class QueryWriteKeyAuthentication(WriteKeyAuthentication):
    """For browsers' beacons, which can send no header."""

    no_write_key_text = responses.NO_WRITE_KEY_IN_QUERY


class HeaderWriteKeyAuthentication(WriteKeyAuthentication):
    """For requests without a body."""

    def read_from_body(self, request: Request) -> str:
        return ""


def find_write_keys(body: bytes) -> list[str]:
    """The first few texts that stand as a ``writeKey`` anywhere in a body."""
    found: dict[str, None] = {}
    for match in islice(_WRITE_KEYS.finditer(body), _MAX_LOOKED_AT):
        found[_unescape(match[1])] = None
        if len(found) == _MAX_CANDIDATES:
            break
    return list(found)


def _unescape(text: bytes) -> str:
    """A text of JSON as it is meant; one that is cut is no key of anybody, and stays as it is."""
    try:
        return str(orjson.loads(b'"%b"' % text))
    except orjson.JSONDecodeError:
        return text.decode("latin-1")


def find_source(write_key: str, meta: Mapping[str, Any]) -> SourceRoutes:
    """The enabled source with this key. Raises RequestRefused, and counts a key that no source
    has."""
    source = look_up(write_key)
    if source is None:
        unknown_keys.note(write_key, meta)
        raise RequestRefused(401, responses.UNKNOWN_WRITE_KEY)
    if not source.enabled:
        raise RequestRefused(404, responses.SOURCE_DISABLED)
    return source


def look_up(write_key: str) -> SourceRoutes | None:
    """The source with this key, enabled or not; what no stored key can be like costs no query."""
    if len(write_key) <= MAX_WRITE_KEY and write_key.isascii() and write_key.isprintable():
        return routes_for(write_key)
    return None


def read_basic_user(header: str) -> str:
    """The user name of an Authorization header; "" when there is none. The password is ignored."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        decoded = base64.b64decode(credentials.strip(), validate=False)
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(b":")[0].decode("latin-1").strip()
