"""The writes of ingest: one statement on PostgreSQL, one short transaction elsewhere.

On PostgreSQL a round trip costs more than the rows it carries. So events, what is owed for those
of them that are new, and refusals go out as one statement, which is a transaction of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import accumulate
from typing import Any, NamedTuple

import psycopg
from django.db import connection, transaction

from deliveries.db.bulk_sql import insert_rows
from deliveries.engine.types import NewDelivery
from deliveries.identity.second_chance import reminder_at
from deliveries.identity.writing import NO_PEOPLE, Draft, PersonRow, write_people
from deliveries.models import Delivery, Event, Refusal, Tally
from deliveries.stats.tallies import (
    BUCKET_SECONDS,
    COUNTED_WITH_CODE,
    RECEIVED,
    REFUSAL,
    REFUSED,
    UNROUTED,
    bucket_of,
)
from deliveries.stats.tallies import COLUMNS as TALLY_COLUMNS
from deliveries.statuses import OPEN, DeliveryStatus


class EventRow(NamedTuple):
    """Columns of a new event."""

    source_id: int
    message_id: str
    type: str
    name: str
    received_at: datetime
    body: bytes | None
    """None: nothing of it is kept."""


class OwedRow(NamedTuple):
    """What an event owes if it is new; ``position``: its event's place among the rows, from 1."""

    position: int
    destination_id: int
    conversion_name: str
    status: str
    error_stage: str
    error_code: str
    error_field: str
    error_message: str


class RefusalRow(NamedTuple):
    """Columns of a refusal."""

    source_id: int
    received_at: datetime
    code: str
    field: str
    message: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class Rows:
    """What to write. Events have different keys (source and message ID) and are in their order:
    two writers with the same events then wait for each other and cannot deadlock."""

    events: Sequence[EventRow]
    owed: Sequence[OwedRow]
    refusals: Sequence[RefusalRow]


class Written(NamedTuple):
    """The destinations that have something to be sent now, and how many events were new.

    ``people_count``: how many people were written; the others have been changed since they were
    read. ``is_awaited``: a delivery may wait for one of whom more is known now.
    """

    destination_ids: set[int]
    event_count: int
    people_count: int = 0
    is_awaited: bool = False


def write_rows(rows: Rows, people: Draft = NO_PEOPLE) -> Written:
    """Write all or nothing; events whose message ID is known are left out, and what they owe.

    Of ``people`` are left out those whom somebody else has changed. Raises django.db.Error.
    """
    if connection.vendor == "postgresql":
        return _write_at_once(rows, people)
    return _write_in_turn(rows, people)


