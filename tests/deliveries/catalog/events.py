"""Stored events for the tests of the catalog, and the upkeep that takes them in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson
from django.utils import timezone

from deliveries.catalog.counting import catalog_events
from deliveries.db.compression import pack
from deliveries.models import Event
from destinations.models import Source
from tests.factories import make_event


def store(
    source: Source,
    name: str,
    count: int = 1,
    *,
    kind: str = "track",
    at: datetime | None = None,
    **fields: Any,
) -> list[Event]:
    """``count`` events of this name as ingest stores them."""
    moment = at or timezone.now()
    rows = []
    for _ in range(count):
        event = make_event(type=kind, event=name, timestamp=moment.isoformat(), **fields)
        rows.append(
            Event(
                source=source,
                message_id=event["messageId"],
                type=kind,
                name=name,
                received_at=moment,
                body=pack(orjson.dumps(event)),
            )
        )
    return Event.objects.bulk_create(rows)


def take_in(now: datetime | None = None) -> int:
    """All that is stored, as two runs of the task do it."""
    now = now or timezone.now()
    catalog_events(now)
    return catalog_events(now + timedelta(seconds=31))
