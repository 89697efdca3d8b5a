"""A source's pages with what needs its events: archive, restore and delete."""

from __future__ import annotations

from django.contrib import admin

from deliveries.admin.archive_pages import ArchivePages
from destinations.models import Source
from destinations.source_admin import SourceAdmin


@admin.register(Source)
class OperatedSourceAdmin(ArchivePages, SourceAdmin):
    """What is set up, and what is done with it."""
