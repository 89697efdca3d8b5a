"""Whether a request is known to have come in clear, where HTTPS_ONLY says that none may."""

from __future__ import annotations

from ipaddress import ip_address

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
    """A proxy said http, or the client itself is on the internet, so that there is no proxy.

    False when nobody can know: what ends TLS may hand on the bare connection (stunnel, a load
    balancer for TCP) from an address of its own network, and say nothing.

    What a client writes into X-Forwarded-Proto itself is no danger: all that it can do is to send
    its own key in clear. So the header counts even where no proxy is configured, and nobody is
    locked out, or redirected without end, by a proxy that TRUSTED_PROXY_COUNT leaves out.
    """
    if request.is_secure():
        return False
    said = request.META.get("HTTP_X_FORWARDED_PROTO", "").partition(",")[0].strip().lower()
    if said:
        return bool(said == "http")
    if settings.TRUSTED_PROXY_COUNT or any(name in request.META for name in _WRITTEN_BY_PROXIES):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_global
    except ValueError:
        return False
