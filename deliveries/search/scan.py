"""Finding the next rows of the log in a bounded time, however few of its millions fit a filter.

A filter that an index answers is one query for each stretch of the log. What no index answers is
scanned along the primary key in windows, only where the table of contents says that rows may be.
When the time is over, what was found until then is shown, and how far the scan has come: the next
page goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import Max, Min, QuerySet

from deliveries.db.id_ranges import CLOCK_SLACK, first_id_since
from deliveries.models import Delivery
from deliveries.search.block_index import EVERYTHING, Stretch, Wanted, stretches
from deliveries.search.selection import CLOSED_WITHIN, Selection
from deliveries.statuses import OPEN, RETRYABLE_BY_A_PERSON

SECONDS = 0.15
"""A scan begins no other window after so long."""

WINDOW = 32_768
"""IDs in a window where no index helps; one takes some 20 ms, with its events 60."""

THIN_WINDOW = 131_072
"""Where an index holds what can fit: if that is all, and none of it does, it takes 80 ms."""

INDEXED_WINDOW = 1_048_576
"""The same where one does: if all of them failed, it takes 100 ms."""


MAX_OPEN_SCANNED = 20_000
"""So many open deliveries are looked up by their own index; more are scanned among the others."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """IDs in the order of the scan. ``reached``: it broke off after this ID; None: it did not."""

    ids: list[int]
    reached: int | None = None


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """IDs from ``first`` to ``last``, newest or oldest first, and what helps to find rows there.

    ``has_index``: the filter asks for failures, an error code or a batch, for which there is an
    index by ID. ``is_thin``: an index holds what can fit, and no more. ``listed``: it asks for what
    is open, and this is all of that.
    """

    first: int
    last: int
    wanted: Wanted = EVERYTHING
    has_index: bool = False
    is_thin: bool = False
    listed: tuple[int, ...] | None = None
    newest_first: bool = True


def scan_ids(
    deliveries: QuerySet[Delivery], plan: ScanPlan, count: int, seconds: float | None = None
) -> Scanned:
    """The next ``count`` of ``deliveries``; fewer at its end or when time is over."""
    deadline = time.monotonic() + (SECONDS if seconds is None else seconds)
    order = "-pk" if plan.newest_first else "pk"
    ids: list[int] = []
    reached: int | None = None
    for window in windows(plan):
        if reached is not None and time.monotonic() > deadline:
            return Scanned(ids, reached)
        here = deliveries.filter(pk__gte=window.first, pk__lte=window.last)
        if window.listed is not None:
            here = here.filter(pk__any_of=window.listed)
        ids += here.order_by(order).values_list("pk", flat=True)[: count - len(ids)]
        if len(ids) >= count:
            break
        reached = window.first if plan.newest_first else window.last
    return Scanned(ids)


def windows(plan: ScanPlan, width: int | None = None) -> Iterator[Stretch]:
    """The stretches of the plan in order, none of which is longer than ``width``."""
    if plan.first > plan.last:
        return
    found: Iterable[Stretch] = [Stretch(plan.first, plan.last, plan.listed)]
    if plan.wanted and plan.listed is None:
        found = stretches(plan.wanted, plan.first, plan.last, newest_first=plan.newest_first)
    width = width or _width(plan)
    for one in found:
        if one.listed is not None:
            yield one
        elif plan.newest_first:
            for last in range(one.last, one.first - 1, -width):
                yield Stretch(max(one.first, last - width + 1), last)
        else:
            for first in range(one.first, one.last + 1, width):
                yield Stretch(first, min(one.last, first + width - 1))


def _width(plan: ScanPlan) -> int:
    if plan.has_index:
        return INDEXED_WINDOW
    return THIN_WINDOW if plan.is_thin else WINDOW


def id_bounds(selection: Selection) -> tuple[int, int]:
    """The first and last ID that a selection's times leave."""
    ends = Delivery.objects.aggregate(first=Min("pk"), last=Max("pk"))
    first, last = ends["first"] or 0, ends["last"] or 0
    if selection.since is not None:
        first = first_id_since(Delivery, "created_at", selection.since - CLOCK_SLACK)
    if selection.settled_since is not None:
        moment = selection.settled_since - CLOSED_WITHIN
        first = max(first, first_id_since(Delivery, "created_at", moment))
    if selection.until is not None:
        end = first_id_since(Delivery, "created_at", selection.until + CLOCK_SLACK)
        last = min(last, end - 1)
    return first, last


def plan_scan(
    selection: Selection,
    first: int,
    last: int,
    *,
    newest_first: bool = True,
    statuses: frozenset[str] | None = None,
) -> ScanPlan:
    """How the deliveries of a selection are looked for; ``statuses``: instead of its own."""
    if statuses is None:
        statuses = frozenset(selection.statuses)
    given = [one for _, one, _ in selection.given()]
    has_index = any(one.has_index for one in given) or bool(
        statuses and statuses <= RETRYABLE_BY_A_PERSON
    )
    if any(one.is_few for one in given):
        wanted = EVERYTHING
    elif has_index:  # which holds the destination and the Pinterest event too
        wanted = Wanted(source_id=selection.source_id, event_name=selection.event_name)
    else:
        wanted = Wanted(
            selection.destination_ids,
            selection.source_id,
            selection.event_name,
            selection.conversion_name,
        )
    listed = None
    if statuses and statuses <= OPEN and not has_index:
        ids = open_ids(selection, MAX_OPEN_SCANNED + 1)
        listed = ids if len(ids) <= MAX_OPEN_SCANNED else None
    is_thin = any(one.is_thin for one in given)
    return ScanPlan(first, last, wanted, has_index, is_thin, listed, newest_first)


def open_ids(selection: Selection, count: int) -> tuple[int, ...]:
    """The first ``count`` open ones of the destinations, in the order of their own index.

    No index knows the rest of the selection.
    """
    found = Delivery.objects.filter(due_at__isnull=False)
    if selection.destination_ids:
        found = found.filter(destination_id__in=selection.destination_ids)
    ordered = found.order_by("destination_id", "due_at").values_list("pk", flat=True)
    return tuple(ordered[:count])
