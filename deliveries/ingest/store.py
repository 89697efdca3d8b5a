"""From accepted and refused events to rows that are committed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import InterfaceError, OperationalError, connection, transaction

from deliveries.db.compression import pack
from deliveries.engine.planning import PlannedDelivery, plan_deliveries
from deliveries.engine.wakeups import wake
from deliveries.ingest.envelope import AcceptedEvent
from deliveries.ingest.group_commit import GroupCommit
from deliveries.ingest.refusals import RefusedEvent
from deliveries.ingest.statements import EventRow, OwedRow, RefusalRow, Rows, write_rows
from destinations.routing import SourceRoutes

EventKey = tuple[int, str]
"""Source and message ID: what makes an event the same event."""


@dataclass(frozen=True, slots=True)
class Intake:
    """What one request brought, ready to be written."""

    events: dict[EventKey, tuple[EventRow, list[PlannedDelivery]]]
    refusals: list[RefusalRow]

    def __len__(self) -> int:
        return len(self.events) + len(self.refusals)

    def size_bytes(self) -> int:
        """The bytes of the events' bodies as stored."""
        return sum(len(event.body) for event, _ in self.events.values())


def store_request(
    source: SourceRoutes,
    accepted: Sequence[AcceptedEvent],
    refused: Sequence[RefusedEvent],
    received_at: datetime,
) -> None:
    """Store what one request brought; returns after the commit.

    A message ID that this source has sent before, or twice in this request, is stored once. All
    of the request or nothing: raises django.db.Error, and then nothing is stored. Requests that
    arrive while another one is written share the next transaction.
    """
    _groups.submit(prepare_intake(source, accepted, refused, received_at))


def prepare_intake(
    source: SourceRoutes,
    accepted: Sequence[AcceptedEvent],
    refused: Sequence[RefusedEvent],
    received_at: datetime,
) -> Intake:
    """All the work on rows that needs no database."""
    source_id = source.source_id
    events: dict[EventKey, tuple[EventRow, list[PlannedDelivery]]] = {}
    for one in accepted:
        key = (source_id, one.message_id)
        if key not in events:
            row = EventRow(
                source_id, one.message_id, one.type, one.name, received_at, pack(one.body)
            )
            events[key] = (row, plan_deliveries(one.event, source.routes))
    refusals = [
        RefusalRow(source_id, received_at, one.code, one.field, one.message, one.excerpt)
        for one in refused
    ]
    return Intake(events, refusals)


def write_intakes(intakes: Sequence[Intake]) -> set[int]:
    """One transaction for the requests of a group. Returns the destinations to wake workers for.

    A connection that turns out to be dead (the database was restarted) is replaced once, instead
    of asking before each write whether it lives. Message IDs make writing twice harmless.
    """
    rows = merge_intakes(intakes)
    try:
        return write_rows(rows)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block or connection.is_usable():
            raise
        connection.close()
        return write_rows(rows)


def wake_workers(destination_ids: set[int]) -> None:
    """Wake workers once the events can be seen by others."""
    if destination_ids:
        transaction.on_commit(lambda: wake(destination_ids))


def merge_intakes(intakes: Sequence[Intake]) -> Rows:
    """The rows of all; of equal events that of the first request."""
    merged: dict[EventKey, tuple[EventRow, list[PlannedDelivery]]] = {}
    for intake in reversed(intakes):
        merged.update(intake.events)
    events: list[EventRow] = []
    owed: list[OwedRow] = []
    for position, key in enumerate(sorted(merged), start=1):
        row, planned = merged[key]
        events.append(row)
        owed += [
            OwedRow(
                position,
                one.destination_id,
                one.conversion_name,
                one.status,
                one.error_stage,
                one.error_code,
                one.error_field,
                one.error_message,
            )
            for one in planned
        ]
    return Rows(events, owed, [row for intake in intakes for row in intake.refusals])


_groups = GroupCommit(write_intakes, wake_workers)
