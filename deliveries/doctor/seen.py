"""A test request to the public URL, and how the server that answers it was asked.

The request carries a signed time; whoever can't sign learns nothing from ``/version``.
"""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core import signing

HEADER = "X-Relay-Doctor"
ENVIRON = "HTTP_X_RELAY_DOCTOR"
SECONDS = 5.0
_SALT = "deliveries.doctor"
_MOST_BYTES = 10_000


class Unreachable(Exception):
    """Why there was no usable response, in a few words."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow none: the URL is to be the one that works."""


def is_ours(meta: Mapping[str, Any]) -> bool:
    """Whether a request was sent by ``ask`` within the last minute."""
    if ENVIRON not in meta:
        return False
    try:
        signing.loads(str(meta[ENVIRON]), salt=_SALT, max_age=60)
    except signing.BadSignature:
        return False
    return True


def ask(base_url: str) -> dict[str, str]:
    """What ``/version`` says there: Version, and with this installation's key ``scheme``,
    ``address``. Raises Unreachable."""
    prefix = f"/{settings.URL_PREFIX}" if settings.URL_PREFIX else ""
    request = urllib.request.Request(
        f"{base_url}{prefix}/version",
        headers={HEADER: signing.dumps(1, salt=_SALT), "User-Agent": "CAPI Relay doctor"},
    )
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(request, timeout=SECONDS) as response:
            answer = json.loads(response.read(_MOST_BYTES))
    except urllib.error.HTTPError as error:
        raise Unreachable(f"HTTP {error.code}") from error
    except urllib.error.URLError as error:
        reason = error.reason
        if isinstance(reason, ssl.SSLError):
            raise Unreachable(f"TLS: {reason.reason or type(reason).__name__}") from error
        raise Unreachable(getattr(reason, "strerror", None) or str(reason)) from error
    except (OSError, ValueError) as error:
        raise Unreachable(type(error).__name__) from error
    if not isinstance(answer, dict) or "Version" not in answer:
        raise Unreachable("no CAPI Relay")
    seen = answer.get("Seen")
    return {"Version": str(answer["Version"]), **(seen if isinstance(seen, dict) else {})}
