"""A page of the delivery log under its filters, in a bounded time (see deliveries.search)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.admin.views.main import SEARCH_VAR
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from deliveries.admin.event_columns import read_summaries
from deliveries.admin.log_bar import chips, chosen_columns, column_links, presets, tabs
from deliveries.admin.paging import KeysetChangeList
from deliveries.models import Delivery
from deliveries.privacy.masked_rows import sees_personal_data
from deliveries.search import PARAMETERS, Selection, all_pages, find_page, read_selection
from destinations.pinterest.summary import Summary


class DeliveryList(KeysetChangeList):
    """Deliveries, newest first; a search that takes too long is broken off and can be gone on
    with."""

    search_placeholder: Any = gettext_lazy("ID, order, email, user")

    def get_results(self, request: HttpRequest) -> None:
        self.search_help_text = gettext("Message ID, event ID, order ID, email address or user ID")
        if not sees_personal_data(request.user):
            self.search_help_text = gettext("Message ID, event ID or order ID")
            self.search_placeholder = gettext("Message, event or order ID")
            self.search_limit = gettext(
                "Searching by email address or user ID requires permission to see personal data."
            )
        self.selection = _selection(request)
        super().get_results(request)
        columns = chosen_columns(request)
        if {"order", "value"} & {*columns}:
            masks = not sees_personal_data(request.user)
            summaries = read_summaries(self.result_list, masks=masks)
            for row in self.result_list:
                row.summary = summaries.get(row.event_id, Summary())
        is_filtered = any(request.GET.get(name, "").strip() for name in PARAMETERS)
        is_search = bool(request.GET.get(SEARCH_VAR)) or (is_filtered and self.selection is None)
        status = request.GET.get("status", "").strip()
        self.tabs = tabs(self, self.selection, status, is_search=is_search)
        self.chips = chips(self)
        self.presets = presets(self, self.zone_name, timezone.now())
        self.column_links = column_links(self, columns)

    def find(
        self, *, before: int | None = None, after: int | None = None, count: int
    ) -> tuple[list[Any], int | None]:
        if self.selection is None:
            return super().find(before=before, after=after, count=count)
        found = find_page(self.queryset, self.selection, count, before=before, after=after)
        rows = Delivery.objects.in_bulk(found.ids)
        return [rows[pk] for pk in found.ids if pk in rows], found.reached


def newest_first(
    request: HttpRequest, deliveries: models.QuerySet[Delivery]
) -> Iterator[models.QuerySet[Delivery]]:
    """All that the list shows under its filters, page by page."""
    return all_pages(deliveries, _selection(request))


def _selection(request: HttpRequest) -> Selection | None:
    """What the address asks for; None: nothing, a search, or what cannot be read (and finds
    none)."""
    if not any(request.GET.get(name, "").strip() for name in PARAMETERS):
        return None
    try:
        return read_selection(request.GET)
    except (ValueError, OverflowError):
        return None
