"""A delivery that was rejected because nobody knew whose it was, sent once more is known.

A ``track`` that overtakes its ``identify`` is rejected, and noted under the keys of its person.
When memory first has enough to match that person, ingest makes the delivery pending again: after
the commit of what was said, in a transaction of its own. ``look_again`` does so half a minute later
where ingest could not: for a note that was written at the same time, and for a process that died
between the two; what was said is committed with a reminder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from uuid import UUID

from django.conf import settings

from deliveries.db.bulk_sql import insert_rows
from deliveries.identity.keys import uuid_of
from deliveries.identity.rows import StoredPerson, read_people
from deliveries.models import Attempt, Delivery, SecondChance, locked_cursor
from deliveries.models.log import GIVEN_A_SECOND_CHANCE
from deliveries.stats.tallies import SECOND_CHANCE, Left, append, tally_left
from deliveries.statuses import DeliveryStatus
from destinations.pinterest.identity import Person, can_match, decode
from destinations.pinterest.outcomes import Stage

WAITS_FOR = "missing_user_data"
"""The error that more knowledge of the person can cure."""
CURSOR = "second chances"
SETTLING = timedelta(seconds=30)
"""Younger notes wait: a transaction that began before them may still be under way."""
STEP = 1000
MESSAGE = "A later event said who this person is, so the delivery is sent again."


def note_waiting(waiting: Iterable[tuple[bytes, int]], now: datetime) -> None:
    """Note under which keys deliveries wait, in the caller's transaction. Once for a delivery."""
    rows = [(uuid_of(key), delivery_id, now) for key, delivery_id in waiting]
    insert_rows(
        SecondChance, ("key", "delivery_id", "created_at"), sorted(rows), ignore_conflicts=True
    )


def remind(keys: Sequence[UUID], now: datetime) -> bool:
    """Have ``look_again`` look at what waits under these keys, if anything does; whether it does.

    In the transaction that makes these people known.
    """
    if not keys:
        return False
    awaited = sorted(
        SecondChance.objects.filter(key__any_of=list(keys), given_at=None)
        .values_list("key", flat=True)
        .distinct()
    )
    rows = [(key, reminder_at(now), now) for key in awaited]
    insert_rows(SecondChance, ("key", "delivery_id", "created_at"), rows, ignore_conflicts=True)
    return bool(awaited)


def reminder_at(now: datetime) -> int:
    """What stands for a delivery where a note is a reminder: no delivery has such an ID."""
    return -int(now.timestamp() * 1_000_000)


def give_second_chances(keys: Sequence[UUID], now: datetime) -> set[int]:
    """Make pending what waits under these keys, each once; returns the destinations to wake.

    In the caller's transaction.
    """
    since = now - timedelta(hours=settings.IDENTITY_SECOND_CHANCE_HOURS)
    waiting = list(
        SecondChance.objects.filter(key__any_of=list(keys), given_at=None, created_at__gte=since)
        .order_by("delivery_id")
        .values_list("pk", "delivery_id")
    )
    if not waiting:
        return set()
    delivery_ids = sorted({delivery_id for _, delivery_id in waiting})
    locked = list(
        Delivery.objects.filter(id__any_of=delivery_ids)
        .order_by("pk")
        .select_for_update()
        .values_list("pk", "destination_id", "status", "error_code", "attempt_count", "settled_at")
    )
    # Whoever has a second note under another key has had a chance by that; or by somebody else
    # for whom this one waited.
    had = set(
        SecondChance.objects.filter(delivery_id__in=delivery_ids)
        .exclude(given_at=None)
        .values_list("delivery_id", flat=True)
    )
    rows = [
        (pk, destination_id, attempt_count, settled_at)
        for pk, destination_id, status, code, attempt_count, settled_at in locked
        if status == DeliveryStatus.REJECTED and code == WAITS_FOR and pk not in had
    ]
    SecondChance.objects.filter(pk__in=[pk for pk, _ in waiting]).update(given_at=now)
    if not rows:
        return set()
    Delivery.objects.filter(id__any_of=[pk for pk, *_ in rows]).reopen(now)
    insert_rows(
        Attempt,
        (
            *("delivery_id", "number", "outcome", "error_stage", "error_code", "error_field"),
            *("error_message", "ended_at"),
        ),
        [
            (pk, count, GIVEN_A_SECOND_CHANCE, Stage.TRANSFORM.value, "", "", MESSAGE, now)
            for pk, _, count, _ in rows
        ],
    )
    tally_left(Left(owner, DeliveryStatus.REJECTED, WAITS_FOR, at) for _, owner, _, at in rows)
    counts = Counter(destination_id for _, destination_id, *_ in rows)
    for destination_id, count in counts.items():
        append({SECOND_CHANCE: count}, now, destination_id=destination_id)
    return set(counts)


def look_again(now: datetime) -> tuple[int, set[int]]:
    """Look once more at notes half a minute old; says how many, and the destinations to wake.

    Catches what was said of a person while its delivery was being rejected, and what a process
    that died had no time for.
    """
    with locked_cursor(CURSOR, now) as cursor:
        if cursor is None:
            return 0, set()
        times = (
            SecondChance.objects.filter(pk__gt=cursor.position)
            .order_by("pk")
            .values_list("pk", "created_at", "key")[:STEP]
        )
        settled = list(takewhile(lambda row: row[1] <= now - SETTLING, times))
        if not settled:
            return 0, set()
        people = read_people(sorted({key.bytes for _, _, key in settled}), with_users=True)
        keys = [uuid_of(key) for key, person in people.items() if _is_known(person)]
        destination_ids = give_second_chances(keys, now) if keys else set()
        cursor.position = settled[-1][0]
        cursor.save()
    return len(settled), destination_ids


def _is_known(stored: StoredPerson) -> bool:
    """Whether enough is known of somebody, or of the user who signed in on a device."""
    of_user = b"" if stored.is_shared else stored.entries_of_user
    return any(can_match(Person(decode(entries))) for entries in (stored.entries, of_user or b""))