_METRIC_OF_STATUS = " ".join(
    f"WHEN '{status}' THEN '{metric}'"
    for status, metric in COUNTED_WITH_CODE.items()
    if status not in OPEN
)
_ONE_STATEMENT = f"""
WITH sent AS (
    SELECT * FROM unnest(
        %s::bigint[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::int[], %s::int[]
    ) WITH ORDINALITY
    AS s(source_id, message_id, type, name, received_at, body_start, body_length, position)
), bodies AS MATERIALIZED (
    SELECT %s::bytea AS joined
), new_event AS (
    INSERT INTO deliveries_event (source_id, message_id, type, name, received_at, body)
    SELECT source_id, message_id, type, name, received_at,
        substring(bodies.joined FROM body_start FOR body_length)
    FROM sent, bodies ORDER BY position
    ON CONFLICT DO NOTHING
    RETURNING id, source_id, message_id, received_at
), owed AS (
    SELECT * FROM unnest(
        %s::int[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
        %s::text[]
    ) AS o(position, destination_id, conversion_name, status, error_stage, error_code,
           error_field, error_message)
), new_delivery AS (
    INSERT INTO deliveries_delivery (
        event_id, destination_id, conversion_name, status, error_stage, error_code, error_field,
        error_message, due_at, created_at, settled_at, attempt_count, conversion_event_id, warnings
    )
    SELECT new_event.id, destination_id, conversion_name, status, error_stage, error_code,
        error_field, error_message,
        CASE WHEN status = '{DeliveryStatus.PENDING}' THEN new_event.received_at END,
        new_event.received_at,
        CASE WHEN status <> '{DeliveryStatus.PENDING}' THEN new_event.received_at END,
        0, '', '[]'
    FROM new_event JOIN sent USING (source_id, message_id) JOIN owed USING (position)
    RETURNING destination_id, due_at, created_at, status, error_code
), new_refusal AS (
    INSERT INTO deliveries_refusal (source_id, received_at, code, field, message, excerpt)
    SELECT * FROM unnest(
        %s::bigint[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[]
    )
    RETURNING source_id, received_at, code
), happened AS (
    SELECT received_at AS moment, source_id, NULL::bigint AS destination_id,
        '{RECEIVED}' AS metric
    FROM new_event
    UNION ALL
    SELECT received_at, source_id, NULL, '{REFUSED}' FROM new_refusal
    UNION ALL
    SELECT received_at, source_id, NULL, '{REFUSAL}' || code FROM new_refusal
    UNION ALL
    SELECT created_at, NULL, destination_id,
        CASE status {_METRIC_OF_STATUS} END || error_code
    FROM new_delivery WHERE due_at IS NULL
{{unrouted}}
), new_tally AS (
    INSERT INTO deliveries_tally (level, bucket, source_id, destination_id, metric, count)
    SELECT {Tally.Level.APPENDED:d},
        floor(extract(epoch FROM moment) / {BUCKET_SECONDS})::bigint * {BUCKET_SECONDS} AS bucket,
        source_id, destination_id, metric, count(*)
    FROM happened GROUP BY bucket, source_id, destination_id, metric
)
{{people}}
SELECT DISTINCT destination_id, NULL::bigint FROM new_delivery WHERE due_at IS NOT NULL
UNION ALL SELECT NULL, count(*) FROM new_event
{{counts}}
"""
_PEOPLE, _AWAITED = -1, -2
# Events first: two writers of the same rows must not meet in two orders.
_WITH_PEOPLE = {
    "people": """
, new_person AS (
    INSERT INTO deliveries_person AS known
        (key, entries, user_id, is_device, is_shared, seen_on, version)
    SELECT * FROM unnest(
        %s::uuid[], %s::bytea[], %s::uuid[], %s::boolean[], %s::boolean[], %s::date[], %s::int[]
    ) AS p(key, entries, user_id, is_device, is_shared, seen_on, version) ORDER BY key
    ON CONFLICT (key) DO UPDATE SET entries = excluded.entries, user_id = excluded.user_id,
        is_shared = excluded.is_shared, seen_on = excluded.seen_on, version = excluded.version
    WHERE known.version = excluded.version - 1
    RETURNING key
), awaited AS (
    SELECT DISTINCT key FROM deliveries_secondchance
    WHERE key = ANY(%s::uuid[]) AND given_at IS NULL
), reminder AS (
    INSERT INTO deliveries_secondchance (key, delivery_id, created_at)
    SELECT key, %s::bigint, %s::timestamptz FROM awaited ORDER BY key
    ON CONFLICT DO NOTHING
)""",
    "counts": f"""
UNION ALL SELECT {_PEOPLE}, count(*) FROM new_person
UNION ALL SELECT {_AWAITED}, count(*) FROM awaited""",
}
_WITH_UNROUTED = {
    "unrouted": f"""
    UNION ALL
    SELECT new_event.received_at, new_event.source_id, NULL, '{UNROUTED}'
    FROM new_event JOIN sent USING (source_id, message_id)
    WHERE NOT EXISTS (SELECT 1 FROM owed WHERE owed.position = sent.position)"""
}
_NOTHING_MORE = {"people": "", "counts": "", "unrouted": ""}


@cache
def _statement(*, with_people: bool, with_unrouted: bool) -> str:
    """What most requests do not need costs them nothing."""
    parts = dict(_NOTHING_MORE)
    if with_people:
        parts |= _WITH_PEOPLE
    if with_unrouted:
        parts |= _WITH_UNROUTED
    return _ONE_STATEMENT.format(**parts)


def _write_at_once(rows: Rows, people: Draft) -> Written:
    sources, message_ids, types, names, times, bodies = _columns(rows.events, EventRow)
    positions, destinations, *owed_texts = _columns(rows.owed, OwedRow)
    refusing_sources, refusal_times, *refusal_texts = _columns(rows.refusals, RefusalRow)
    sizes = [len(body or b"") for body in bodies]
    starts = list(accumulate(sizes[:-1], initial=1)) if sizes else []
    # A part of a length that is NULL is NULL.
    lengths = [size or "NULL" for size in sizes]
    connection.ensure_connection()
    # psycopg's own cursor sends the parameters apart from the statement; Django's writes every
    # value
    # into it. Nothing is prepared (Django's default): behind PgBouncer each transaction may get
    # another connection, which knows no statement of the one before.
    prepare_cursor = getattr(connection, "_prepare_cursor")  # noqa: B009  # no public name
    with prepare_cursor(psycopg.Cursor(connection.connection)) as cursor:
        cursor.execute(
            _statement(
                with_people=bool(people.rows),
                with_unrouted=len(set(positions)) < len(sources),
            ),
            [
                plain_array(sources),
                text_array(message_ids),
                text_array(types),
                text_array(names),
                text_array(times),
                plain_array(starts),
                plain_array(lengths),
                b"".join(filter(None, bodies)),
                plain_array(positions),
                plain_array(destinations),
                *map(text_array, owed_texts),
                plain_array(refusing_sources),
                text_array(refusal_times),
                *map(text_array, refusal_texts),
                *_people_arrays(people),
            ],
        )
        counts = dict(cursor.fetchall())
        event_count = counts.pop(None)
        people_count, is_awaited = counts.pop(_PEOPLE, 0), bool(counts.pop(_AWAITED, 0))
        return Written(set(counts), event_count, people_count, is_awaited)


