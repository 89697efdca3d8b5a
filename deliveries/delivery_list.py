"""A page of the delivery log under its filters, in a bounded time (see deliveries.walking)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from django.db import models
from django.http import HttpRequest

from deliveries.id_ranges import CLOCK_SLACK, first_id_since
from deliveries.log_contents import Wanted
from deliveries.log_selection import PARAMETERS, read_selection
from deliveries.models import Delivery
from deliveries.paging import KeysetChangeList
from deliveries.selection import CLOSED_WITHIN, Selection
from deliveries.statuses import OPEN, RETRYABLE_BY_A_PERSON
from deliveries.walking import Way, walk

MOST_OPEN = 20_000
"""So many open deliveries are looked up by their own index; more are walked among the others."""

EXPORT_PAGE = 2000


class DeliveryList(KeysetChangeList):
    """Deliveries, newest first; a walk that takes too long is broken off and can be gone on with."""

    def get_results(self, request: HttpRequest) -> None:
        self.selection = _selection(request)
        super().get_results(request)

    def find(
        self, *, before: int | None = None, after: int | None = None, count: int
    ) -> tuple[list[Any], int | None]:
        if self.selection is None:
            return super().find(before=before, after=after, count=count)
        first, last = id_bounds(self.selection)
        if after is not None:
            way = way_of(self.selection, max(first, after + 1), last, newest_first=False)
        else:
            last = last if before is None else min(last, before - 1)
            way = way_of(self.selection, first, last)
        walked = walk(self.queryset, way, count)
        rows = Delivery.objects.in_bulk(walked.ids)
        return [rows[pk] for pk in walked.ids if pk in rows], walked.reached


def newest_first(
    request: HttpRequest, deliveries: models.QuerySet[Delivery]
) -> Iterator[models.QuerySet[Delivery]]:
    """All that the list shows under its filters, in querysets of EXPORT_PAGE at most, in order."""
    selection = _selection(request)
    first, last = id_bounds(selection or Selection())
    while True:
        way = way_of(selection, first, last) if selection else Way(first, last, has_index=True)
        ids = walk(deliveries, way, EXPORT_PAGE, seconds=sys.maxsize).ids
        yield Delivery.objects.filter(pk__any_of=ids).order_by("-pk")
        if len(ids) < EXPORT_PAGE:
            return
        last = ids[-1] - 1


def id_bounds(selection: Selection) -> tuple[int, int]:
    """The first and last ID that a selection's times leave."""
    first, last = 0, _newest_id()
    if selection.since is not None:
        first = first_id_since(Delivery, "created_at", selection.since - CLOCK_SLACK)
    if selection.settled_since is not None:
        moment = selection.settled_since - CLOSED_WITHIN
        first = max(first, first_id_since(Delivery, "created_at", moment))
    if selection.until is not None:
        end = first_id_since(Delivery, "created_at", selection.until + CLOCK_SLACK)
        last = min(last, end - 1)
    return first, last


def way_of(selection: Selection, first: int, last: int, *, newest_first: bool = True) -> Way:
    """How the deliveries of a selection are looked for."""
    statuses = set(selection.statuses)
    return Way(
        first=first,
        last=last,
        wanted=Wanted(
            selection.destination_ids,
            selection.source_id,
            selection.event_name,
            selection.conversion_name,
        ),
        has_index=bool(
            selection.error_code
            or selection.batch_id is not None
            or (statuses and statuses <= RETRYABLE_BY_A_PERSON)
        ),
        listed=_open_ids(selection) if statuses and statuses <= OPEN else None,
        newest_first=newest_first,
    )


def _selection(request: HttpRequest) -> Selection | None:
    """What the address asks for; None: nothing, a search, or what cannot be read (and finds none)."""
    if not any(request.GET.get(name, "").strip() for name in PARAMETERS):
        return None
    try:
        return read_selection(request.GET)
    except (ValueError, OverflowError):
        return None


def _open_ids(selection: Selection) -> tuple[int, ...] | None:
    """What is open, in the order of its own index; None: too many."""
    found = Delivery.objects.filter(due_at__isnull=False)
    if selection.destination_ids:
        found = found.filter(destination_id__in=selection.destination_ids)
    ordered = found.order_by("destination_id", "due_at").values_list("pk", flat=True)
    ids = tuple(ordered[: MOST_OPEN + 1])
    return ids if len(ids) <= MOST_OPEN else None


def _newest_id() -> int:
    return Delivery.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
