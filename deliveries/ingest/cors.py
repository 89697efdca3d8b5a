"""Cross-origin rules of the ingest routes: pages of any origin, or of those a source lists.

Settings of django-cors-headers are the same for every path and know nothing of write keys, so
these few headers are set here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpResponse
from django.utils.cache import patch_vary_headers

from deliveries.ingest import responses
from deliveries.ingest.responses import RequestRefused

METHODS = "GET, POST, HEAD"
HEADERS = (
    "authorization, content-type, content-encoding, anonymousid, sentat, "
    "rsa-retry-attempt, rsa-since-last-attempt, rsa-since-first-attempt, rsa-retry-reason, "
    "rsa-recovered, x-retry-count"
)
"""What the browser SDKs send; a preflight that asks for others gets those."""
MAX_AGE_SECONDS = 900

_DEFAULT_PORTS = {"https": 443, "http": 80}
_ORIGIN = re.compile(r"[\x21-\x7e]{1,255}")
_HEADER_NAMES = re.compile(r"[A-Za-z0-9_\-, ]{1,1000}")


def answer_preflight(meta: Mapping[str, Any]) -> HttpResponse:
    """204 for every origin: a preflight carries no write key, so no source's list can apply."""
    asked = meta.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
    response = HttpResponse(
        status=204,
        headers={
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": asked if _HEADER_NAMES.fullmatch(asked) else HEADERS,
            "Access-Control-Max-Age": str(MAX_AGE_SECONDS),
        },
    )
    patch_vary_headers(
        response, ("Access-Control-Request-Method", "Access-Control-Request-Headers")
    )
    del response["Content-Type"]
    allow_origin(response, meta, ())
    return response


def check_origin(meta: Mapping[str, Any], allowed_origins: tuple[str, ...]) -> None:
    """Raises RequestRefused 403 when a page of another origin than the listed ones sends.

    An image tag sends no Origin: there the Referer says which page it is on. What sends neither (a
    server, an app, a mail program, a page that hides where it is) is on no list and passes.
    """
    origin = meta.get("HTTP_ORIGIN") or _origin_of(meta.get("HTTP_REFERER", ""))
    if origin and not _is_allowed(origin, allowed_origins):
        raise RequestRefused(403, responses.ORIGIN_NOT_ALLOWED)


def allow_origin(
    response: HttpResponse, meta: Mapping[str, Any], allowed_origins: tuple[str, ...]
) -> None:
    """Let the page read the answer, errors too: an SDK must see whether it may send again."""
    origin = meta.get("HTTP_ORIGIN")
    if not origin:
        return
    patch_vary_headers(response, ("Origin",))
    if _ORIGIN.fullmatch(origin) and _is_allowed(origin, allowed_origins):
        response["Access-Control-Allow-Origin"] = origin
        response["Access-Control-Allow-Credentials"] = "true"
        if response.has_header("Retry-After"):
            response["Access-Control-Expose-Headers"] = "Retry-After"


def _origin_of(referer: str) -> str:
    """Scheme, host and port of a page's URL, as a browser writes an Origin; "" if it is none."""
    try:
        url = urlsplit(referer)
        host, port = url.hostname or "", url.port
    except ValueError:
        return ""
    if url.scheme not in _DEFAULT_PORTS or not host:
        return ""
    name = f"[{host}]" if ":" in host else host
    ending = "" if port in (None, _DEFAULT_PORTS[url.scheme]) else f":{port}"
    return f"{url.scheme}://{name}{ending}"


def _is_allowed(origin: str, allowed_origins: tuple[str, ...]) -> bool:
    if not allowed_origins:
        return True
    origin = origin.lower()
    return any(origin == allowed.rstrip("/").lower() for allowed in allowed_origins)
