"""Events from an image tag: every query parameter is a field of the event."""

from __future__ import annotations

import base64
import logging
from typing import Any

from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import Throttled
from rest_framework.request import Request

from deliveries.ingest import openapi
from deliveries.ingest.authentication import HeaderWriteKeyAuthentication
from deliveries.ingest.envelope import to_text
from deliveries.ingest.refusals import limit_refusals
from deliveries.ingest.responses import RequestRefused
from deliveries.ingest.store import store_request
from deliveries.ingest.views import IngestView, describe_error, judge_events

logger = logging.getLogger(__name__)

GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""One transparent point."""
_DEEPEST = 10


class PixelView(IngestView):
    """Always 200 and an image, whatever became of the event: nobody reads another answer."""

    authentication_classes = (HeaderWriteKeyAuthentication,)
    http_method_names = ("get", "options")  # a HEAD must not store what a GET stores
    event_type = ""
    schema_description = "Every other query parameter is a field; a.b=… nests."
    schema_responses = openapi.IMAGE

    @property
    def schema_summary(self) -> str:
        return f"One {self.event_type} event from an image tag"

    def get(self, request: Request) -> HttpResponse:
        arrival = self.find_arrival(request)
        event = build_event(request._request, to_text(arrival.received_at))
        # A query string can hold what JSON text cannot, so flaws are looked for.
        accepted, refused = judge_events([event], self.event_type, arrival, is_flawless=False)
        store_request(request.auth, accepted, limit_refusals(refused), arrival.received_at)
        return image()

    def handle_exception(self, exc: Exception) -> HttpResponse:
        if isinstance(exc, RequestRefused | Throttled):
            return image()
        if isinstance(exc, DatabaseError):
            logger.error("A pixel's event cannot be stored: %s.", describe_error(exc))
            return image()
        raise exc


class TrackPixelView(PixelView):
    event_type = "track"


class PagePixelView(PixelView):
    event_type = "page"


def build_event(request: HttpRequest, now: str) -> dict[str, Any]:
    """``context.page.url=…`` nests; the browser's name is added, for Pinterest matches by it."""
    event: dict[str, Any] = {}
    for path, value in request.GET.items():
        if path != "writeKey":
            _put(event, path, value)
    event.setdefault("channel", "web")
    event.setdefault("integrations", {"All": True})
    event.setdefault("originalTimestamp", now)
    event.setdefault("sentAt", now)
    if user_agent := request.META.get("HTTP_USER_AGENT", ""):
        _put(event, "context.userAgent", user_agent)
    return event


def _put(event: dict[str, Any], path: str, value: str) -> None:
    """A path that runs through a text or is too deep becomes one key as it stands."""
    *parents, key = path.split(".", _DEEPEST)
    holder = event
    for parent in parents:
        inner = holder.setdefault(parent, {})
        if not isinstance(inner, dict):
            event.setdefault(path, value)
            return
        holder = inner
    holder.setdefault(key, value)


def image() -> HttpResponse:
    return HttpResponse(GIF, content_type="image/gif", headers={"Cache-Control": "no-store"})
