"""Counting what a bulk verb is about, in a bounded time: exactly, or "at least so many".

Failures are counted in an index that holds nothing else, and what is open in its own small index;
only a filter by the event (its source or name) costs a look for each row. Nothing counts the
delivered millions, because no verb touches them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, Model
from django.utils.formats import number_format

from deliveries.models import Delivery, Event
from deliveries.search.block_index import Stretch
from deliveries.search.scan import ScanPlan, id_bounds, open_ids, plan_scan, windows
from deliveries.search.selection import Selection
from deliveries.statuses import OPEN

SECONDS = 0.5
"""No other step of counting begins after so long."""

WIDTH = 1_048_576
"""IDs in a step that only an index is read for. With the event's source or name a quarter of that,
for events themselves an eighth."""

MAX_OPEN_COUNTED = 50_000
OPEN_STEP = 5000


@dataclass(frozen=True, slots=True)
class Counted:
    """How many, at least if not ``is_exact``, and when the oldest and newest of those came in."""

    count: int = 0
    is_exact: bool = True
    oldest_at: datetime | None = None
    newest_at: datetime | None = None

    @property
    def said(self) -> str:
        """``12,408``; ``12,408+`` for at least so many."""
        return number_format(self.count, force_grouping=True) + ("" if self.is_exact else "+")


class Tallying:
    """Adds up the answers of steps until the time is over."""

    def __init__(self, seconds: float | None) -> None:
        self.deadline = time.monotonic() + (SECONDS if seconds is None else seconds)
        self.count = 0
        self.is_exact = True
        self.ids: list[int] = []

    def add(self, count: int, first: int | None, last: int | None) -> None:
        self.count += count
        self.ids += [pk for pk in (first, last) if pk is not None]

    def go_through(self, steps: Iterable[Any], take: Callable[[Any], None]) -> None:
        """``take`` each step; after the first only while there is time."""
        for place, step in enumerate(steps):
            if place and time.monotonic() > self.deadline:
                self.is_exact = False
                return
            take(step)

    def result(self, model: type[Model], field: str) -> Counted:
        if not self.count:
            return Counted(0, self.is_exact)
        ends = {min(self.ids), max(self.ids)}
        found = model._default_manager.filter(pk__in=ends).values_list(field, flat=True)
        moments = sorted(found)
        if not moments:  # gone in the meantime
            return Counted(self.count, self.is_exact)
        return Counted(self.count, self.is_exact, moments[0], moments[-1])


def count_deliveries(
    selection: Selection, statuses: frozenset[str], seconds: float | None = None
) -> Counted:
    """How many deliveries of ``selection`` are in one of ``statuses``, none of which is
    delivered."""
    tallying = Tallying(seconds)
    wanted = statuses & set(selection.statuses) if selection.statuses else statuses
    first, last = id_bounds(selection)
    by_range = set(wanted - OPEN)
    given = [one for _, one, _ in selection.given()]
    if any(one.has_index for one in given) or last - first < WIDTH // 4:
        by_range = set(wanted)  # an index knows them, or there is little to scan
    if by_range:
        plan = plan_scan(selection, first, last, statuses=frozenset(by_range - OPEN))
        looks = any(one.reads_event for one in given)
        stretches = list(windows(plan, WIDTH // 4 if looks else WIDTH))
        # One status at a time: for several the planner reads the whole index at every step.
        steps = ((status, stretch) for status in sorted(by_range) for stretch in stretches)
        tallying.go_through(steps, lambda step: tallying.add(*_ends(_within(selection, *step))))
    if wanted - by_range:
        _count_open(tallying, selection, frozenset(wanted - by_range))
    return tallying.result(Delivery, "created_at")


def count_events(
    selection: Selection,
    sources_of: dict[int, set[int]],
    first: int,
    last: int,
    seconds: float | None = None,
) -> Counted:
    """Events × destinations of a replay, by the sources of each destination, newest first."""
    tallying = Tallying(seconds)
    source_ids = set().union(*sources_of.values())

    def take(window: Stretch) -> None:
        found = (
            selection.events()
            .filter(source_id__in=source_ids, pk__gte=window.first, pk__lte=window.last)
            .order_by()
            .values_list("source_id")
            .annotate(Count("pk"), Min("pk"), Max("pk"))
        )
        for source_id, count, oldest, newest in found:
            share = sum(source_id in ids for ids in sources_of.values())
            tallying.add(count * share, oldest, newest)

    if source_ids:
        tallying.go_through(windows(ScanPlan(first, last), WIDTH // 8), take)
    return tallying.result(Event, "received_at")


def _count_open(tallying: Tallying, selection: Selection, statuses: frozenset[str]) -> None:
    """Among the soonest due MAX_OPEN_COUNTED, looked up by their ids."""
    ids = open_ids(selection, MAX_OPEN_COUNTED + 1)
    steps = [ids[start : start + OPEN_STEP] for start in range(0, len(ids), OPEN_STEP)]
    open_ones = selection.deliveries(statuses)
    tallying.go_through(steps, lambda step: tallying.add(*_ends(open_ones.filter(pk__any_of=step))))
    if len(ids) > MAX_OPEN_COUNTED:
        tallying.is_exact = False


def _within(selection: Selection, status: str, stretch: Stretch) -> Any:
    here = selection.deliveries(frozenset({status}))
    here = here.filter(pk__gte=stretch.first, pk__lte=stretch.last)
    return here if stretch.listed is None else here.filter(pk__any_of=stretch.listed)


def _ends(found: Any) -> tuple[int, int | None, int | None]:
    one = found.order_by().aggregate(count=Count("pk"), first=Min("pk"), last=Max("pk"))
    return one["count"], one["first"], one["last"]
