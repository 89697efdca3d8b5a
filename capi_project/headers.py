"""Headers that tell the browser what a page may do: nothing from outside, nothing framed."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

POLICY = "; ".join(
    (
        "default-src 'self'",
        # Alpine.js, which django-unfold builds its menus with, evaluates its attributes.
        "script-src 'self' 'unsafe-eval'",
        # django-unfold writes its colours into a style element, HTMX and Swagger UI add their own.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",  # Swagger UI draws its arrows so
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
    )
)
PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in ("camera", "microphone", "geolocation", "payment", "usb", "browsing-topics")
)


class PageHeadersMiddleware:
    """Adds them to every answer that has none of its own. Answers to SDKs do not come by here."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        return response
