"""The filters in the bar above a log; ``deliveries.search`` says what those of deliveries mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from deliveries.admin.paging import distinct_values
from deliveries.db.id_ranges import within
from deliveries.models import Delivery
from deliveries.querysets import DeliveryQuerySet
from deliveries.search import FILTERS, read_selection
from deliveries.search.query_params import DAY
from deliveries.search.readers import (
    ANY_WARNING,
    COMPLETED_FROM_MEMORY,
    day_bounds,
    read_day,
    read_id,
)
from deliveries.search.zones import zone_of
from deliveries.statuses import DeliveryStatus
from destinations.models import Destination, EventMapping, Source
from destinations.pinterest.event_names import STANDARD_NAMES


class BarFilter(SimpleListFilter):
    """A filter in the bar above the list; ``control`` is the template of its form control."""

    control = "relay/filters/choice.html"

    @property
    def is_time(self) -> bool:
        return self.control.endswith(("minute.html", "moment.html"))

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        self.zone = zone_of(request.GET)  # in which moments and days are meant
        super().__init__(request, *args)

    def has_output(self) -> bool:
        return True

    def lookups(
        self, request: HttpRequest, model_admin: ModelAdmin[Any]
    ) -> Iterable[tuple[str, str]]:
        return ()

    def queryset(
        self, request: HttpRequest, queryset: models.QuerySet[Any]
    ) -> models.QuerySet[Any]:
        text = (self.value() or "").strip()
        if not text:
            return queryset
        # PostgreSQL has no text with NUL in it, so none can be meant.
        return queryset.none() if "\x00" in text else self.narrow(queryset, text)

    def narrow(self, queryset: models.QuerySet[Any], text: str) -> models.QuerySet[Any]:
        """The rows that fit ``text``, which is not empty and was typed by anybody."""
        raise NotImplementedError


class LogFilter(BarFilter):
    """A filter of the delivery log; ``Selection`` says what it means."""

    def lookups(
        self, request: HttpRequest, model_admin: ModelAdmin[Any]
    ) -> Iterable[tuple[str, str]]:
        offer = CHOICES.get(str(self.parameter_name))
        choices = list(offer()) if offer else []
        chosen = request.GET.get(str(self.parameter_name), "").strip()[:100]
        if chosen and chosen not in [value for value, _ in choices]:
            choices.append((chosen, chosen))  # a link chose it: the control says what is shown
        return choices

    def narrow(self, queryset: models.QuerySet[Any], text: str) -> models.QuerySet[Any]:
        try:
            return read_selection({str(self.parameter_name): text}, self.zone).narrow(
                cast(DeliveryQuerySet, queryset)
            )
        except (ValueError, OverflowError):
            return queryset.none()


def _destinations() -> list[tuple[str, str]]:
    return [(str(pk), name) for pk, name in Destination.objects.values_list("pk", "name")]


def _sources() -> list[tuple[str, str]]:
    return [(str(pk), name) for pk, name in Source.objects.values_list("pk", "name")]


def _source_events() -> list[tuple[str, str]]:
    known = EventMapping.objects.values_list("source_event_name", flat=True).distinct()
    return [(name, name) for name in known.order_by("source_event_name")]


def _pinterest_events() -> list[tuple[str, str]]:
    """Free text, because a destination may send events under names of its own."""
    mapped = EventMapping.objects.values_list("pinterest_event_name", flat=True).distinct()
    own = sorted(set(mapped.order_by()) - set(STANDARD_NAMES))
    return [(name, name) for name in (*own, *STANDARD_NAMES)]


CHOICES: dict[str, Callable[[], Iterable[tuple[str, Any]]]] = {
    "status": lambda: DeliveryStatus.choices,
    "destination": _destinations,
    "source": _sources,
    "source_event": _source_events,
    "pinterest_event": _pinterest_events,
    "warning": lambda: [(ANY_WARNING, gettext_lazy("with warnings"))],
    "memory": lambda: [(COMPLETED_FROM_MEMORY, gettext_lazy("completed from memory"))],
    "error_code": lambda: [(code, code) for code in distinct_values(Delivery, "error_code")],
}
"""What a control offers, by the parameter of its filter."""


def _log_filter(parameter: str, title: Any, control: str) -> type[LogFilter]:
    template = f"relay/filters/{control}.html"
    about = {"parameter_name": parameter, "title": title, "control": template}
    return type(f"{parameter.title()}Filter", (LogFilter,), about)


LOG_FILTERS = (
    *(_log_filter(one.parameter, one.label or one.title, one.control) for one in FILTERS.values()),
    # Only shown when a link chose a day: a time range stands in the bar.
    _log_filter(DAY, gettext_lazy("day"), "day_if_set"),
)
"""One for each filter of the delivery log, in order."""


class DestinationFilter(BarFilter):
    """Batches of a destination."""

    title = gettext_lazy("destination")
    parameter_name = "destination"

    def lookups(
        self, request: HttpRequest, model_admin: ModelAdmin[Any]
    ) -> Iterable[tuple[str, str]]:
        return _destinations()

    def narrow(self, queryset: models.QuerySet[Any], text: str) -> models.QuerySet[Any]:
        return queryset.filter(destination_id=pk) if (pk := read_id(text)) else queryset.none()


class SourceFilter(BarFilter):
    """Refusals of a source."""

    title = gettext_lazy("source")
    parameter_name = "source"

    def lookups(
        self, request: HttpRequest, model_admin: ModelAdmin[Any]
    ) -> Iterable[tuple[str, str]]:
        return _sources()

    def narrow(self, queryset: models.QuerySet[Any], text: str) -> models.QuerySet[Any]:
        return queryset.filter(source_id=pk) if (pk := read_id(text)) else queryset.none()


class DayFilter(BarFilter):
    """One calendar day in the viewer's or the link's zone, through a range of ids."""

    title = gettext_lazy("day")
    parameter_name = "day"
    control = "relay/filters/day.html"
    time_field = "created_at"

    def narrow(self, queryset: models.QuerySet[Any], text: str) -> models.QuerySet[Any]:
        try:
            day = read_day(text)
        except ValueError:
            return queryset.none()
        return within(queryset, self.time_field, *day_bounds(day, self.zone))


class SentDayFilter(DayFilter):
    time_field = "sent_at"


class ReceivedDayFilter(DayFilter):
    time_field = "received_at"
