"""What a person can do with deliveries and destinations: the verbs of admin, API and commands.

Each is safe to repeat and says how many deliveries it changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from deliveries.actions.replay import name_nameless, reopen
from deliveries.engine.wakeups import wake
from deliveries.models import Circuit, Delivery
from deliveries.stats.tallies import Left, tally_left
from deliveries.statuses import RETRYABLE_BY_A_PERSON, DeliveryStatus
from destinations.models import Destination
from destinations.pausing import lift_pause
from destinations.routing import forget_routes

AT_ONCE_LIMIT = 1000
"""For more deliveries than this take a bulk action: it works in steps, with progress and cancel."""

DISCARDABLE = frozenset(
    {
        DeliveryStatus.PENDING,
        DeliveryStatus.REJECTED,
        DeliveryStatus.DEAD,
        DeliveryStatus.FILTERED,
    }
)

HASTENED_AT_ONCE = 10_000
"""How many waiting deliveries ``resume`` and ``drain_now`` bring forward at most."""


def retry(deliveries: QuerySet[Delivery], now: datetime | None = None) -> int:
    """Send these again with a fresh budget; delivered and open ones are left as they are.

    A delivery that has no Pinterest event name yet (the event map gave none when the event came
    in) gets the names that today's configuration gives. Returns how many are pending now. For
    more than AT_ONCE_LIMIT deliveries start a bulk action instead.
    """
    now = now or timezone.now()
    closed = list(deliveries.filter(status__in=RETRYABLE_BY_A_PERSON).values_list("id", flat=True))
    return sum(
        retry_by_id(closed[start : start + AT_ONCE_LIMIT], now)
        for start in range(0, len(closed), AT_ONCE_LIMIT)
    )


def retry_by_id(delivery_ids: Sequence[int], now: datetime) -> int:
    """``retry`` for the deliveries with these ids, AT_ONCE_LIMIT at most; those of archived
    destinations are left as they are: nobody would ever send them.

    The rows are locked by primary key and judged here: given a condition on the status as well,
    PostgreSQL may scan all that failed, for every thousand of them.
    """
    with transaction.atomic():
        archived = set(
            Destination.objects.filter(archived_at__isnull=False).values_list("pk", flat=True)
        )
        closed = [
            (pk, destination_id, name)
            for pk, destination_id, name, status in Delivery.objects.filter(id__any_of=delivery_ids)
            .select_for_update()
            .values_list("id", "destination_id", "conversion_name", "status")
            if status in RETRYABLE_BY_A_PERSON and destination_id not in archived
        ]
        destination_ids = {destination_id for _, destination_id, name in closed if name}
        count = reopen([pk for pk, _, name in closed if name], now)
        if nameless := [pk for pk, _, name in closed if not name]:
            made_count, touched = name_nameless(nameless, now)
            count += made_count
            destination_ids |= touched
        if count:
            transaction.on_commit(lambda: wake(destination_ids, at_once=True))
    return count


def discard(deliveries: QuerySet[Delivery], reason: str = "", now: datetime | None = None) -> int:
    """Decide not to send these. Delivered ones, and those in flight, are left as they are."""
    waiting_or_failed = deliveries.filter(status__in=DISCARDABLE).values_list("id", flat=True)
    return discard_by_id(list(waiting_or_failed), reason, now or timezone.now())


def discard_by_id(delivery_ids: Sequence[int], reason: str, now: datetime) -> int:
    """``discard`` for the deliveries with these ids; locked and judged as in ``retry_by_id``."""
    changes: dict[str, str] = {"error_message": reason} if reason else {}
    with transaction.atomic():
        found = [
            row
            for row in Delivery.objects.filter(id__any_of=delivery_ids)
            .select_for_update()
            .values_list("id", "destination_id", "status", "error_code", "settled_at")
            if row[2] in DISCARDABLE
        ]
        chosen = [row[0] for row in found]
        tally_left(Left(*row[1:]) for row in found)
        return Delivery.objects.filter(id__any_of=chosen).update(
            status=DeliveryStatus.DISCARDED, due_at=None, settled_at=now, **changes
        )


def resume(destination_id: int, now: datetime | None = None) -> int:
    """Let a paused destination go on at once. Returns 1 when it was paused, else 0."""
    with transaction.atomic():
        was_paused = lift_pause(destination_id)
        drain_now(destination_id, now)
    forget_routes()
    return int(was_paused)


def drain_now(destination_id: int, now: datetime | None = None) -> int:
    """Lift the holds of a destination and send at once what waits for its next attempt.

    Returns how many deliveries were brought forward: the HASTENED_AT_ONCE that are due soonest at
    most. What is beyond them comes at its own time, or when this is called again. A paused
    destination stays paused.
    """
    now = now or timezone.now()
    with transaction.atomic():
        Circuit.objects.filter(destination_id=destination_id).update(
            failure_count=0, hold_until=None
        )
        soonest = (
            Delivery.objects.filter(destination_id=destination_id)
            .waiting()
            .filter(due_at__gt=now)
            .order_by("due_at")
            .values_list("id", flat=True)[:HASTENED_AT_ONCE]
        )
        count = (
            Delivery.objects.filter(id__any_of=list(soonest))
            .waiting()
            .filter(due_at__gt=now)
            .update(due_at=now)
        )
        transaction.on_commit(lambda: wake([destination_id], at_once=True))
    return count
