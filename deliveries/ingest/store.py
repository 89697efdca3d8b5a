"""From accepted and refused events to rows that are committed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from deliveries.db.compression import pack_event
from deliveries.engine.planning import PlannedDelivery, keeps_body, plan_deliveries
from deliveries.engine.wakeups import wake
from deliveries.identity.later_consent import Heard, hear, settle_consent
from deliveries.identity.writing import Note, NoteTaker, draft_people, settle_people
from deliveries.ingest.conflicts import find_conflicts, is_same_event
from deliveries.ingest.envelope import AcceptedEvent
from deliveries.ingest.group_commit import GroupCommit
from deliveries.ingest.refusals import RefusedEvent
from deliveries.ingest.statements import EventRow, OwedRow, RefusalRow, Rows, Written, write_rows
from destinations.pinterest.consent import denies_consent
from destinations.routing import SourceRoutes

EventKey = tuple[int, str]
"""Source and message ID: what an event is known by."""

Planned = tuple[EventRow, list[PlannedDelivery]]
"""An event and what it owes."""


@dataclass(frozen=True, slots=True)
class Intake:
    """What one request brought, ready to be written.

    ``doubles``: events under the message ID of an event in ``events``, with other content.
    ``notes``: what the events say of people, as far as it may be new. ``heard``: what they say of
    consent to destinations that wait for it.
    """

    events: dict[EventKey, Planned]
    doubles: list[Planned]
    refusals: list[RefusalRow]
    notes: list[Note]
    heard: Sequence[Heard] = ()

    def __len__(self) -> int:
        return len(self.events) + len(self.doubles) + len(self.refusals)

    def size_bytes(self) -> int:
        """The bytes of the events' bodies as stored."""
        return sum(len(event.body or b"") for event, _ in self.events.values())


def store_request(
    source: SourceRoutes,
    accepted: Sequence[AcceptedEvent],
    refused: Sequence[RefusedEvent],
    received_at: datetime,
) -> None:
    """Store what one request brought; returns after the commit.

    An event that this source has sent before, or twice in this request, is stored once; another
    one under its message ID is stored as well (``conflicts.py``). All of the request or nothing:
    raises django.db.Error, and then the sender has to send it again. Requests that arrive while
    another one is written share the next transaction.
    """
    submit(prepare_intake(source, accepted, refused, received_at))


def submit(intake: Intake) -> None:
    """Store what was prepared; returns after the commit. Raises as ``store_request`` does."""
    _groups.submit(intake)


def prepare_intake(
    source: SourceRoutes,
    accepted: Sequence[AcceptedEvent],
    refused: Sequence[RefusedEvent],
    received_at: datetime,
) -> Intake:
    """All the work on rows that needs no database."""
    source_id = source.source_id
    events: dict[EventKey, Planned] = {}
    doubles: list[Planned] = []
    firsts: dict[str, AcceptedEvent] = {}
    notes: list[Note] = []
    space = source.identity_space
    notes_of = NoteTaker(source, space, received_at) if space is not None else None
    heard: list[Heard] = []
    for one in accepted:
        first = firsts.setdefault(one.message_id, one)
        if first is not one and is_same_event(first.event, one.event):
            continue
        deliveries = plan_deliveries(one.event, source.routes, source.hears_consent)
        body = pack_event(one.body) if keeps_body(deliveries) else None
        if (
            notes_of is not None
            and (body is not None or denies_consent(one.event))
            and (note := notes_of.note(one.event))
        ):
            notes.append(note)
        if source.hears_consent:
            # What isn't kept, or is to get another ID, can't be sent later.
            waits = (
                {planned.destination_id for planned in deliveries if planned.waits}
                if body is not None and first is one
                else ()
            )
            if said := hear(one.event, one.message_id, source, waits, received_at):
                heard.append(said)
        row = EventRow(source_id, one.message_id, one.type, one.name, received_at, body)
        planned = (row, deliveries)
        if first is one:
            events[source_id, one.message_id] = planned
        else:
            doubles.append(planned)
    refusals = [_refusal_row(source_id, received_at, one) for one in refused]
    return Intake(events, doubles, refusals, notes, heard)


def write_intakes(intakes: Sequence[Intake]) -> set[int]:
    """One transaction for the requests of a group. Returns the destinations to wake workers for.

    A message ID that is known already takes a second look, and a second transaction if its event is
    another one. Nobody has been answered 200 before that.
    """
    firsts, doubles = merge_intakes(intakes)
    refusals = [row for intake in intakes for row in intake.refusals]
    notes = [note for intake in intakes for note in intake.notes]
    written = write_or_reconnect(make_rows(firsts, refusals), notes)
    if heard := [intake.heard for intake in intakes if intake.heard]:
        reopened = settle_consent(heard, timezone.now())
        written = written._replace(destination_ids=written.destination_ids | reopened)
    if not doubles and written.event_count == len(firsts):
        return written.destination_ids
    candidates = [*firsts, *doubles]
    others: list[Planned] = []
    conflicts: list[RefusalRow] = []
    for conflict in find_conflicts([row for row, _ in candidates]):
        row = conflict.row
        others.append((row, candidates[conflict.position][1]))
        conflicts.append(_refusal_row(row.source_id, row.received_at, conflict.refusal))
    if not others:
        return written.destination_ids
    return written.destination_ids | write_rows(make_rows(others, conflicts)).destination_ids


def write_or_reconnect(rows: Rows, notes: Sequence[Note] = ()) -> Written:
    """Write all or nothing.

    A connection that turns out to be dead (the database was restarted) is replaced once, instead
    of asking before each write whether it lives. Message IDs make writing twice harmless.
    """
    try:
        return _write(rows, notes)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block or connection.is_usable():
            raise
        connection.close()
        return _write(rows, notes)


def _write(rows: Rows, notes: Sequence[Note]) -> Written:
    """Events, and with them in one transaction what they say of people, if that is new."""
    if not notes:
        return write_rows(rows)
    now = timezone.now()
    draft = draft_people(notes, now)
    written = write_rows(rows, draft)
    reopened = settle_people(notes, draft, written.people_count, written.is_awaited, now)
    return written._replace(destination_ids=written.destination_ids | reopened)


def wake_workers(destination_ids: set[int]) -> None:
    """Wake workers once the events can be seen by others."""
    if destination_ids:
        transaction.on_commit(lambda: wake(destination_ids))


def merge_intakes(intakes: Sequence[Intake]) -> tuple[list[Planned], list[Planned]]:
    """The first event of each message ID, and what came under the same ones after it."""
    firsts: dict[EventKey, Planned] = {}
    doubles: list[Planned] = []
    for intake in intakes:
        for key, event in intake.events.items():
            if firsts.setdefault(key, event) is not event:
                doubles.append(event)
        doubles += intake.doubles
    return list(firsts.values()), doubles


def _refusal_row(source_id: int, received_at: datetime, one: RefusedEvent) -> RefusalRow:
    return RefusalRow(source_id, received_at, one.code, one.field, one.message, one.excerpt)


def make_rows(events: Sequence[Planned], refusals: Sequence[RefusalRow]) -> Rows:
    """The rows of events, whose keys differ, and of refusals."""
    in_order = sorted(events, key=lambda event: event[0][:2])
    owed: list[OwedRow] = []
    for position, (_, planned) in enumerate(in_order, start=1):
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
    return Rows([row for row, _ in in_order], owed, refusals)


_groups = GroupCommit(write_intakes, wake_workers)
