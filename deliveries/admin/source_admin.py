"""A source's pages with what needs its events: what it sends, what of it goes nowhere, archive."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from deliveries.admin.archive_pages import ArchivePages
from deliveries.admin.source_events_page import source_events
from deliveries.admin.unrouted_page import describe_unrouted, unrouted_events
from deliveries.source_states import SourceState, read_source_states
from destinations.models import FormerWriteKey, Source, UnknownWriteKey
from destinations.routed_admin import RoutedChangeList
from destinations.source_admin import SourceAdmin

MAX_UNKNOWN_KEYS = 20


class SourceList(RoutedChangeList):
    """The list with the state of each source on the page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        states = read_source_states(list(self.result_list), timezone.now())
        for source in self.result_list:
            source.state = states[source.pk]

    def unknown_keys(self) -> list[tuple[UnknownWriteKey, Source | None]]:
        """Keys of no source that requests came with lately, and whose old key each is."""
        keys = list(UnknownWriteKey.objects.order_by("-last_seen_at")[:MAX_UNKNOWN_KEYS])
        former = {
            one.digest: one.source
            for one in FormerWriteKey.objects.select_related("source").filter(
                digest__in=[key.digest for key in keys]
            )
        }
        return [(key, former.get(key.digest)) for key in keys]


@admin.register(Source)
class OperatedSourceAdmin(ArchivePages, SourceAdmin):
    """What is set up, and what is done with it."""

    list_after_template = "admin/destinations/source/after_list.html"
    list_display = ("name", "shown_state", "shown_key", "shown_destinations")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "destinations_source"
        return [
            path("<int:pk>/events/", view(self.events_view), name=f"{name}_events"),
            path("<int:pk>/unrouted/", view(self.unrouted_view), name=f"{name}_unrouted"),
            *super().get_urls(),
        ]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[SourceList]:
        return SourceList

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        source = self.get_object(request, object_id)
        if isinstance(source, Source):
            extra_context = {**(extra_context or {}), **describe_unrouted(request, source)}
        return super().change_view(request, object_id, form_url, extra_context)

    def events_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return source_events(self, request, get_object_or_404(Source, pk=pk))

    def unrouted_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return unrouted_events(self, request, get_object_or_404(self.get_queryset(request), pk=pk))

    @display(description=gettext_lazy("Status"))
    def shown_state(self, source: Any) -> SafeString:
        state: SourceState = source.state
        return format_html(
            '{}<span class="relay-error" title="{}"><small>{}</small></span>',
            state.badge,
            state.sentence,
            state.sentence,
        )
