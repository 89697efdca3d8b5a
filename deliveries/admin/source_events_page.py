"""The events of a source: every name it sends, and what becomes of it at each destination."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext

from deliveries.admin.events_page import PER_PAGE, query_of
from deliveries.catalog.becoming import Becomes, How, Outlook
from deliveries.catalog.reading import SeenName, read_catalog, read_inside
from destinations.models import Destination, Source


@dataclass(frozen=True, slots=True)
class Ending:
    """What an event becomes, and at which destinations."""

    becomes: Becomes
    destinations: tuple[Destination, ...]

    @property
    def needs_look(self) -> bool:
        return self.becomes.how is How.UNMAPPED and not self.becomes.is_listed


@dataclass(frozen=True, slots=True)
class SourceEventRow:
    """A line of the page."""

    seen: SeenName
    endings: tuple[Ending, ...]

    @property
    def needs_look(self) -> bool:
        return any(one.needs_look for one in self.endings)


def source_events(admin: ModelAdmin[Source], request: HttpRequest, source: Source) -> HttpResponse:
    """The page, for reading. As many queries for many names and destinations as for few."""
    if not admin.has_view_permission(request, source):
        raise PermissionDenied
    now = timezone.now()
    catalog = read_catalog([source.pk], now)
    destinations = list(source.destinations.filter(enabled=True).with_rows())
    outlooks = [(one, Outlook(one.transform_config())) for one in destinations]
    rows = [SourceEventRow(seen, _endings(seen, outlooks)) for seen in catalog.names]
    rows.sort(key=lambda row: not row.needs_look)
    wanted = request.GET.get("name", "").strip()
    shown = [row for row in rows if wanted.casefold() in row.seen.name.casefold()]
    page = Paginator(shown, PER_PAGE).get_page(request.GET.get("page"))
    opened = next((row for row in page if str(row.seen.pk) == request.GET.get("open")), None)
    kept = query_of("", wanted, 1)
    context = {
        **admin.admin_site.each_context(request),
        "title": gettext("Events of %(name)s") % {"name": source.name},
        "opts": admin.opts,
        "source": source,
        "original": source,
        "destinations": destinations,
        "page": page,
        "total_count": len(rows),
        "wanted": wanted,
        "opened": opened,
        "inside": read_inside(opened.seen) if opened else None,
        "beyond_count": catalog.beyond_count,
        "query": query_of("", wanted, page.number),
        "pages_query": f"{kept}&" if kept else "",
    }
    return TemplateResponse(request, "admin/destinations/source/events.html", context)


def _endings(seen: SeenName, outlooks: list[tuple[Destination, Outlook]]) -> tuple[Ending, ...]:
    """Destinations at which it becomes the same are named together; those to look at first."""
    together: defaultdict[Becomes, list[Destination]] = defaultdict(list)
    for destination, outlook in outlooks:
        together[outlook.becomes(seen.kind, seen.name)].append(destination)
    endings = [Ending(becomes, tuple(found)) for becomes, found in together.items()]
    return tuple(sorted(endings, key=lambda one: not one.needs_look))
