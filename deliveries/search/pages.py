"""Which deliveries are on the next page of a list, and all of them page by page for an export."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from django.db.models import QuerySet

from deliveries.models import Delivery
from deliveries.search.scan import Scanned, ScanPlan, id_bounds, plan_scan, scan_ids
from deliveries.search.selection import Selection

EXPORT_PAGE = 2000


def find_page(
    deliveries: QuerySet[Delivery],
    selection: Selection,
    count: int,
    *,
    before: int | None = None,
    after: int | None = None,
) -> Scanned:
    """The next ``count`` older than ``before`` (newest first) or newer than ``after`` (oldest
    first).

    ``deliveries`` are those of ``selection``, perhaps narrowed further.
    """
    first, last = id_bounds(selection)
    if after is not None:
        plan = plan_scan(selection, max(first, after + 1), last, newest_first=False)
    else:
        last = last if before is None else min(last, before - 1)
        plan = plan_scan(selection, first, last)
    return scan_ids(deliveries, plan, count)


def all_pages(
    deliveries: QuerySet[Delivery], selection: Selection | None
) -> Iterator[QuerySet[Delivery]]:
    """All of them, newest first, in querysets of EXPORT_PAGE at most.

    ``selection`` None: nothing is known of how ``deliveries`` were chosen.
    """
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
