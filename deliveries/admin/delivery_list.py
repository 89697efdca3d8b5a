"""A page of the delivery log under its filters, in a bounded time (see deliveries.search.scan)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from django.db import models
from django.http import HttpRequest

from deliveries.admin.paging import KeysetChangeList
from deliveries.models import Delivery
from deliveries.search.query_params import PARAMETERS, read_selection
from deliveries.search.scan import ScanPlan, id_bounds, plan_scan, scan_ids
from deliveries.search.selection import Selection

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
            plan = plan_scan(self.selection, max(first, after + 1), last, newest_first=False)
        else:
            last = last if before is None else min(last, before - 1)
            plan = plan_scan(self.selection, first, last)
        scanned = scan_ids(self.queryset, plan, count)
        rows = Delivery.objects.in_bulk(scanned.ids)
        return [rows[pk] for pk in scanned.ids if pk in rows], scanned.reached


def newest_first(
    request: HttpRequest, deliveries: models.QuerySet[Delivery]
) -> Iterator[models.QuerySet[Delivery]]:
    """All that the list shows under its filters, in querysets of EXPORT_PAGE at most, in order."""
    selection = _selection(request)
    first, last = id_bounds(selection or Selection())
    while True:
        plan = (
            plan_scan(selection, first, last)
            if selection
            else ScanPlan(first, last, has_index=True)
        )
        ids = scan_ids(deliveries, plan, EXPORT_PAGE, seconds=sys.maxsize).ids
        yield Delivery.objects.filter(pk__any_of=ids).order_by("-pk")
        if len(ids) < EXPORT_PAGE:
            return
        last = ids[-1] - 1


def _selection(request: HttpRequest) -> Selection | None:
    """What the address asks for; None: nothing, a search, or what cannot be read (and finds none)."""
    if not any(request.GET.get(name, "").strip() for name in PARAMETERS):
        return None
    try:
        return read_selection(request.GET)
    except (ValueError, OverflowError):
        return None
