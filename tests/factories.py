"""Sources, destinations and events for tests: usable as they are, every field can be given."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import orjson
from django.utils import timezone

from deliveries.db.compression import pack
from deliveries.models import Delivery, Event
from destinations.models import Destination, EventMapping, Source

_numbers = itertools.count(1)

ADVERTISER_ID = "549755885175"
TOKEN = "sandbox-token"


def make_source(**fields: Any) -> Source:
    number = next(_numbers)
    fields.setdefault("name", f"Shop {number}")
    fields.setdefault("write_key", f"write-key-{number}")
    return Source.objects.create(**fields)


def make_destination(
    *, sources: list[Source] | None = None, event_map: dict[str, str] | None = None, **fields: Any
) -> Destination:
    """A v5 sandbox destination, linked to ``sources`` (one new source when None)."""
    fields.setdefault("name", f"Pinterest {next(_numbers)}")
    fields.setdefault("service", Destination.Service.SANDBOX)
    fields.setdefault("advertiser_id", ADVERTISER_ID)
    fields.setdefault("conversion_token", TOKEN)
    destination = Destination.objects.create(**fields)
    destination.sources.set([make_source()] if sources is None else sources)
    for source_event_name, pinterest_event_name in (event_map or {}).items():
        EventMapping.objects.create(
            destination=destination,
            source_event_name=source_event_name,
            pinterest_event_name=pinterest_event_name,
        )
    return destination


def make_event(**fields: Any) -> dict[str, Any]:
    """An "Order Completed" that transforms without errors, as a sender would post it."""
    number = next(_numbers)
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": f"message-{number}",
        "userId": f"user-{number}",
        "properties": {"order_id": f"order-{number}", "value": 35.0, "currency": "USD"},
        "context": {"traits": {"email": f"alex{number}@example.com"}},
        **fields,
    }


def make_deliveries(
    destination: Destination,
    count: int = 1,
    *,
    events: list[dict[str, Any]] | None = None,
    conversion_name: str = "checkout",
    age_seconds: float = 60,
) -> list[Delivery]:
    """Stored events with a pending delivery each, due since ``age_seconds``; in event order."""
    source = destination.sources.first() or make_source()
    due_at = timezone.now() - timedelta(seconds=age_seconds)
    deliveries = []
    for event in events or [make_event() for _ in range(count)]:
        event.setdefault("timestamp", due_at.isoformat())
        stored = Event.objects.create(
            source=source,
            message_id=event["messageId"],
            type=event["type"],
            name=str(event.get("event", ""))[:255],  # as ingest stores it
            received_at=due_at,
            body=pack(orjson.dumps(event)),
        )
        deliveries.append(
            Delivery.objects.create(
                event=stored,
                destination=destination,
                conversion_name=conversion_name,
                due_at=due_at,
                created_at=due_at,
            )
        )
    return deliveries
