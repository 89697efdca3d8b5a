"""Retention: personal data and the log have their own ages, and leave in small steps.

Six walks go through events, batches and refusals by primary key. Ids grow with time, so a walk
looks at the rows after its mark, stops at the first step without an old row, and a run that finds
nothing costs one short look for each walk. What is still owed stays: an open delivery keeps its
event, body and all. A walk remembers the first row that it had to leave and comes back to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from deliveries.models import (
    Attempt,
    Batch,
    BulkAction,
    Delivery,
    Event,
    PruneMark,
    Refusal,
    SearchKey,
)
from deliveries.statuses import OPEN, RETRYABLE_BY_A_PERSON

STEP = 1000
"""Rows in a step, which is one short transaction."""

LOOK_AGAIN_AFTER = timedelta(hours=6)
"""How often a walk goes back to what it had to leave."""


@dataclass(frozen=True, slots=True)
class Walk:
    """One way through a table: ``prune(ids, cutoff)`` returns how many rows it changed and which
    it had to leave.
    """

    name: str
    model: Any
    time_field: str
    is_log: bool
    prune: Callable[[Sequence[int], datetime], tuple[int, set[int]]]


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did: rows changed, and whether there may be more to do now."""

    pruned_count: int
    may_go_on: bool


def prune_step(walk: Walk, cutoff: datetime, now: datetime) -> Step:
    """Prune up to STEP rows whose time is before ``cutoff``; harmless when two workers try."""
    PruneMark.objects.get_or_create(name=walk.name, defaults={"round_started_at": now})
    with transaction.atomic():
        mark = (
            PruneMark.objects.select_for_update(
                skip_locked=connection.features.has_select_for_update_skip_locked
            )
            .filter(pk=walk.name)
            .first()
        )
        if mark is None:  # another worker is at it
            return Step(0, may_go_on=False)
        rows = list(
            walk.model.objects.filter(pk__gt=mark.position)
            .order_by("pk")
            .values_list("pk", walk.time_field)[:STEP]
        )
        old = [pk for pk, moment in rows if moment < cutoff]
        if not old:
            return Step(0, may_go_on=_begin_again(mark, now))
        count, kept = walk.prune(old, cutoff)
        # Rows among the old ones that are young yet: ids are not exactly in the order of time.
        kept |= {pk for pk, _ in rows if pk < old[-1]} - set(old)
        if kept:
            mark.kept_from = min(kept) if mark.kept_from is None else min(mark.kept_from, *kept)
        mark.position = old[-1]
        mark.save()
    return Step(count, may_go_on=len(rows) == STEP)


def prune_bulk_actions(cutoff: datetime) -> int:
    """Forget bulk actions that ended before ``cutoff``: there are few."""
    return BulkAction.objects.filter(finished_at__lt=cutoff).delete()[0]


def _begin_again(mark: PruneMark, now: datetime) -> bool:
    """At the end of the old rows: go back to the first that had to stay, but not too often."""
    if mark.kept_from is None or now - mark.round_started_at < LOOK_AGAIN_AFTER:
        return False
    mark.position, mark.kept_from, mark.round_started_at = mark.kept_from - 1, None, now
    mark.save()
    return True


def _erase_event_bodies(ids: Sequence[int], cutoff: datetime) -> tuple[int, set[int]]:
    deliveries = list(
        Delivery.objects.filter(event_id__in=ids).values_list("pk", "event_id", "status")
    )
    # A retry by a person waits for this lock, and finds a body that is gone already. Without it
    # a delivery could become open between the look and the UPDATE.
    failed = [pk for pk, _, status in deliveries if status in RETRYABLE_BY_A_PERSON]
    locked = (
        Delivery.objects.filter(pk__any_of=failed)
        .select_for_update()
        .values_list("pk", "event_id", "status")
    )
    kept = {event_id for _, event_id, status in (*deliveries, *locked) if status in OPEN}
    erasable = [pk for pk in ids if pk not in kept]
    return (
        Event.objects.filter(pk__any_of=erasable, body__isnull=False).update(body=None),
        kept,
    )


def _delete_events(ids: Sequence[int], cutoff: datetime) -> tuple[int, set[int]]:
    """Events with all that is theirs, unless something is owed or was settled lately."""
    unfinished = Delivery.objects.filter(event=OuterRef("pk")).filter(
        Q(status__in=OPEN) | Q(settled_at__gte=cutoff) | Q(created_at__gte=cutoff)
    )
    leaving = list(
        Event.objects.filter(~Exists(unfinished), pk__any_of=ids).values_list("pk", flat=True)
    )
    deliveries = (
        Delivery.objects.filter(event_id__in=leaving)
        .exclude(status__in=OPEN)
        .select_for_update()
        .values_list("pk", "event_id")
    )
    delivery_ids = [pk for pk, _ in deliveries]
    Attempt.objects.filter(delivery_id__in=delivery_ids).delete()
    Delivery.objects.filter(pk__any_of=delivery_ids).delete()
    left = Delivery.objects.filter(event=OuterRef("pk"))
    count, _ = Event.objects.filter(~Exists(left), pk__any_of=leaving).delete()
    still_there = set(Event.objects.filter(pk__any_of=ids).values_list("pk", flat=True))
    SearchKey.objects.filter(event_id__in=[pk for pk in leaving if pk not in still_there]).delete()
    return count, still_there


def _erase_batch_bodies(ids: Sequence[int], cutoff: datetime) -> tuple[int, set[int]]:
    with_body = Q(request_body__isnull=False) | Q(response_body__isnull=False)
    chosen = Batch.objects.filter(with_body, pk__any_of=ids)
    return chosen.update(request_body=None, response_body=None), set()


def _erase_refusal_excerpts(ids: Sequence[int], cutoff: datetime) -> tuple[int, set[int]]:
    return Refusal.objects.filter(pk__any_of=ids).exclude(excerpt="").update(excerpt=""), set()


def _delete_batches(ids: Sequence[int], cutoff: datetime) -> tuple[int, set[int]]:
    return Batch.objects.filter(pk__any_of=ids).delete()[0], set()


def _delete_refusals(ids: Sequence[int], cutoff: datetime) -> tuple[int, set[int]]:
    return Refusal.objects.filter(pk__any_of=ids).delete()[0], set()


WALKS = (
    Walk("event bodies", Event, "received_at", False, _erase_event_bodies),
    Walk("batch bodies", Batch, "sent_at", False, _erase_batch_bodies),
    Walk("refusal excerpts", Refusal, "received_at", False, _erase_refusal_excerpts),
    Walk("events", Event, "received_at", True, _delete_events),
    Walk("batches", Batch, "sent_at", True, _delete_batches),
    Walk("refusals", Refusal, "received_at", True, _delete_refusals),
)


def prune(
    *,
    bodies_before: datetime,
    log_before: datetime,
    now: datetime,
    is_over: Callable[[], bool] = lambda: False,
) -> tuple[dict[str, int], bool]:
    """Walk on until nothing old is left, or ``is_over``; the walks take turns.

    Returns how many rows each walk changed, and whether there may be more.
    """
    counts = {walk.name: 0 for walk in WALKS}
    walking = list(WALKS)
    while walking and not is_over():
        for walk in list(walking):
            step = prune_step(walk, log_before if walk.is_log else bodies_before, now)
            counts[walk.name] += step.pruned_count
            if not step.may_go_on:
                walking.remove(walk)
    if not walking:
        counts["bulk actions"] = prune_bulk_actions(log_before)
    return counts, bool(walking)
