"""Whose events are these? A write key, from wherever the SDKs put it."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from deliveries.ingest import responses
from deliveries.ingest.responses import BodyRefused, RequestRefused
from deliveries.ingest.strict_json import ParsedJSON
from destinations.routing import SourceRoutes, routes_for

MAX_WRITE_KEY = 100


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
        return None, find_source(write_key)

    no_write_key_text = responses.NO_WRITE_KEY_IN_HEADER

    def read_from_body(self, request: Request) -> str:
        view: Any = request.parser_context["view"]
        try:
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


def find_source(write_key: str) -> SourceRoutes:
    """The enabled source with this key. Raises RequestRefused."""
    source = None
    # What no stored key can be like costs no query.
    if len(write_key) <= MAX_WRITE_KEY and write_key.isascii() and write_key.isprintable():
        source = routes_for(write_key)
    if source is None:
        raise RequestRefused(401, responses.UNKNOWN_WRITE_KEY)
    if not source.enabled:
        raise RequestRefused(404, responses.SOURCE_DISABLED)
    return source


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
