"""Whether a request is known to have come in clear, where HTTPS_ONLY says that none may."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

_WRITTEN_BY_PROXIES = (
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_REAL_IP",
)


def came_in_clear(request: HttpRequest) -> bool:
    """A proxy said http, or there is no proxy. False when a proxy doesn't say which it was.

    What a client writes into X-Forwarded-Proto itself is no danger: all that it can do is to send
    its own key in clear. So the header counts even where no proxy is configured, and nobody is
    locked out, or redirected without end, by a proxy that TRUSTED_PROXY_COUNT leaves out.
    """
    if request.is_secure():
        return False
    said = request.META.get("HTTP_X_FORWARDED_PROTO", "").partition(",")[0].strip().lower()
    if said:
        return bool(said == "http")
    return not (
        settings.TRUSTED_PROXY_COUNT or any(name in request.META for name in _WRITTEN_BY_PROXIES)
    )
