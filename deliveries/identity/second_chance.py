"""A delivery that was rejected because nobody knew whose it was, sent once more is known.

A ``track`` that overtakes its ``identify`` is rejected, and noted under the keys of its person.
When memory first has enough to match that person, ingest makes the delivery pending again: after
the commit of what was said, in a transaction of its own. A note that was written while that was
under way is found half a minute later by ``look_again``.
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
from deliveries.models import Attempt, Delivery, Person, SecondChance, locked_cursor
from deliveries.models.log import GIVEN_A_SECOND_CHANCE
from deliveries.stats.tallies import SECOND_CHANCE, append
from deliveries.statuses import DeliveryStatus
from destinations.pinterest.identity import Person as Known
from destinations.pinterest.identity import can_match, decode
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
    # Whoever has a second note under another key has had a chance by that.
    had = set(
        SecondChance.objects.filter(delivery_id__in=delivery_ids)
        .exclude(given_at=None)
        .values_list("delivery_id", flat=True)
    )
    rows = [
        (pk, destination_id, attempt_count)
        for pk, destination_id, status, code, attempt_count in Delivery.objects.filter(
            id__any_of=delivery_ids
        )
        .order_by("pk")
        .select_for_update()
        .values_list("pk", "destination_id", "status", "error_code", "attempt_count")
        if status == DeliveryStatus.REJECTED and code == WAITS_FOR and pk not in had
    ]
    SecondChance.objects.filter(pk__in=[pk for pk, _ in waiting]).update(given_at=now)
    if not rows:
        return set()
    Delivery.objects.filter(id__any_of=[pk for pk, _, _ in rows]).reopen(now)
    insert_rows(
        Attempt,
        (
            *("delivery_id", "number", "outcome", "error_stage", "error_code", "error_field"),
            *("error_message", "ended_at"),
        ),
        [
            (pk, count, GIVEN_A_SECOND_CHANCE, Stage.TRANSFORM.value, "", "", MESSAGE, now)
            for pk, _, count in rows
        ],
    )
    counts = Counter(destination_id for _, destination_id, _ in rows)
    for destination_id, count in counts.items():
        append({SECOND_CHANCE: count}, now, destination_id=destination_id)
    return set(counts)


def look_again(now: datetime) -> tuple[int, set[int]]:
    """Look once more at notes half a minute old; says how many, and the destinations to wake.

    Catches what was said of a person while its delivery was being rejected.
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
        keys = [
            key
            for key, entries in Person.objects.filter(
                key__any_of=sorted({key for _, _, key in settled})
            ).values_list("key", "entries")
            if can_match(Known(decode(bytes(entries))))
        ]
        destination_ids = give_second_chances(keys, now) if keys else set()
        cursor.position = settled[-1][0]
        cursor.save()
    return len(settled), destination_ids
