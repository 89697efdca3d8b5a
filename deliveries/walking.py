"""Finding the next rows of the log in a bounded time, however few of its millions fit a filter.

A filter that an index answers is one query for each stretch of the log. What no index answers is
walked along the primary key in windows, only where the table of contents says that rows may be.
When the time is over, what was found until then is shown, and how far the walk has come: the next
page goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import QuerySet

from deliveries.log_contents import EVERYTHING, Stretch, Wanted, stretches
from deliveries.models import Delivery

SECONDS = 0.15
"""A walk begins no other window after so long."""

WINDOW = 32_768
"""IDs in a window where no index helps; one takes some 20 ms, with its events 60."""


@dataclass(frozen=True, slots=True)
class Walked:
    """IDs in the order of the walk. ``reached``: it broke off after this ID; None: it did not."""

    ids: list[int]
    reached: int | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """IDs from ``first`` to ``last``, newest or oldest first, and what helps to find rows there.

    ``has_index``: the filter asks for failures, an error code or a batch, for which there is an
    index by ID. ``listed``: it asks for what is open, and this is all of that.
    """

    first: int
    last: int
    wanted: Wanted = EVERYTHING
    has_index: bool = False
    listed: tuple[int, ...] | None = None
    newest_first: bool = True


def walk(deliveries: QuerySet[Delivery], way: Way, count: int, seconds: float = SECONDS) -> Walked:
    """The next ``count`` of ``deliveries`` on the way; fewer at its end or when time is over."""
    deadline = time.monotonic() + seconds
    order = "-pk" if way.newest_first else "pk"
    ids: list[int] = []
    reached: int | None = None
    for window in _windows(way):
        if reached is not None and time.monotonic() > deadline:
            return Walked(ids, reached)
        here = deliveries.filter(pk__gte=window.first, pk__lte=window.last)
        if window.listed is not None:
            here = here.filter(pk__any_of=window.listed)
        ids += here.order_by(order).values_list("pk", flat=True)[: count - len(ids)]
        if len(ids) >= count:
            break
        reached = window.first if way.newest_first else window.last
    return Walked(ids)


def _windows(way: Way) -> Iterator[Stretch]:
    if way.first > way.last:
        return
    found: Iterable[Stretch] = [Stretch(way.first, way.last, way.listed)]
    if way.wanted and way.listed is None:
        found = stretches(way.wanted, way.first, way.last, newest_first=way.newest_first)
    for one in found:
        if one.listed is not None or way.has_index:
            yield one
        elif way.newest_first:
            for last in range(one.last, one.first - 1, -WINDOW):
                yield Stretch(max(one.first, last - WINDOW + 1), last)
        else:
            for first in range(one.first, one.last + 1, WINDOW):
                yield Stretch(first, min(one.last, first + WINDOW - 1))
