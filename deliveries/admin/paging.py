"""Paging through a log of millions of rows: by key, never by COUNT(*) or OFFSET."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db import connections, models
from django.db.models import Prefetch, prefetch_related_objects
from django.db.models.expressions import Combinable
from django.http import HttpRequest

from admin_base.lists import StrictChangeList
from deliveries.db.id_ranges import column_of
from deliveries.privacy.masked_rows import mask_row, sees_personal_data
from deliveries.search.readers import read_id
from deliveries.search.zones import zone_name, zone_of

BEFORE = "before"
"""Query parameter: show the rows just older than this id."""
AFTER = "after"
"""Query parameter: show the rows just newer than this id."""


if TYPE_CHECKING:
    _Paginator = Paginator[models.Model]
else:  # Django's takes no arguments
    _Paginator = Paginator


class KeysetPage(_Paginator):
    """What the page template needs to know; it never counts anything."""

    template_name = "relay/pagination_keyset.html"


class KeysetChangeList(StrictChangeList):
    """A list of a log, newest first: one query a page, however long the log is.

    The model admin may have ``page_prefetches``: what to fetch for the rows of one page.
    """

    older_url = ""
    newer_url = ""
    reached: int | None = None
    """The ID at which the search for rows was broken off, because it took too long."""
    reached_at: datetime | None = None

    def get_ordering(
        self, request: HttpRequest, queryset: models.QuerySet[Any]
    ) -> list[str | Combinable]:
        return ["-pk"]

    def get_results(self, request: HttpRequest) -> None:
        size = self.list_per_page
        before, after = read_id(request.GET.get(BEFORE)), read_id(request.GET.get(AFTER))
        if after is not None:
            ascending, self.reached = self.find(after=after, count=size + 1)
            rows = ascending[:size][::-1]
            has_newer, has_older = len(ascending) > size, True
        else:
            descending, self.reached = self.find(before=before, count=size + 1)
            rows = descending[:size]
            has_newer, has_older = before is not None, len(descending) > size
        self._set_urls(rows, has_newer, has_older)
        if self.reached is not None:
            self._go_on_from(self.reached, is_newer=after is not None)
        prefetches: Sequence[str | Prefetch[Any]] = getattr(self.model_admin, "page_prefetches", ())
        prefetch_related_objects(rows, *prefetches)
        if not sees_personal_data(request.user):
            for row in rows:
                mask_row(row)
        self.result_list = rows
        self.result_count = self.full_result_count = len(rows)
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.paginator = KeysetPage(rows, size)
        # The filters stand in the bar above the list, not in a sheet at the side.
        self.has_filters = False
        self.zone_name = zone_name(zone_of(request.GET))

    def find(
        self, *, before: int | None = None, after: int | None = None, count: int
    ) -> tuple[list[Any], int | None]:
        """The next rows older than ``before`` or newer than ``after``, in the order of the scan.

        With them the ID at which the search was broken off, if it was.
        """
        if after is not None:
            return list(self.queryset.filter(pk__gt=after).order_by("pk")[:count]), None
        found = self.queryset if before is None else self.queryset.filter(pk__lt=before)
        return list(found[:count]), None

    def _go_on_from(self, reached: int, *, is_newer: bool) -> None:
        if is_newer:
            self.newer_url = self.get_query_string({AFTER: reached, BEFORE: None})
        else:
            self.older_url = self.get_query_string({BEFORE: reached, AFTER: None})
        times = self.model._default_manager.filter(pk__lte=reached).order_by("-pk")
        self.reached_at = times.values_list("created_at", flat=True).first()

    def _set_urls(self, rows: Sequence[models.Model], has_newer: bool, has_older: bool) -> None:
        without = [BEFORE, AFTER]
        if rows and has_newer:
            self.newer_url = self.get_query_string({AFTER: rows[0].pk, BEFORE: None})
        elif has_newer:  # past the end: the only way is back to the start
            self.newer_url = self.get_query_string(remove=without)
        if rows and has_older:
            self.older_url = self.get_query_string({BEFORE: rows[-1].pk, AFTER: None})


def distinct_values(model: type[models.Model], field: str) -> list[str]:
    """Every non-empty text in an indexed ``field``, by hopping through the index: one query."""
    connection = connections[model._default_manager.db]
    quote = connection.ops.quote_name
    table, column = quote(model._meta.db_table), quote(column_of(model, field))
    sql = f"""
        WITH RECURSIVE hops(value) AS (
            SELECT MIN({column}) FROM {table} WHERE NOT ({column} = '')
            UNION ALL
            SELECT (SELECT MIN({column}) FROM {table}
                    WHERE {column} > hops.value AND NOT ({column} = ''))
            FROM hops WHERE hops.value IS NOT NULL
        )
        SELECT value FROM hops WHERE value IS NOT NULL
    """
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [value for (value,) in cursor.fetchall()]
