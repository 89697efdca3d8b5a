"""A source's pages with what needs its events: what it sends, archive, restore and delete."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path

from deliveries.admin.archive_pages import ArchivePages
from deliveries.admin.source_events_page import source_events
from destinations.models import Source
from destinations.source_admin import SourceAdmin


@admin.register(Source)
class OperatedSourceAdmin(ArchivePages, SourceAdmin):
    """What is set up, and what is done with it."""

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                "<int:pk>/events/",
                self.admin_site.admin_view(self.events_view),
                name="destinations_source_events",
            ),
            *super().get_urls(),
        ]

    def events_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return source_events(self, request, get_object_or_404(Source, pk=pk))
