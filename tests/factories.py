"""Sources, destinations and events for tests: usable as they are, every field can be given."""

from __future__ import annotations

import itertools
from typing import Any

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
