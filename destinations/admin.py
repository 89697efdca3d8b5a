"""Destinations in the browser; with ``source_admin``, everything that is set up there.

``deliveries.admin.destination_admin`` registers destinations, with the pages that need deliveries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db import models
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy
from unfold.admin import TabularInline
from unfold.decorators import display

from destinations.destination_pages import DestinationPages, last_check
from destinations.event_map_advice import advise_event_map
from destinations.event_purposes import EVENT_PURPOSES
from destinations.forms import (
    CONSENT_AND_FILTERS,
    DATALIST_ID,
    DestinationForm,
    EventMappingForm,
    EventMappingFormSet,
)
from destinations.models import Destination, EventMapping, EventRuleRow, Source
from destinations.pinterest.event_names import STANDARD_NAMES
from destinations.rule_forms import EventRuleForm, EventRuleFormSet, number_rows
from destinations.source_admin import SourceAdmin

if TYPE_CHECKING:
    from django.contrib.admin.options import _FieldsetSpec

__all__ = ["DestinationAdmin", "SourceAdmin"]


CONNECTION = "relay-connection"
"""The class of the parts of the form that stand in the tab “Connection”."""


_TOKEN = gettext_lazy("Token")


class RowsInline(TabularInline):
    """Rows of a destination, with one to fill in unless it is archived."""

    hide_title = True

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj is not None and obj.archived_at is not None else 1


class EventMappingInline(RowsInline):
    model = EventMapping
    form = EventMappingForm
    formset = EventMappingFormSet
    verbose_name = gettext_lazy("event map row")
    verbose_name_plural = gettext_lazy("Event map: your event → Pinterest event")


class EventRuleInline(RowsInline):
    model = EventRuleRow
    form = EventRuleForm
    formset = EventRuleFormSet
    verbose_name = gettext_lazy("event rule row")
    verbose_name_plural = gettext_lazy("Event rules: the first that matches decides")


class DestinationAdmin(DestinationPages):
    form = DestinationForm
    inlines = (EventRuleInline, EventMappingInline)
    list_display: tuple[str, ...] = ("name", "shown_account", "shown_sources", "shown_resume")
    ordering = ("name",)
    readonly_fields = ("shown_token",)
    change_form_template = "admin/destinations/destination/change_form.html"
    empty_title = gettext_lazy("No destinations yet")
    empty_text = gettext_lazy(
        "A destination is one Pinterest ad account. You need its advertiser ID and a "
        "conversion token. To try things out, choose the sandbox."
    )
    empty_link = ("admin:destinations_destination_add", gettext_lazy("Add a destination"))
    fieldsets = (
        (
            gettext_lazy("General"),
            {"fields": ("name", "enabled")},
        ),
        (
            gettext_lazy("Account"),
            {"classes": (CONNECTION,), "fields": ("service", "advertiser_id")},
        ),
        (
            _TOKEN,
            {"classes": (CONNECTION,), "fields": ("conversion_token",)},
        ),
        (
            gettext_lazy("What to send"),
            {
                "fields": (
                    "sources",
                    "unmapped_events",
                    "default_action_source",
                    "default_country",
                    "send_external_id",
                    "test_mode",
                )
            },
        ),
        (gettext_lazy("Consent and filters"), {"fields": CONSENT_AND_FILTERS}),
        (
            gettext_lazy("Advanced"),
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

    def get_fieldsets(self, request: HttpRequest, obj: Destination | None = None) -> _FieldsetSpec:
        token: tuple[str, ...] = ("conversion_token",)
        if obj is not None and not self.has_change_permission(request, obj):
            token = ("shown_token",)
        elif obj is not None and obj.conversion_token:
            token = ("conversion_token", "remove_token")
        return [
            (
                name,
                {**options, "fields": token}
                if "conversion_token" in options["fields"]
                else options,
            )
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
        may_change = self.has_change_permission(request, destination)
        return {
            "destination": destination,
            "check": last_check(destination),
            "advice": _advice_for(destination) if destination else [],
            "may_check": may_change if pk else self.has_add_permission(request),
            "may_copy": self.has_change_permission(request) and self.has_add_permission(request),
        }

    def save_related(
        self,
        request: HttpRequest,
        form: ModelForm[Any],
        formsets: list[BaseModelFormSet[Any, Any]],
        change: bool,
    ) -> None:
        super().save_related(request, form, formsets, change)
        destination: Destination = form.instance
        for formset in formsets:
            if isinstance(formset, EventRuleFormSet):
                number_rows(row.instance for row in formset.rows())
        _warn_of_forgetful_sources(request, destination)
        if destination.api_version == Destination.ApiVersion.V3:
            messages.warning(
                request,
                gettext(
                    "This destination uses API v3, a legacy version whose end Pinterest "
                    "announced for 2023. Use v5 unless Pinterest told you otherwise."
                ),
            )
        own = sorted(
            set(destination.event_mappings.values_list("pinterest_event_name", flat=True))
            - set(STANDARD_NAMES)
        )
        if own:
            messages.warning(
                request,
                gettext(
                    "These names aren't Pinterest standard events: %(names)s. Define "
                    "them in Ads Manager, or Pinterest won't count them."
                )
                % {"names": ", ".join(own)},
            )

    @display(description=gettext_lazy("Conversion token"))
    def shown_token(self, destination: Destination) -> str:
        return (
            gettext("A token is set.")
            if destination.conversion_token
            else gettext("No token is set.")
        )

    @display(description=gettext_lazy("Account"))
    def shown_account(self, destination: Destination) -> SafeString:
        return format_html(
            '<code>{}</code><small class="relay-under">{}, {}</small>',
            destination.advertiser_id or "–",
            gettext("sandbox")
            if destination.service == Destination.Service.SANDBOX
            else gettext("Pinterest"),
            destination.get_api_version_display(),
        )

    @display(description=gettext_lazy("Sources"))
    def shown_sources(self, destination: Destination) -> SafeString | str:
        names = [(one.name,) for one in destination.sources.all() if one.archived_at is None]
        return format_html_join(", ", "{}", names) or gettext("none")

    @display(description="")
    def shown_resume(self, destination: Destination) -> SafeString | str:
        """A button of the list's own form: it works without scripts and carries its token."""
        if destination.paused_at is None:
            return ""
        return format_html(
            '<button type="submit" class="relay-button" formaction="{}">{}</button>',
            reverse("admin:destinations_destination_resume", args=[destination.pk]),
            gettext("Resume"),
        )


def _warn_of_forgetful_sources(request: HttpRequest, destination: Destination) -> None:
    """Where nobody is recognized, no consent that comes later can be somebody's."""
    if destination.consent_mode == Destination.ConsentMode.OFF:
        return
    if not destination.sends_after_consent:
        return
    forgetful = destination.sources.filter(identity_memory=Source.IdentityMemory.OFF)
    if names := list(forgetful.values_list("name", flat=True)):
        messages.warning(
            request,
            gettext(
                "“Send after later consent” doesn't apply to these sources, because their identity "
                "memory is off: %(names)s."
            )
            % {"names": ", ".join(names)},
        )


def _advice_for(destination: Destination) -> list[str]:
    rows = destination.event_mappings.values_list("source_event_name", "pinterest_event_name")
    return advise_event_map(rows, destination.unmapped_events)
