"""Events from an image tag: every query parameter is a field of the event."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import Throttled
from rest_framework.request import Request

from deliveries.ingest import openapi
from deliveries.ingest.authentication import HeaderWriteKeyAuthentication, WriteKeyAuthentication
from deliveries.ingest.encodings import to_utf8
from deliveries.ingest.envelope import Arrival, to_text
from deliveries.ingest.judging import judge_events
from deliveries.ingest.refusals import refuse_body
from deliveries.ingest.responses import BodyRefused, RequestRefused
from deliveries.ingest.store import store_request
from deliveries.ingest.strict_json import ParsedJSON, parse_json
from deliveries.ingest.views import IngestView, describe_error, source_of
from deliveries.stats import storage

logger = logging.getLogger(__name__)

GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""One transparent point."""
_DEEPEST = 10
_URL_SAFE = str.maketrans("-_", "+/")
_NO_JSON = "data isn't a Base64-encoded JSON object"


class PixelView(IngestView):
    """Always 200 and an image, whatever became of the event: nobody reads another answer."""

    authentication_classes: Sequence[type[WriteKeyAuthentication]] = (HeaderWriteKeyAuthentication,)
    http_method_names = ("get", "options")  # a HEAD must not store what a GET stores
    event_type = ""
    schema_description = "All other query parameters are fields; a.b=… nests."
    schema_responses = openapi.IMAGE

    @property
    def schema_summary(self) -> str:  # type: ignore[override]  # read only, and so it is used
        return f"One {self.event_type} event from an image tag"

    def get(self, request: Request) -> HttpResponse:
        arrival = self.find_arrival(request)
        event = self.read_event(request, arrival)
        # A query string can hold what JSON text cannot, so flaws are looked for.
        accepted, refused = judge_events([event], self.event_type, arrival, is_flawless=False)
        store_request(source_of(request), accepted, refused, arrival.received_at)
        return image()

    def read_event(self, request: Request, arrival: Arrival) -> Any:
        """The event in the query, with what the request says of the browser."""
        return build_event(request._request, to_text(arrival.received_at))

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]  # no renderers
        if isinstance(exc, RequestRefused | Throttled):
            return image()
        if isinstance(exc, DatabaseError):
            storage.watch.note_failure()
            logger.error("Can't store a pixel's event: %s.", describe_error(exc))
            return image()
        raise exc


class TrackPixelView(PixelView):
    event_type = "track"


class PagePixelView(PixelView):
    event_type = "page"


class EncodedPixelView(PixelView):
    """Segment's: the event as JSON in ``data``, Base64-encoded, with the write key in it."""

    authentication_classes = (WriteKeyAuthentication,)
    schema_description = "The event as Base64-encoded JSON in “data”, optionally with its writeKey."
    schema_parameters = (openapi.PIXEL_DATA,)

    def read_text(self, request: Request) -> bytes:
        return to_utf8(decode_data(request._request.GET.get("data", "")))

    def read_body(self, request: Request) -> ParsedJSON:
        if self.parsed is None:
            content = self.read_text(request)
            try:
                self.parsed = parse_json(content)
            except ValueError as error:
                raise BodyRefused(400, _NO_JSON, "invalid_json", content[:2000]) from error
        return self.parsed

    def read_event(self, request: Request, arrival: Arrival) -> Any:
        try:
            event = self.read_body(request).value
        except BodyRefused as refused:
            refusal = refuse_body(refused.code, refused.text, refused.excerpt)
            store_request(source_of(request), [], [refusal], arrival.received_at)
            raise
        if isinstance(event, dict):
            event = {key: value for key, value in event.items() if key != "writeKey"}
            add_browser(event, request._request)
        return event


def decode_data(text: str) -> bytes:
    """What ``data`` holds: Base64 of either alphabet, padded or not; or the JSON as it stands.

    Whatever is in neither form gives bytes that are no JSON.
    """
    if text.lstrip().startswith("{"):
        return text.encode("utf-8", "surrogatepass")
    # A plus sign that nobody escaped arrives as a blank, an escaped percent sign as %3D.
    text = unquote(text).replace(" ", "+").translate(_URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""


def build_event(request: HttpRequest, now: str) -> dict[str, Any]:
    """``context.page.url=…`` nests."""
    event: dict[str, Any] = {}
    for path, value in request.GET.items():
        if path != "writeKey":
            _put(event, path, str(value))
    event.setdefault("integrations", {"All": True})
    event.setdefault("originalTimestamp", now)
    event.setdefault("sentAt", now)
    add_browser(event, request)
    return event


def add_browser(event: dict[str, Any], request: HttpRequest) -> None:
    """The browser's name and that it is one, for Pinterest matches by it."""
    event.setdefault("channel", "web")
    if user_agent := request.META.get("HTTP_USER_AGENT", ""):
        _put(event, "context.userAgent", user_agent)


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
