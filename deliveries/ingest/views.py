"""The endpoints for events: authenticate, read, accept or refuse each event, store, answer."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NoReturn, cast

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.views import APIView

from deliveries.ingest import openapi, responses
from deliveries.ingest.addresses import find_visitor_ip
from deliveries.ingest.authentication import (
    QueryWriteKeyAuthentication,
    WriteKeyAuthentication,
)
from deliveries.ingest.body import (
    RawBodyParser,
    charset_of,
    drain_body,
    read_json,
    read_text,
)
from deliveries.ingest.cors import allow_origin, answer_preflight, check_origin
from deliveries.ingest.defaults import NO_DEFAULTS, BatchDefaults, read_defaults
from deliveries.ingest.envelope import Arrival
from deliveries.ingest.judging import judge_events, read_batch
from deliveries.ingest.refusals import EventRefused, refuse_body, refuse_event
from deliveries.ingest.responses import BodyRefused, RequestRefused
from deliveries.ingest.store import store_request
from deliveries.ingest.strict_json import ParsedJSON
from deliveries.ingest.throttling import SourceThrottle, charge_for_events
from deliveries.stats import storage, traces
from destinations.routing import SourceRoutes

logger = logging.getLogger(__name__)

RETRY_SECONDS = "5"


def source_of(request: Request) -> SourceRoutes:
    """The source whose write key the request has: what ``WriteKeyAuthentication`` found."""
    source: Any = request.auth
    return cast(SourceRoutes, source)


class IngestView(APIView):
    """What all ingest routes share. No content negotiation, no renderers, no sessions."""

    authentication_classes: Sequence[type[WriteKeyAuthentication]] = (WriteKeyAuthentication,)
    parser_classes = (RawBodyParser,)
    throttle_classes = (SourceThrottle,)
    permission_classes = ()
    renderer_classes = ()
    default_response_headers: dict[str, str] = {}

    schema = openapi.IngestSchema()
    schema_tag = "events"
    schema_summary = ""
    schema_description = ""
    schema_request: Any = openapi.EVENT
    schema_responses: Any = {(200, "text/plain"): openapi.STORED, **openapi.ERRORS}
    schema_parameters: tuple[Any, ...] = ()
    schema_examples: tuple[Any, ...] = ()

    text: bytes | None = None
    parsed: ParsedJSON | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        method = (request.method or "").lower()
        if method == "options":
            return
        if not hasattr(self, method) or method not in self.http_method_names:
            allowed = ", ".join(self.allowed_methods)
            raise RequestRefused(405, responses.WRONG_METHOD, {"Allow": allowed})
        self.perform_authentication(request)
        source = source_of(request)
        note_for_log(request, source=source.source_id)
        check_origin(request.META, source.allowed_origins)
        self.check_throttles(request)

    def options(  # type: ignore[override]  # no renderers
        self, request: Request, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        return answer_preflight(request.META)

    def read_text(self, request: Request) -> bytes:
        """The body unpacked; read once, however often it is asked for. Raises BodyRefused."""
        if self.text is None:
            self.text = read_text(request._request)
        return self.text

    def read_body(self, request: Request) -> ParsedJSON:
        """The parsed body. Raises BodyRefused."""
        if self.parsed is None:
            self.parsed = read_json(self.read_text(request), charset_of(request._request))
            self.text = b""  # not both at once in memory
        return self.parsed

    def find_arrival(self, request: Request) -> Arrival:
        return Arrival(
            timezone.now(),
            find_visitor_ip(
                request.META, settings.TRUSTED_PROXY_COUNT, settings.TRUSTED_PROXY_HEADER
            ),
        )

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]  # no renderers
        if self.text is None:
            drain_body(self.request._request)
        if isinstance(exc, RequestRefused):
            note_for_log(self.request, answer=exc.text)
            return responses.refused(exc.status, exc.text, exc.headers)
        if isinstance(exc, Throttled):
            retry_after = {"Retry-After": str(int(getattr(exc, "wait", None) or 1))}
            return responses.refused(429, responses.TOO_MANY_REQUESTS, retry_after)
        if isinstance(exc, DatabaseError):
            storage.watch.note_failure()
            # The error's own text may quote what was to be stored.
            logger.error("Can't store events: %s.", describe_error(exc))
            return responses.refused(503, responses.NO_STORAGE, {"Retry-After": RETRY_SECONDS})
        raise exc

    def finalize_response(  # type: ignore[override]  # no renderers
        self, request: HttpRequest, response: HttpResponse, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if "HTTP_ORIGIN" in request.META and not response.has_header("Access-Control-Max-Age"):
            source = getattr(request, "_auth", None)
            allow_origin(response, request.META, source.allowed_origins if source else ())
        return response


class EventView(IngestView):
    """One event; the path names its type."""

    event_type = ""
    schema_description = (
        "A single event. The path says its type. Any content type; uncompressed, or compressed "
        "with "
        "gzip or deflate."
    )
    schema_examples = (openapi.EXAMPLE,)

    @property
    def schema_summary(self) -> str:  # type: ignore[override]  # read only, and so it is used
        return f"One {self.event_type} event"

    def post(self, request: Request) -> HttpResponse:
        parsed = self.read_or_refuse(request)
        return self.take(request, [parsed.value], parsed.is_flawless)

    def read_or_refuse(self, request: Request) -> ParsedJSON:
        """A body that holds no event is noted as a refusal before the request is refused."""
        try:
            return self.read_body(request)
        except BodyRefused as body_refused:
            refusal = refuse_body(body_refused.code, body_refused.text, body_refused.excerpt)
            store_request(source_of(request), [], [refusal], timezone.now())
            note_for_log(request, code=body_refused.code)
            raise

    def take(
        self,
        request: Request,
        events: list[Any],
        is_flawless: bool,
        defaults: BatchDefaults = NO_DEFAULTS,
    ) -> HttpResponse:
        """200 if at least one event was taken; else what RudderStack says of the first."""
        began_ns = traces.now_ns()
        arrival = self.find_arrival(request)
        accepted, refused = judge_events(events, self.event_type, arrival, is_flawless, defaults)
        store_request(source_of(request), accepted, refused, arrival.received_at)
        charge_for_events(request, len(events))
        note_for_log(request, events=len(events))
        if traces.is_on():
            ids = [one.message_id for one in accepted]
            traces.note_received(source_of(request).source_id, ids, len(refused), began_ns)
        if refused:
            note_for_log(request, refused=len(refused), code=refused[0].code)
        if not accepted:
            return responses.refused(400, refused[0].answer)
        return responses.accepted()


class TrackView(EventView):
    event_type = "track"


class PageView(EventView):
    event_type = "page"


class ScreenView(EventView):
    event_type = "screen"


class IdentifyView(EventView):
    event_type = "identify"


class GroupView(EventView):
    event_type = "group"


class AliasView(EventView):
    event_type = "alias"


class MergeView(EventView):
    event_type = "merge"


class AudienceListView(EventView):
    """Kept like every event, and filtered: the Conversions API accepts no lists of people."""

    event_type = "audiencelist"


class BatchView(EventView):
    """``{"batch": [event, …]}``; each event names its own type.

    ``context``, ``integrations``, ``traits`` and ``sentAt`` beside the list are defaults of each.
    """

    schema_summary = "A batch of events"
    schema_description = (
        "Each event has its own type and is checked separately: valid events are stored, the "
        "others "
        "are listed as invalid events. 400 only if none is valid. The batch's context, "
        "integrations, traits and sentAt are defaults for all events; an event's own values win, "
        "key by key."
    )
    schema_request = openapi.BATCH
    schema_examples = (openapi.BATCH_EXAMPLE,)

    def post(self, request: Request) -> HttpResponse:
        parsed = self.read_or_refuse(request)
        events = read_batch(parsed.value)
        if events is None:
            refuse_empty(request, "batch", "The body has no list of events.", parsed.value)
        return self.take(request, events, parsed.is_flawless, read_defaults(parsed.value))


class BeaconView(BatchView):
    """A batch from ``navigator.sendBeacon``, with the write key in the query."""

    authentication_classes = (QueryWriteKeyAuthentication,)
    schema_summary = "A batch from a browser's beacon"


def refuse_empty(request: Request, field: str, message: str, value: Any) -> NoReturn:
    """Note a request that holds no event at all as a refusal, then raise RequestRefused 400."""
    flaw = EventRefused("empty_batch", field, message).finding
    store_request(source_of(request), [], [refuse_event(flaw, value)], timezone.now())
    note_for_log(request, code=flaw.code)
    raise RequestRefused(400, responses.EMPTY_BATCH)


def note_for_log(request: Request, **fields: Any) -> None:
    """What the one line on this request says (``capi_project.observed``): IDs, codes, numbers."""
    noted: dict[str, Any] = request._request.__dict__.setdefault("log_fields", {})
    noted.update(fields)


def describe_error(error: BaseException) -> str:
    """An exception's type and SQLSTATE, without its text."""
    sqlstate = getattr(error.__cause__, "sqlstate", None)
    return f"{type(error).__name__} {sqlstate}" if sqlstate else type(error).__name__