def _people_arrays(people: Draft) -> list[Any]:
    """The columns of people, the keys of those of whom more is known now, and their reminder."""
    if not people.rows:
        return []
    keys, entries, users, are_devices, are_shared, days, versions = _columns(people.rows, PersonRow)
    return [
        plain_array(keys),
        text_array(["\\x" + one.hex() for one in entries]),
        plain_array([one or "NULL" for one in users]),
        text_array(are_devices),
        text_array(are_shared),
        text_array(days),
        plain_array(versions),
        plain_array([key.hex() for key in people.gained]),
        reminder_at(people.made_at),
        people.made_at,
    ]


def _columns(rows: Sequence[tuple[Any, ...]], kind: Any) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True)) or [()] * len(kind._fields)


def plain_array(numbers: Sequence[int | str]) -> str:
    """PostgreSQL's text for an array of numbers (or "NULL").

    psycopg's own way costs microseconds for each element.
    """
    return "{" + ",".join(map(str, numbers)) + "}"


def text_array(texts: Sequence[object]) -> str:
    """The same for texts, and for what PostgreSQL reads from its ``str``."""
    if not texts:
        return "{}"
    joined = "\x00".join(map(str, texts))
    if joined.count("\x00") != len(texts) - 1:
        raise ValueError("PostgreSQL's texts cannot hold NUL.")
    escaped = joined.replace("\\", "\\\\").replace('"', '\\"').replace("\x00", '","')
    return f'{{"{escaped}"}}'


def _write_in_turn(rows: Rows, people: Draft) -> Written:
    with transaction.atomic():
        ids: dict[tuple[int, str], int] = {}
        if rows.events:
            for event_id, source_id, message_id in insert_rows(
                Event,
                EventRow._fields,
                rows.events,
                returning=("id", "source_id", "message_id"),
                ignore_conflicts=True,
            ):
                ids[source_id, message_id] = event_id
        deliveries = []
        for owed in rows.owed:
            event = rows.events[owed.position - 1]
            if event_id := ids.get((event.source_id, event.message_id)):
                is_open = owed.status in OPEN
                deliveries.append(
                    NewDelivery(
                        event_id,
                        *owed[1:],
                        created_at=event.received_at,
                        due_at=event.received_at if is_open else None,
                        settled_at=None if is_open else event.received_at,
                    )
                )
        if deliveries:
            insert_rows(Delivery, NewDelivery._fields, deliveries)
        if rows.refusals:
            insert_rows(Refusal, RefusalRow._fields, rows.refusals)
        insert_rows(Tally, TALLY_COLUMNS, _tally_rows(ids, rows, deliveries))
        people_count, is_awaited = write_people(people) if people.rows else (0, False)
    to_wake = {one.destination_id for one in deliveries if one.due_at is not None}
    return Written(to_wake, len(ids), people_count, is_awaited)


def _tally_rows(
    new_keys: Collection[tuple[int, str]], rows: Rows, deliveries: Sequence[NewDelivery]
) -> list[tuple[Any, ...]]:
    """What came in, and what was closed when it was planned."""
    counts: Counter[tuple[Any, ...]] = Counter()
    routed = {owed.position for owed in rows.owed}
    for position, event in enumerate(rows.events, start=1):
        if (event.source_id, event.message_id) in new_keys:
            counts[bucket_of(event.received_at), None, event.source_id, RECEIVED] += 1
            if position not in routed:
                counts[bucket_of(event.received_at), None, event.source_id, UNROUTED] += 1
    for refusal in rows.refusals:
        counts[bucket_of(refusal.received_at), None, refusal.source_id, REFUSED] += 1
        code = REFUSAL + refusal.code
        counts[bucket_of(refusal.received_at), None, refusal.source_id, code] += 1
    for one in deliveries:
        if one.settled_at is not None:
            metric = COUNTED_WITH_CODE[one.status] + one.error_code
            counts[bucket_of(one.settled_at), one.destination_id, None, metric] += 1
    return [(Tally.Level.APPENDED.value, *key, count) for key, count in counts.items()]
