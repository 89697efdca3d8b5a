"""The browser's view of the log: deliveries, batches and refusals. Nothing here can be edited."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import dateformat, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy, ngettext
from unfold.decorators import action, display

from deliveries.actions.operations import retry
from deliveries.admin import filters
from deliveries.admin.delivery_list import DeliveryList
from deliveries.admin.delivery_pages import BatchPages, DeliveryPages
from deliveries.admin.history_notes import note_deliveries
from deliveries.admin.log_admin import LogAdmin, related
from deliveries.admin.log_bar import COLUMNS_PARAMETER, chosen_columns
from deliveries.models import Batch, Delivery, Event, Refusal
from deliveries.phrases import group_digits, say_next_try, show_answer, show_status, show_time
from deliveries.privacy.event_ids import with_readable_event_ids
from deliveries.privacy.masked_rows import mask_row, sees_personal_data
from deliveries.querysets import DeliveryQuerySet
from deliveries.search import events_with, names_a_person, newest_with
from destinations.models import Destination, Source

MAX_FOUND = 1000
"""A search shows the newest this many: an event id that many deliveries share is no event id."""


@admin.register(Delivery)
class DeliveryAdmin(DeliveryPages):
    list_display = (
        "shown_time",
        "shown_event",
        "shown_conversion",
        "shown_destination",
        "shown_status",
        "shown_attempts",
        "shown_error",
        "shown_next_try",
    )
    list_filter = filters.LOG_FILTERS
    search_fields = ("event__message_id",)
    own_parameters = LogAdmin.own_parameters | {COLUMNS_PARAMETER}
    actions = ("retry_selected", "discard_selected")
    page_prefetches = (
        Prefetch("event", Event.objects.defer("body")),
        Prefetch(
            "destination",
            Destination.objects.select_related("circuit").only(
                "name", "paused_at", "enabled", "archived_at", "circuit__hold_until"
            ),
        ),
    )
    empty_title = gettext_lazy("No deliveries yet")
    empty_text = gettext_lazy(
        "When a source sends an event, its deliveries appear here within seconds. To "
        "test it, copy a snippet from the source's page."
    )
    empty_link = ("admin:destinations_source_changelist", gettext_lazy("Go to sources"))

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        chosen = tuple(f"shown_{name}" for name in chosen_columns(request))
        return (*self.list_display[:3], *chosen, *self.list_display[3:])

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[DeliveryList]:
        return DeliveryList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Delivery], bool]:
        """Exact matches only: each side is one look into an index, and the newest events are read.

        Who may not see personal data cannot confirm with a search that somebody is in the log.
        """
        term = search_term.strip()
        if not term:
            return queryset, False
        sees_people = sees_personal_data(request.user)
        if not sees_people and names_a_person(term):
            return queryset.none(), False
        event_ids = list(
            Event.objects.filter(message_id=term).values_list("pk", flat=True)[:MAX_FOUND]
        )
        # First what has no keys: it may get them in the meantime.
        newest = newest_with(term, of_people=sees_people)
        event_ids += newest.event_ids[:MAX_FOUND]
        event_ids += events_with(term, of_people=sees_people)[:MAX_FOUND]
        if newest.unread_since is not None and newest.unread_until is not None:
            _say_unread(request, newest.unread_since, newest.unread_until)
        found = Delivery.objects.filter(event_id__in=event_ids).values_list("pk", flat=True)
        by_event_id = Delivery.objects.filter(
            ~Q(conversion_event_id=""), conversion_event_id=term
        ).values_list("pk", flat=True)
        if not sees_people:
            by_event_id = by_event_id.filter(destination_id__in=with_readable_event_ids())
        ids = {*found.order_by("-pk")[:MAX_FOUND], *by_event_id.order_by("-pk")[:MAX_FOUND]}
        return queryset.filter(pk__in=ids), False

    @display(description=gettext_lazy("Time"))
    def shown_time(self, delivery: Delivery) -> SafeString:
        event = related(delivery, "event")
        return format_html(
            '<a class="relay-link" href="{}">{}</a>',
            self.detail_url(delivery.pk),
            show_time(event.received_at if event else delivery.created_at),
        )

    @display(description=gettext_lazy("Source event"))
    def shown_event(self, delivery: Delivery) -> SafeString | str:
        event = related(delivery, "event")
        if event is None:
            return gettext("deleted")
        return format_html(
            '<a class="relay-link relay-link--strong" href="{}" title="{}">{}</a>'
            '<small class="relay-under">{}</small>',
            self.detail_url(delivery.pk),
            event.message_id,
            event.name or event.type,
            event.type,
        )

    @display(description=gettext_lazy("Pinterest event"))
    def shown_conversion(self, delivery: Delivery) -> SafeString | str:
        if not delivery.conversion_name:
            return "–"
        return format_html("<code>{}</code>", delivery.conversion_name)

    @display(description=gettext_lazy("Order"))
    def shown_order(self, delivery: Any) -> SafeString | str:
        return _clamp(delivery.summary.order_id) if delivery.summary.order_id else "–"

    @display(description=gettext_lazy("Value"))
    def shown_value(self, delivery: Any) -> str:
        return f"{delivery.summary.value} {delivery.summary.currency}".strip() or "–"

    @display(description=gettext_lazy("Warnings"))
    def shown_warnings(self, delivery: Delivery) -> SafeString | str:
        return _clamp(_codes_of(delivery)) if delivery.warnings else ""

    @display(description=gettext_lazy("Destination"))
    def shown_destination(self, delivery: Delivery) -> SafeString:
        return _clamp(_name_of(related(delivery, "destination"), delivery.destination_id))

    @display(description=gettext_lazy("Status"))
    def shown_status(self, delivery: Delivery) -> SafeString:
        badge = show_status(delivery.status)
        if not delivery.warnings:
            return badge
        said = ngettext("%(count)s warning", "%(count)s warnings", len(delivery.warnings)) % {
            "count": len(delivery.warnings)
        }
        return format_html(
            '{}<small class="relay-warned" title="{}"><span class="material-symbols-outlined" '
            'aria-hidden="true">warning</span>{}</small>',
            badge,
            _codes_of(delivery),
            said,
        )

    @display(description=gettext_lazy("Attempts"))
    def shown_attempts(self, delivery: Delivery) -> int:
        return delivery.attempt_count

    @display(description=gettext_lazy("Error"))
    def shown_error(self, delivery: Delivery) -> SafeString | str:
        if not delivery.error_code and not delivery.error_message:
            return ""
        return format_html(
            '<span class="relay-error" title="{1}"><code>{0}</code><small>{1}</small></span>',
            delivery.error_code,
            delivery.error_message,
        )

    @display(description=gettext_lazy("Next attempt"))
    def shown_next_try(self, delivery: Delivery) -> str:
        return say_next_try(delivery, related(delivery, "destination"), timezone.now())

    @action(description=gettext_lazy("Retry"), permissions=["operate"])
    def retry_selected(self, request: HttpRequest, queryset: DeliveryQuerySet) -> None:
        chosen = len(request.POST.getlist(ACTION_CHECKBOX_NAME))
        ids = list(queryset.values_list("pk", flat=True))
        count = retry(queryset)
        note_deliveries(request, ids, f"Retried {count:,} of {chosen:,}.")
        self.report_retry(request, count, chosen)

    @action(description=gettext_lazy("Discard …"), permissions=["operate"])
    def discard_selected(self, request: HttpRequest, queryset: DeliveryQuerySet) -> HttpResponse:
        ids = [int(pk) for pk in request.POST.getlist(ACTION_CHECKBOX_NAME) if pk.isdecimal()]
        return self.ask_before_discard(request, ids)


@admin.register(Batch)
class BatchAdmin(BatchPages):
    list_display = (
        "shown_time",
        "shown_destination",
        "shown_answer",
        "shown_counts",
        "shown_duration",
        "shown_request_id",
    )
    list_filter = (filters.DestinationFilter, filters.SentDayFilter)
    page_prefetches = (Prefetch("destination", Destination.objects.only("name")),)
    empty_title = gettext_lazy("No batches yet")
    empty_text = gettext_lazy(
        "A batch is one request to Pinterest with up to 1,000 conversions. The first one "
        "appears when the first event is delivered."
    )
    empty_link = ("admin:deliveries_delivery_changelist", gettext_lazy("Go to the delivery log"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Batch]:
        return super().get_queryset(request).defer("request_body", "response_body")

    @display(description=gettext_lazy("Sent"))
    def shown_time(self, batch: Batch) -> SafeString:
        return format_html(
            '<a class="relay-link" href="{}">{}</a>',
            self.detail_url(batch.pk),
            show_time(batch.sent_at),
        )

    @display(description=gettext_lazy("Destination"))
    def shown_destination(self, batch: Batch) -> SafeString:
        name = _name_of(related(batch, "destination"), batch.destination_id)
        return _clamp(
            (gettext("%(name)s (test mode)") % {"name": name}) if batch.test_mode else name
        )

    @display(description=gettext_lazy("Response"))
    def shown_answer(self, batch: Batch) -> SafeString:
        return format_html(
            '{}<span class="relay-error" title="{}"><small>{}</small></span>',
            show_answer(batch),
            batch.error_message,
            batch.error_message or batch.error_code,
        )

    @display(description=gettext_lazy("Conversions"))
    def shown_counts(self, batch: Batch) -> SafeString:
        return format_html(
            '<span class="relay-counts"><b>{}</b> {}{}{}{}</span>',
            batch.conversion_count,
            _count(batch.delivered_count, gettext("delivered")),
            _count(batch.rejected_count, gettext("rejected")),
            _count(batch.retryable_count, gettext("to retry")),
            format_html("<small>{}</small>", gettext("split to isolate invalid events"))
            if batch.was_split
            else "",
        )

    @display(description=gettext_lazy("Duration"))
    def shown_duration(self, batch: Batch) -> str:
        return gettext("%(duration_ms)s ms") % {"duration_ms": group_digits(batch.duration_ms)}

    @display(description=gettext_lazy("Pinterest request ID"))
    def shown_request_id(self, batch: Batch) -> SafeString | str:
        return format_html("<code>{}</code>", batch.request_id) if batch.request_id else "–"


@admin.register(Refusal)
class RefusalAdmin(LogAdmin):
    list_display = ("shown_time", "shown_source", "shown_reason", "shown_field", "shown_excerpt")
    list_filter = (filters.SourceFilter, filters.ReceivedDayFilter)
    page_prefetches = (Prefetch("source", Source.objects.only("name")),)
    detail_template = "admin/deliveries/refusal/detail.html"
    empty_title = gettext_lazy("No invalid events")
    empty_text = gettext_lazy("Events that can't be accepted are listed here with the reason.")
    empty_link = ("admin:deliveries_delivery_changelist", gettext_lazy("Go to the delivery log"))

    @display(description=gettext_lazy("Received"))
    def shown_time(self, refusal: Refusal) -> SafeString:
        return format_html(
            '<a class="relay-link" href="{}">{}</a>',
            self.detail_url(refusal.pk),
            show_time(refusal.received_at),
        )

    @display(description=gettext_lazy("Source"))
    def shown_source(self, refusal: Refusal) -> SafeString:
        return _clamp(_name_of(related(refusal, "source"), refusal.source_id))

    def read_details(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        if not sees_personal_data(request.user):
            mask_row(row)
        return {"source": Source.objects.filter(pk=row.source_id).first()}

    @display(description=gettext_lazy("Reason"))
    def shown_reason(self, refusal: Refusal) -> SafeString:
        return format_html(
            '<span class="relay-error" title="{1}"><code>{0}</code><small>{1}</small></span>',
            refusal.code,
            refusal.message,
        )

    @display(description=gettext_lazy("Field"))
    def shown_field(self, refusal: Refusal) -> SafeString | str:
        return format_html("<code>{}</code>", refusal.field) if refusal.field else "–"

    @display(description=gettext_lazy("Content"))
    def shown_excerpt(self, refusal: Refusal) -> SafeString:
        return format_html('<code class="relay-excerpt">{}</code>', refusal.excerpt[:200])


def _codes_of(delivery: Delivery) -> str:
    return ", ".join(dict.fromkeys(str(one.get("code", "")) for one in delivery.warnings))


def _say_unread(request: HttpRequest, since: datetime, until: datetime) -> None:
    messages.info(
        request,
        gettext(
            "Events received between %(since)s and %(until)s aren't indexed yet and weren't "
            "searched by order, email address or user ID. Search again in a minute."
        )
        % {"since": _clock(since), "until": _clock(until)},
    )


def _clock(moment: datetime) -> str:
    return dateformat.format(timezone.localtime(moment), gettext("d M H:i"))


def _name_of(row: Destination | Source | None, pk: int) -> str:
    return row.name if row else (gettext("deleted (no. %(number)s)") % {"number": pk})


def _clamp(text: str) -> SafeString:
    """At most two lines, the whole text as its title."""
    return format_html('<span class="relay-clamp" title="{0}">{0}</span>', text)


def _count(number: int, word: str) -> SafeString | str:
    return format_html("<small>{} {}</small>", number, word) if number else ""
