"""Retention: personal data and the log have their own ages, and leave in small steps.

Six jobs go through events, batches and refusals by primary key. Ids grow with time, so a job
looks at the rows after its cursor, stops at the first step without an old row, and a run that finds
nothing costs one short look for each job. What is still owed stays: an open delivery keeps its
event, body and all. A job remembers the first row that it had to leave and comes back to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from deliveries.models import (
    Attempt,
    Batch,
    BulkAction,
    ConsentWait,
    Delivery,
    Event,
    JobCursor,
    Person,
    Refusal,
    SearchKey,
    SecondChance,
    locked_cursor,
)
from deliveries.privacy.erasure import erase_batches, erase_events, erase_refusals
from deliveries.statuses import OPEN

STEP = 1000
"""Rows in a step, which is one short transaction."""

CHANCES_KEPT = timedelta(days=8)
"""Longer than any delivery may wait for its person, so that none gets a second chance twice."""

LOOK_AGAIN_AFTER = timedelta(hours=6)
"""How often a job goes back to what it had to leave."""


@dataclass(frozen=True, slots=True)
class PruneJob:
    """One way through a table: ``prune(ids, cutoff)`` returns how many rows it changed and which
    it had to leave.
    """

    name: str
    model: Any
    time_field: str
    is_log: bool
    prune: Callable[[Sequence[int], datetime], tuple[int, set[int]]]


@dataclass(frozen=True, slots=True)
class PruneStep:
    """What one step did: rows changed, and whether there may be more to do now."""

    pruned_count: int
    may_go_on: bool


def prune_step(job: PruneJob, cutoff: datetime, now: datetime) -> PruneStep:
    """Prune up to STEP rows whose time is before ``cutoff``; harmless when two workers try."""
    with locked_cursor(job.name, now) as cursor:
        if cursor is None:
            return PruneStep(0, may_go_on=False)
        rows = list(
            job.model.objects.filter(pk__gt=cursor.position)
            .order_by("pk")
            .values_list("pk", job.time_field)[:STEP]
        )
        old = [pk for pk, moment in rows if moment < cutoff]
        if not old:
            return PruneStep(0, may_go_on=_begin_again(cursor, now))
        count, kept = job.prune(old, cutoff)
        # Rows among the old ones that are young yet: ids are not exactly in the order of time.
        kept |= {pk for pk, _ in rows if pk < old[-1]} - set(old)
        if kept:
            cursor.kept_from = (
                min(kept) if cursor.kept_from is None else min(cursor.kept_from, *kept)
            )
        cursor.position = old[-1]
        cursor.save()
    return PruneStep(count, may_go_on=len(rows) == STEP)


def prune_bulk_actions(cutoff: datetime) -> int:
    """Forget bulk actions that ended before ``cutoff``: there are few."""
    return BulkAction.objects.filter(finished_at__lt=cutoff).delete()[0]


def prune_people(cutoff: datetime) -> int:
    """Forget up to STEP people of whom no event came since the day of ``cutoff``."""
    keys = list(
        Person.objects.filter(seen_on__lt=cutoff.astimezone(UTC).date())
        .order_by("seen_on")
        .values_list("key", flat=True)[:STEP]
    )
    # Asked again: an event may have come since.
    return (
        Person.objects.filter(
            key__any_of=sorted(keys), seen_on__lt=cutoff.astimezone(UTC).date()
        ).delete()[0]
        if keys
        else 0
    )


def prune_second_chances(cutoff: datetime) -> int:
    """Forget under which keys deliveries waited; ids grow with time."""
    return _prune_oldest(SecondChance.objects.all(), cutoff)


def prune_consent_waits(cutoff: datetime) -> int:
    """Forget which deliveries waited for consent, and who granted it."""
    return _prune_oldest(ConsentWait.objects.all(), cutoff)


def _prune_oldest(rows: QuerySet[Any], cutoff: datetime) -> int:
    count = 0
    while True:
        first = rows.order_by("pk").values_list("pk", "created_at")[:STEP]
        old = [pk for pk, created_at in first if created_at < cutoff]
        if not old:
            return count
        count += rows.filter(pk__any_of=old).delete()[0]


def _begin_again(cursor: JobCursor, now: datetime) -> bool:
    """At the end of the old rows: go back to the first that had to stay, but not too often."""
    if cursor.kept_from is None or now - cursor.round_started_at < LOOK_AGAIN_AFTER:
        return False
    cursor.position, cursor.kept_from, cursor.round_started_at = cursor.kept_from - 1, None, now
    cursor.save()
    return True


def _erase_events(ids: Sequence[int], cutoff: datetime) -> tuple[int, set[int]]:
    return erase_events(ids)


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


def _erase_batches(ids: Sequence[int], cutoff: datetime) -> tuple[int, set[int]]:
    return erase_batches(ids), set()


def _erase_refusals(ids: Sequence[int], cutoff: datetime) -> tuple[int, set[int]]:
    return erase_refusals(ids), set()


def _delete_batches(ids: Sequence[int], cutoff: datetime) -> tuple[int, set[int]]:
    return Batch.objects.filter(pk__any_of=ids).delete()[0], set()


def _delete_refusals(ids: Sequence[int], cutoff: datetime) -> tuple[int, set[int]]:
    return Refusal.objects.filter(pk__any_of=ids).delete()[0], set()


PRUNE_JOBS = (
    # Not by the names of 0.1.0, "event bodies" and so on: those cursors stand behind rows that lost
    # nothing but their bodies, and a worker of that release may still move them.
    PruneJob("personal data of events", Event, "received_at", False, _erase_events),
    PruneJob("personal data of batches", Batch, "sent_at", False, _erase_batches),
    PruneJob("personal data of refusals", Refusal, "received_at", False, _erase_refusals),
    PruneJob("events", Event, "received_at", True, _delete_events),
    PruneJob("batches", Batch, "sent_at", True, _delete_batches),
    PruneJob("refusals", Refusal, "received_at", True, _delete_refusals),
)


def behind(now: datetime, *, body_days: int, log_days: int) -> dict[str, timedelta]:
    """How long the next row of each job has been due to go; zero if it isn't due yet.

    A look by primary key for each job. What has to stay because it's owed isn't counted.
    """
    positions = dict(JobCursor.objects.values_list("name", "position"))
    found = {}
    for job in PRUNE_JOBS:
        moment = (
            job.model.objects.filter(pk__gt=positions.get(job.name, 0))
            .order_by("pk")
            .values_list(job.time_field, flat=True)
            .first()
        )
        kept = timedelta(days=log_days if job.is_log else body_days)
        late = now - kept - moment if moment is not None else timedelta()
        found[job.name] = max(late, timedelta())
    return found


def prune(
    *,
    bodies_before: datetime,
    log_before: datetime,
    people_before: datetime,
    now: datetime,
    is_over: Callable[[], bool] = lambda: False,
) -> tuple[dict[str, int], bool]:
    """Go on until nothing old is left, or ``is_over``; the jobs take turns.

    Returns how many rows each job changed, and whether there may be more.
    """
    counts = {job.name: 0 for job in PRUNE_JOBS}
    running = list(PRUNE_JOBS)
    while running and not is_over():
        for job in list(running):
            step = prune_step(job, log_before if job.is_log else bodies_before, now)
            counts[job.name] += step.pruned_count
            if not step.may_go_on:
                running.remove(job)
    if not running:
        counts["people"] = 0
        while count := prune_people(people_before):
            counts["people"] += count
            if is_over():
                return counts, True
        counts["second chances"] = prune_second_chances(now - CHANCES_KEPT)
        counts["waits for consent"] = prune_consent_waits(now - CHANCES_KEPT)
        counts["bulk actions"] = prune_bulk_actions(log_before)
    return counts, bool(running)
