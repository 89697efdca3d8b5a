"""Webhooks of other services: any JSON becomes events, without an SDK."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from deliveries.ingest import openapi
from deliveries.ingest.authentication import QueryWriteKeyAuthentication
from deliveries.ingest.defaults import NO_DEFAULTS
from deliveries.ingest.envelope import Arrival
from deliveries.ingest.judging import check_amount
from deliveries.ingest.views import EventView, refuse_empty

EVENT_NAME = "webhook_source_event"
"""RudderStack's name for what a webhook brings; the event map says what it means to Pinterest."""
_EVENT_TYPES = frozenset({"track", "page", "screen", "identify", "group", "alias", "merge"})


class WebhookView(EventView):
    """An object or a list of objects, or the query parameters of a GET."""

    authentication_classes = (QueryWriteKeyAuthentication,)
    http_method_names = ("get", "post", "options")  # a HEAD must not store what a GET stores
    schema_summary = "Webhook of another service"
    schema_description = (
        "A JSON object or a list of objects. An object that's already an event (with a type, and a "
        "userId or anonymousId) is accepted as is; any other becomes the properties of a track "
        "event "
        f'named "{EVENT_NAME}". The query parameters of a GET are treated as such an object.'
    )
    schema_request = openapi.WEBHOOK
    schema_examples: tuple[Any, ...] = ()

    def get(self, request: Request) -> HttpResponse:
        payload = {key: value for key, value in request._request.GET.items() if key != "writeKey"}
        # A query string can hold what JSON text cannot, so flaws are looked for.
        return self.take(request, self.wrap_all(request, payload), is_flawless=False)

    def post(self, request: Request) -> HttpResponse:
        parsed = self.read_or_refuse(request)
        return self.take(request, self.wrap_all(request, parsed.value), parsed.is_flawless)

    def wrap_all(self, request: Request, payload: Any) -> list[Any]:
        """The events in ``payload``. An empty one is noted as a refusal. Raises RequestRefused."""
        if payload in ({}, []):
            refuse_empty(request, "", "The webhook sent nothing.", payload)
        payloads = payload if isinstance(payload, list) else [payload]
        check_amount(payloads, NO_DEFAULTS)
        return [wrap(one) for one in payloads]

    def find_arrival(self, request: Request) -> Arrival:
        """Without an address: it is that of the other service and not of the customer."""
        return Arrival(timezone.now(), "")


def wrap(payload: Any) -> Any:
    """An event as it stands; another object inside a new event; anything else to be refused."""
    if not isinstance(payload, dict) or _is_event(payload):
        return payload
    return {
        "type": "track",
        "event": EVENT_NAME,
        "anonymousId": str(uuid.uuid4()),
        "properties": payload,
    }


def _is_event(payload: dict[str, Any]) -> bool:
    event_type = payload.get("type")
    return (
        isinstance(event_type, str)
        and event_type.strip().lower() in _EVENT_TYPES
        and bool(payload.get("userId") or payload.get("anonymousId"))
    )
