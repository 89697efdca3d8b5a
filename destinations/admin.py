"""Sources and destinations in the browser.

Pausing and resuming a destination are verbs on deliveries: their doors are in ``deliveries.admin``.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display

from destinations.badges import show_badge
from destinations.event_purposes import EVENT_PURPOSES
from destinations.forms import (
    DATALIST_ID,
    DestinationForm,
    EventMappingForm,
    EventMappingFormSet,
    SourceForm,
)
from destinations.models import Destination, EventMapping, Source, generate_write_key
from destinations.pinterest.event_names import STANDARD_NAMES
from destinations.routing import forget_routes
from destinations.snippets import make_snippets


class RoutedAdmin(ModelAdmin):
    """A part of what decides where events go: every change is passed on once it is committed.

    Nothing is deleted here, because the log keeps pointing to it: it is switched off instead.
    """

    warn_unsaved_form = True

    def save_related(
        self, request: HttpRequest, form: ModelForm, formsets: list[BaseModelFormSet], change: bool
    ) -> None:
        super().save_related(request, form, formsets, change)
        transaction.on_commit(forget_routes)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


@admin.register(Source)
class SourceAdmin(RoutedAdmin):
    form = SourceForm
    list_display = ("name", "shown_state", "shown_key", "shown_destinations")
    ordering = ("name",)
    change_form_template = "admin/destinations/source/change_form.html"
    empty_title = "No sources yet"
    empty_text = "A source is a site or an app of yours. Each has its own write key."
    empty_link = ("admin:destinations_source_add", "Add a source")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Source]:
        return super().get_queryset(request).prefetch_related("destinations")

    def get_fieldsets(self, request: HttpRequest, obj: Source | None = None) -> list:
        # Once made, a key is rotated, not edited: a typing error would cut off a whole site.
        own_key = () if obj else ("write_key",)
        return [
            (None, {"fields": ("name", "enabled", "destinations")}),
            (
                "Advanced",
                {
                    "classes": ("collapse",),
                    "fields": (*own_key, "allowed_origins", "rate_limit_per_second"),
                },
            ),
        ]

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                "<int:pk>/rotate-key/",
                self.admin_site.admin_view(self.rotate_view),
                name="destinations_source_rotate",
            ),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        source = self.get_object(request, object_id)
        extra_context = {**(extra_context or {}), "sees_key": False}
        if isinstance(source, Source) and self.has_change_permission(request, source):
            extra_context |= {
                "sees_key": True,
                "server_url": server_url(request),
                "snippets": make_snippets(server_url(request), source.write_key),
            }
        return super().change_view(request, object_id, form_url, extra_context)

    def rotate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask, then give the source a new write key."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        source = get_object_or_404(Source, pk=pk)
        if request.method != "POST":
            context = {
                **self.admin_site.each_context(request),
                "title": "Rotate the write key",
                "opts": self.opts,
                "original": source,
            }
            return TemplateResponse(request, "admin/destinations/source/rotate.html", context)
        source.write_key = generate_write_key()
        with transaction.atomic():
            source.save(update_fields=["write_key"])
            self.log_change(request, source, "Write key rotated.")
            transaction.on_commit(forget_routes)
        messages.success(
            request,
            f"“{source}” has a new write key. Events sent with the old one are refused now.",
        )
        return HttpResponseRedirect(reverse("admin:destinations_source_change", args=[pk]))

    def response_add(
        self, request: HttpRequest, obj: Source, post_url_continue: str | None = None
    ) -> HttpResponse:
        """After adding comes connecting: show the page with the key and the ready lines."""
        if not {"_addanother", "_continue", "_popup"} & request.POST.keys():
            messages.success(request, f"“{obj}” is ready. Connect it with one of the lines below.")
            return HttpResponseRedirect(reverse("admin:destinations_source_change", args=[obj.pk]))
        return super().response_add(request, obj, post_url_continue)

    @display(description="State")
    def shown_state(self, source: Source) -> SafeString:
        return (
            show_badge("delivered", "check_circle", "On")
            if source.enabled
            else show_badge("discarded", "power_settings_new", "Off")
        )

    @display(description="Write key")
    def shown_key(self, source: Source) -> SafeString:
        return format_html("<code>…{}</code>", source.write_key[-4:])

    @display(description="Destinations")
    def shown_destinations(self, source: Source) -> str:
        return ", ".join(destination.name for destination in source.destinations.all()) or "none"


class EventMappingInline(TabularInline):
    model = EventMapping
    form = EventMappingForm
    formset = EventMappingFormSet
    extra = 1
    hide_title = True
    verbose_name = "event map row"
    verbose_name_plural = "Event map: your event → Pinterest event"


@admin.register(Destination)
class DestinationAdmin(RoutedAdmin):
    form = DestinationForm
    inlines = (EventMappingInline,)
    list_display = ("name", "shown_state", "shown_account", "shown_sources", "shown_resume")
    ordering = ("name",)
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
            "may_pause": self.has_change_permission(request),
        }
        return super().changeform_view(request, object_id, form_url, extra_context)

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


def server_url(request: HttpRequest) -> str:
    """This server as the outside sees it, with the prefix, without a slash at the end."""
    prefix = f"/{settings.URL_PREFIX}" if settings.URL_PREFIX else ""
    return f"{request.scheme}://{request.get_host()}{prefix}"
