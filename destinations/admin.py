"""Destinations in the browser; with ``source_admin``, everything that is set up there.

Pausing and resuming a destination are verbs on deliveries: their doors are in ``deliveries.admin``.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import display

from destinations.badges import show_badge
from destinations.destination_pages import DestinationPages, last_check
from destinations.event_map_advice import advise_event_map
from destinations.event_purposes import EVENT_PURPOSES
from destinations.forms import (
    DATALIST_ID,
    DestinationForm,
    EventMappingForm,
    EventMappingFormSet,
)
from destinations.models import Destination, EventMapping
from destinations.pinterest.event_names import STANDARD_NAMES
from destinations.source_admin import SourceAdmin

__all__ = ["DestinationAdmin", "SourceAdmin"]


class EventMappingInline(TabularInline):
    model = EventMapping
    form = EventMappingForm
    formset = EventMappingFormSet
    extra = 1
    hide_title = True
    verbose_name = "event map row"
    verbose_name_plural = "Event map: your event → Pinterest event"


@admin.register(Destination)
class DestinationAdmin(DestinationPages):
    form = DestinationForm
    inlines = (EventMappingInline,)
    list_display = ("name", "shown_state", "shown_account", "shown_sources", "shown_resume")
    ordering = ("name",)
    readonly_fields = ("shown_token",)
    change_form_template = "admin/destinations/destination/change_form.html"
    empty_title = "No destinations yet"
    empty_text = (
        "A destination is one Pinterest ad account. You need its number and a conversion token, "
        "or choose the sandbox to try things out."
    )
    empty_link = ("admin:destinations_destination_add", "Add a destination")
    fieldsets = (
        (
            "Account",
            {"fields": ("name", "service", "advertiser_id", "enabled")},
        ),
        ("Token", {"fields": ("conversion_token",)}),
        (
            "What to send",
            {
                "fields": (
                    "sources",
                    "unmapped_events",
                    "default_action_source",
                    "send_external_id",
                    "test_mode",
                )
            },
        ),
        (
            "Advanced",
            {
                "classes": ("collapse",),
                "fields": (
                    "api_version",
                    "dedup_key",
                    "max_age_hours",
                    "app_id",
                    "partner_name",
                    "concurrency_limit",
                ),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Destination]:
        return super().get_queryset(request).prefetch_related("sources")

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        if self.has_operate_permission(request):
            return self.list_display
        return tuple(column for column in self.list_display if column != "shown_resume")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """May pause and resume."""
        return request.user.has_perm("destinations.operate_destination")

    def get_fieldsets(self, request: HttpRequest, obj: Destination | None = None) -> list:
        if obj is None or self.has_change_permission(request, obj):
            return list(self.fieldsets)
        return [
            (name, {"fields": ("shown_token",)} if name == "Token" else options)
            for name, options in self.fieldsets
        ]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        names = [(name, EVENT_PURPOSES[name]) for name in STANDARD_NAMES]
        extra_context = {
            **(extra_context or {}),
            "datalist_id": DATALIST_ID,
            "event_names": names,
            "may_pause": self.has_operate_permission(request),
            **self._read_state(request, object_id),
        }
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _read_state(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        """The last connection check, advice on the event map, and which buttons there are."""
        pk = int(object_id) if object_id and object_id.isdecimal() else None
        destination = Destination.objects.filter(pk=pk).first() if pk else None
        may_change = self.has_change_permission(request)
        return {
            "check": last_check(destination),
            "advice": _advice_for(destination) if destination else [],
            "may_check": may_change if pk else self.has_add_permission(request),
            "may_copy": may_change and self.has_add_permission(request),
        }

    def save_related(
        self, request: HttpRequest, form: ModelForm, formsets: list[BaseModelFormSet], change: bool
    ) -> None:
        super().save_related(request, form, formsets, change)
        destination: Destination = form.instance
        if destination.api_version == Destination.ApiVersion.V3:
            messages.warning(
                request,
                "This destination uses API v3, which is legacy: Pinterest announced its end for "
                "2023. Choose v5 unless Pinterest told you otherwise.",
            )
        own = sorted(
            set(destination.event_mappings.values_list("pinterest_event_name", flat=True))
            - set(STANDARD_NAMES)
        )
        if own:
            messages.warning(
                request,
                f"Not among Pinterest's own events: {', '.join(own)}. Define such names in Ads "
                "Manager, or they count for nothing there.",
            )

    @display(description="Conversion token")
    def shown_token(self, destination: Destination) -> str:
        return "A token is set." if destination.conversion_token else "No token is set."

    @display(description="State")
    def shown_state(self, destination: Destination) -> SafeString:
        if destination.paused_at is not None:
            return format_html(
                '{}<span class="relay-error" title="{}"><small>since {}: {}</small></span>',
                show_badge("dead", "pause_circle", "Paused"),
                destination.paused_reason,
                timezone.localtime(destination.paused_at).strftime("%d %b %H:%M"),
                destination.paused_reason,
            )
        if not destination.enabled:
            return show_badge("discarded", "power_settings_new", "Off")
        if destination.test_mode:
            return show_badge("pending", "science", "On, test mode")
        return show_badge("delivered", "check_circle", "On")

    @display(description="Account")
    def shown_account(self, destination: Destination) -> SafeString:
        return format_html(
            '<code>{}</code><small class="relay-under">{}, {}</small>',
            destination.advertiser_id,
            "sandbox" if destination.service == Destination.Service.SANDBOX else "Pinterest",
            destination.get_api_version_display(),
        )

    @display(description="Sources")
    def shown_sources(self, destination: Destination) -> SafeString | str:
        names = [(source.name,) for source in destination.sources.all()]
        return format_html_join(", ", "{}", names) or "none"

    @display(description="")
    def shown_resume(self, destination: Destination) -> SafeString | str:
        """A button of the list's own form: it works without scripts and carries its token."""
        if destination.paused_at is None:
            return ""
        return format_html(
            '<button type="submit" class="relay-button" formaction="{}">Resume</button>',
            reverse("admin:deliveries_destination_resume", args=[destination.pk]),
        )


def _advice_for(destination: Destination) -> list[str]:
    rows = destination.event_mappings.values_list("source_event_name", "pinterest_event_name")
    return advise_event_map(rows, destination.unmapped_events)
