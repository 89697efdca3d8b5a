"""Times on pages are in the zone of the browser, which relay.js writes into a cookie."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from deliveries.search.zones import find_zone

COOKIE = "relay_zone"


class ViewerZoneMiddleware:
    """UTC for a browser that has not said its zone yet, and for one that says nonsense."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(find_zone(request.COOKIES.get(COOKIE)) or UTC):
            return self.get_response(request)
