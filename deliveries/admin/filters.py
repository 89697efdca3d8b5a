"""The filters of the log: what each asks the database for (deliveries.search.scan finds the rows)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from deliveries.admin.paging import distinct_values
from deliveries.db.id_ranges import CLOCK_SLACK, first_id_since, within
from deliveries.models import Delivery
from deliveries.search.query_params import day_bounds, read_id
from deliveries.search.selection import CLOSED_WITHIN
from deliveries.search.zones import read_moment, zone_of
from deliveries.statuses import OPEN, DeliveryStatus
from destinations.models import Destination, EventMapping, Source
from destinations.pinterest.event_names import STANDARD_NAMES


class BarFilter(SimpleListFilter):
    """A filter in the bar above the list; ``control`` is the template of its form control."""

    control = "relay/filters/choice.html"

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        self.zone = zone_of(request.GET)  # in which moments and days are meant
        super().__init__(request, *args)

    def has_output(self) -> bool:
        return True

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> Iterable[tuple[str, str]]:
        return ()

    def queryset(self, request: HttpRequest, queryset: models.QuerySet) -> models.QuerySet:
        text = (self.value() or "").strip()
        if not text:
            return queryset
        # PostgreSQL has no text with NUL in it, so none can be meant.
        return queryset.none() if "\x00" in text else self.narrow(queryset, text)

    def narrow(self, queryset: models.QuerySet, text: str) -> models.QuerySet:
        """The rows that fit ``text``, which is not empty and was typed by anybody."""
        raise NotImplementedError


class StatusFilter(BarFilter):
    title = gettext_lazy("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> Iterable[tuple[str, str]]:
        return DeliveryStatus.choices

    def narrow(self, queryset: models.QuerySet, text: str) -> models.QuerySet:
        if text in OPEN:  # said twice, so that the small index of what is due can be used
            return queryset.filter(status=text, due_at__isnull=False)
        return queryset.filter(status=text)


class DestinationFilter(BarFilter):
    title = gettext_lazy("destination")
    parameter_name = "destination"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> Iterable[tuple[str, str]]:
        return [(str(pk), name) for pk, name in Destination.objects.values_list("pk", "name")]

    def narrow(self, queryset: models.QuerySet, text: str) -> models.QuerySet:
        return queryset.filter(destination_id=pk) if (pk := read_id(text)) else queryset.none()


class SourceFilter(BarFilter):
    title = gettext_lazy("source")
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> Iterable[tuple[str, str]]:
        return [(str(pk), name) for pk, name in Source.objects.values_list("pk", "name")]

    def narrow(self, queryset: models.QuerySet, text: str) -> models.QuerySet:
        return queryset.filter(source_id=pk) if (pk := read_id(text)) else queryset.none()


class ConversionNameFilter(BarFilter):
    """Free text, because a destination may send events under names of its own."""

    title = gettext_lazy("Pinterest event")
    parameter_name = "pinterest_event"
    control = "relay/filters/text.html"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> Iterable[tuple[str, str]]:
        mapped = EventMapping.objects.values_list("pinterest_event_name", flat=True).distinct()
        own = sorted(set(mapped.order_by()) - set(STANDARD_NAMES))
        return [(name, name) for name in (*own, *STANDARD_NAMES)]

    def narrow(self, queryset: models.QuerySet, text: str) -> models.QuerySet:
        return queryset.filter(conversion_name=text)


class ErrorCodeFilter(BarFilter):
    title = gettext_lazy("error code")
    parameter_name = "error_code"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> Iterable[tuple[str, str]]:
        return [(code, code) for code in distinct_values(Delivery, "error_code")]

    def narrow(self, queryset: models.QuerySet, text: str) -> models.QuerySet:
        # Without the first condition the planner may not see that the partial index fits.
        return queryset.filter(~models.Q(error_code=""), error_code=text)


class DayFilter(BarFilter):
    """One calendar day in the viewer's or the link's zone, through a range of ids."""

    title = gettext_lazy("day")
    parameter_name = "day"
    control = "relay/filters/day.html"
    time_field = "created_at"

    def narrow(self, queryset: models.QuerySet, text: str) -> models.QuerySet:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            return queryset.none()
        return within(queryset, self.time_field, *day_bounds(day, self.zone))


class SettledSinceFilter(BarFilter):
    """Closed at this minute or later, and received a week before it at most.

    The home page leads here. Ids tell when a delivery came in, not when it was closed; the week
    keeps the range of ids short, and only what a person retries can be closed later than that.
    """

    title = gettext_lazy("closed since")
    parameter_name = "settled_since"
    control = "relay/filters/moment.html"

    def narrow(self, queryset: models.QuerySet, text: str) -> models.QuerySet:
        try:
            since = read_moment(text, self.zone)
            first = first_id_since(queryset.model, "created_at", since - CLOSED_WITHIN)
        except (ValueError, OverflowError):
            return queryset.none()
        return queryset.filter(pk__gte=first, settled_at__gte=since)


class SetDayFilter(DayFilter):
    """The same where a time range stands in the bar: only shown when a link chose a day."""

    control = "relay/filters/day_if_set.html"


class SinceFilter(BarFilter):
    """Received at this minute or later."""

    title = gettext_lazy("from")
    parameter_name = "since"
    control = "relay/filters/minute.html"

    def narrow(self, queryset: models.QuerySet, text: str) -> models.QuerySet:
        try:
            since = read_moment(text, self.zone)
            first = first_id_since(queryset.model, "created_at", since - CLOCK_SLACK)
        except (ValueError, OverflowError):
            return queryset.none()
        return queryset.filter(pk__gte=first, created_at__gte=since)


class UntilFilter(BarFilter):
    """Received before this minute."""

    title = gettext_lazy("before")
    parameter_name = "until"
    control = "relay/filters/minute.html"

    def narrow(self, queryset: models.QuerySet, text: str) -> models.QuerySet:
        try:
            until = read_moment(text, self.zone)
            end = first_id_since(queryset.model, "created_at", until + CLOCK_SLACK)
        except (ValueError, OverflowError):
            return queryset.none()
        return queryset.filter(pk__lt=end, created_at__lt=until)


class EventSourceFilter(SourceFilter):
    """Deliveries of the events of one source."""

    def narrow(self, queryset: models.QuerySet, text: str) -> models.QuerySet:
        return queryset.of_source(pk) if (pk := read_id(text)) else queryset.none()


class EventNameFilter(BarFilter):
    """The name that the sender gave the event, whole."""

    title = gettext_lazy("source event")
    parameter_name = "source_event"
    control = "relay/filters/text.html"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> Iterable[tuple[str, str]]:
        known = EventMapping.objects.values_list("source_event_name", flat=True).distinct()
        return [(name, name) for name in known.order_by("source_event_name")]

    def narrow(self, queryset: models.QuerySet, text: str) -> models.QuerySet:
        return queryset.of_event_name(text)


class BatchFilter(BarFilter):
    title = gettext_lazy("batch")
    parameter_name = "batch"
    control = "relay/filters/text.html"

    def narrow(self, queryset: models.QuerySet, text: str) -> models.QuerySet:
        return queryset.filter(batch_id=pk) if (pk := read_id(text)) else queryset.none()


class SentDayFilter(DayFilter):
    time_field = "sent_at"


class ReceivedDayFilter(DayFilter):
    time_field = "received_at"
