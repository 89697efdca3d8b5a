"""Events, what is owed for them, and refusals: one transaction, at most three statements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from deliveries.bodies import pack
from deliveries.bulk import insert_rows
from deliveries.doorbell import ring
from deliveries.ingest.envelope import AcceptedEvent
from deliveries.ingest.refusals import RefusedEvent
from deliveries.models import Delivery, Event, Refusal
from deliveries.planning import PlannedDelivery, plan_deliveries
from deliveries.statuses import OPEN
from destinations.routing import SourceRoutes

EVENT_COLUMNS = ("source_id", "message_id", "type", "name", "received_at", "body")
REFUSAL_COLUMNS = ("source_id", "received_at", "code", "field", "message", "excerpt")
DELIVERY_COLUMNS = (
    "event_id",
    "destination_id",
    "conversion_name",
    "status",
    "due_at",
    "attempt_count",
    "created_at",
    "settled_at",
    "conversion_event_id",
    "error_stage",
    "error_code",
    "error_field",
    "error_message",
    "warnings",
)


def store_request(
    source: SourceRoutes,
    accepted: Sequence[AcceptedEvent],
    refused: Sequence[RefusedEvent],
    received_at: datetime,
) -> int:
    """Store what one request brought; returns how many events were new.

    A message ID that this source has sent before, or twice in this request, is stored once. All
    or nothing: raises django.db.Error, and then nothing is stored. Workers are woken after the
    commit.
    """
    first: dict[str, AcceptedEvent] = {}
    for event in accepted:
        first.setdefault(event.message_id, event)
    event_rows = [
        (source.source_id, event.message_id, event.type, event.name, received_at, pack(event.body))
        for event in first.values()
    ]
    plans = {
        message_id: plan_deliveries(event.event, source.routes)
        for message_id, event in first.items()
    }
    refusal_rows = [
        (
            source.source_id,
            received_at,
            refusal.code,
            refusal.field,
            refusal.message,
            refusal.excerpt,
        )
        for refusal in refused
    ]
    stored: list[tuple[Any, ...]] = []
    with transaction.atomic():
        if event_rows:
            stored = insert_rows(
                Event,
                EVENT_COLUMNS,
                event_rows,
                returning=("id", "message_id"),
                ignore_conflicts=True,
            )
        delivery_rows = [
            _delivery_row(event_id, planned, received_at)
            for event_id, message_id in stored
            for planned in plans[message_id]
        ]
        if delivery_rows:
            insert_rows(Delivery, DELIVERY_COLUMNS, delivery_rows)
        if refusal_rows:
            insert_rows(Refusal, REFUSAL_COLUMNS, refusal_rows)
        waiting = {row[1] for row in delivery_rows if row[4] is not None}
        if waiting:
            transaction.on_commit(lambda: ring(waiting))
    return len(stored)


def _delivery_row(
    event_id: int, planned: PlannedDelivery, received_at: datetime
) -> tuple[Any, ...]:
    is_open = planned.status in OPEN
    return (
        event_id,
        planned.destination_id,
        planned.conversion_name,
        planned.status,
        received_at if is_open else None,
        0,
        received_at,
        None if is_open else received_at,
        "",
        planned.error_stage,
        planned.error_code,
        planned.error_field,
        planned.error_message,
        [],
    )
