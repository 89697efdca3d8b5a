"""The events of a destination: every name its sources send, what it becomes, and mapping it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy

from deliveries.admin.bulk_pages import MAY_OPERATE, start_noted
from deliveries.admin.destination_overview import tabs_of
from deliveries.catalog.becoming import Becomes, How, Outlook
from deliveries.catalog.reading import (
    RESENT_DAYS,
    SeenName,
    read_catalog,
    read_inside,
    resent_from,
)
from deliveries.models import BulkAction
from deliveries.search import Counted, Selection
from deliveries.statuses import BulkVerb
from destinations.event_map import map_event, rows_of, unmap_event
from destinations.event_purposes import EVENT_PURPOSES
from destinations.models import Destination, EventMapping
from destinations.pinterest.event_names import STANDARD_NAMES
from destinations.pinterest.rule_gate import fold_event_name

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

PER_PAGE = 100
MAX_RESENT = 20
"""Names that are resent at once: each is a bulk action of its own."""

TABS: dict[str, StrOrPromise] = {
    "": gettext_lazy("All"),
    "unmapped": gettext_lazy("Unmapped"),
    "mapped": gettext_lazy("Mapped"),
    "not_sent": gettext_lazy("Not sent"),
}
_ORDER = {how: place for place, how in enumerate(How)}


@dataclass(slots=True)
class EventRow:
    """A line of the page: what was seen, what it becomes here, and the map's rows for it."""

    seen: SeenName
    becomes: Becomes
    mappings: Sequence[EventMapping] = ()
    may_map: bool = False
    chooser: SafeString | str = ""
    source_names: str = ""

    @property
    def needs_look(self) -> bool:
        return self.becomes.how is How.UNMAPPED and not self.becomes.is_listed


class Chooser:
    """The options of “becomes”, drawn once for each choice: a hundred rows have the same ones."""

    def __init__(self, own_names: Sequence[str]) -> None:
        self.names = [*STANDARD_NAMES, *(name for name in own_names if name not in EVENT_PURPOSES)]
        self.drawn: dict[str, SafeString] = {}

    def options(self, chosen: str) -> SafeString:
        if chosen not in self.drawn:
            self.drawn[chosen] = format_html_join(
                "",
                '<option value="{}"{}>{}</option>',
                (
                    (name, SafeString(" selected") if name == chosen else "", name)
                    for name in self.names
                ),
            )
        blank = format_html('<option value="">{}</option>', gettext("Choose …"))
        return self.drawn[chosen] if chosen else format_html("{}{}", blank, self.drawn[chosen])


def destination_events(
    admin: ModelAdmin[Destination], request: HttpRequest, destination: Destination
) -> HttpResponse:
    """The page; a POST maps, resends or removes. As many queries for many names as for few."""
    if request.method == "POST":
        return _change(admin, request, destination)
    if not admin.has_view_permission(request, destination):
        raise PermissionDenied
    now = timezone.now()
    sources = {one.pk: one.name for one in destination.sources.all()}
    catalog = read_catalog(sources.keys(), now)
    mappings = list(destination.event_mappings.all())
    may_map = admin.has_change_permission(request, destination)
    rows = _rows(destination, catalog.names, mappings, sources)
    seen = {fold_event_name(row.seen.name) for row in rows if row.seen.is_named}
    tab = request.GET.get("show", "")
    wanted = request.GET.get("name", "").strip()
    shown = [row for row in rows if _is_wanted(row, tab, wanted)]
    page = Paginator(shown, PER_PAGE).get_page(request.GET.get("page"))
    chooser = Chooser(sorted({row.pinterest_event_name for row in mappings}))
    for row in page:
        _offer(row, may_map, chooser)
    opened = next((row for row in page if str(row.seen.pk) == request.GET.get("open")), None)
    context = {
        **admin.admin_site.each_context(request),
        "title": gettext("Events of %(name)s") % {"name": destination.name},
        "opts": admin.opts,
        "destination": destination,
        "original": destination,
        "destination_tabs": tabs_of(destination),
        "page": page,
        "total_count": len(rows),
        "unmapped_count": sum(row.needs_look for row in rows),
        "tabs": _tabs(rows, tab, wanted),
        "tab": tab,
        "wanted": wanted,
        "opened": opened,
        "inside": read_inside(opened.seen) if opened else None,
        "unseen": [row for row in mappings if fold_event_name(row.source_event_name) not in seen],
        "beyond_count": catalog.beyond_count,
        "has_sources": bool(sources),
        "several_sources": len(sources) > 1,
        "may_map": may_map,
        "may_resend": may_map and destination.enabled and request.user.has_perm(MAY_OPERATE),
        "resent_days": RESENT_DAYS,
        "chooser": chooser.options(""),
        "query": query_of(tab, wanted, page.number),
        "pages_query": f"{kept}&" if (kept := query_of(tab, wanted, 1)) else "",
        "event_names": [(name, EVENT_PURPOSES[name]) for name in STANDARD_NAMES],
    }
    template = "admin/destinations/destination/events.html"
    return TemplateResponse(request, template, context)


def _rows(
    destination: Destination,
    names: list[SeenName],
    mappings: list[EventMapping],
    sources: dict[int, str],
) -> list[EventRow]:
    """Unmapped ones first, then by how often they come."""
    by_name: dict[str, list[EventMapping]] = {}
    for row in mappings:
        by_name.setdefault(fold_event_name(row.source_event_name), []).append(row)
    pairs = tuple((row.source_event_name, row.pinterest_event_name) for row in mappings)
    outlook = Outlook(destination.transform_config(event_map=pairs))
    rows = [
        EventRow(
            one,
            outlook.becomes(one.kind, one.name),
            by_name.get(fold_event_name(one.name), ()) if one.is_named else (),
            source_names=", ".join(sources[pk] for pk in one.source_ids),
        )
        for one in names
    ]
    rows.sort(key=lambda row: (not row.needs_look, _ORDER[row.becomes.how]))
    return rows


def _is_wanted(row: EventRow, tab: str, wanted: str) -> bool:
    if wanted and wanted.casefold() not in row.seen.name.casefold():
        return False
    return {
        "unmapped": row.needs_look,
        "mapped": bool(row.mappings),
        "not_sent": not row.becomes.names,
    }.get(tab, True)


def _tabs(rows: list[EventRow], tab: str, wanted: str) -> list[tuple[str, StrOrPromise, int, bool]]:
    """(query, words, how many, whether it is the one that is shown)."""
    return [
        (
            urlencode({key: text for key, text in (("show", one), ("name", wanted)) if text}),
            words,
            sum(_is_wanted(row, one, wanted) for row in rows),
            one == tab,
        )
        for one, words in TABS.items()
    ]


def query_of(tab: str, wanted: str, number: int) -> str:
    """What the address says beside what is open, for links and forms of the page."""
    said = {"show": tab, "name": wanted, "page": str(number) if number > 1 else ""}
    return urlencode({key: text for key, text in said.items() if text})


def _offer(row: EventRow, may_map: bool, chooser: Chooser) -> None:
    """Choose in the row's dropdown what it is now, or what it probably is."""
    is_single = len(row.mappings) <= 1
    row.may_map = may_map and row.seen.is_named and not row.seen.is_pattern and is_single
    if row.may_map:
        now = row.mappings[0].pinterest_event_name if row.mappings else ""
        if not now and row.becomes.how is How.BUILT_IN:
            now = row.becomes.names[0] if row.becomes.names else ""
        row.chooser = chooser.options(now or row.becomes.suggestion)


def _change(
    admin: ModelAdmin[Destination], request: HttpRequest, destination: Destination
) -> HttpResponse:
    """Do what the pressed button says: ``verb`` or ``verb:number``; then back to the page."""
    if not admin.has_change_permission(request, destination):
        raise PermissionDenied
    verb, _, number = request.POST.get("do", "").partition(":")
    pk = int(number) if number.isdecimal() and len(number) < 19 else 0
    if verb in ("map", "resend"):
        if verb == "resend" and not request.user.has_perm(MAY_OPERATE):
            raise PermissionDenied
        ticked = request.POST.getlist("chosen")
        chosen = [pk] if pk else [int(one) for one in ticked if one.isdecimal()]
        resends = verb == "resend" and destination.enabled
        actions = _map(admin, request, destination, chosen, resends=resends)
        if actions:
            model = "admin:deliveries_bulkaction"
            return HttpResponseRedirect(
                reverse(f"{model}_change", args=[actions[0].pk])
                if len(actions) == 1
                else reverse(f"{model}_changelist")
            )
    elif verb == "remove":
        if entries := unmap_event(destination, pk):
            admin.log_change(request, destination, entries)
            messages.success(request, gettext("The row was removed from the event map."))
    elif verb == "add":
        name, target = request.POST.get("new_name", ""), request.POST.get("new_target", "")
        _try_to_map(admin, request, destination, name, target)
    query = request.POST.get("query", "")
    url = reverse("admin:destinations_destination_events", args=[destination.pk])
    return HttpResponseRedirect(f"{url}?{query}" if query else url)


def _map(
    admin: ModelAdmin[Destination],
    request: HttpRequest,
    destination: Destination,
    chosen: list[int],
    *,
    resends: bool,
) -> list[BulkAction]:
    """Map each name to what its dropdown says; returns the bulk actions that resend it."""
    now = timezone.now()
    source_ids = list(destination.sources.values_list("pk", flat=True))
    names = {one.pk: one for one in read_catalog(source_ids, now).names}
    found = [names[pk] for pk in dict.fromkeys(chosen) if pk in names and not names[pk].is_pattern]
    if not found:
        messages.warning(request, gettext("Choose at least one event."))
        return []
    if resends and len(found) > MAX_RESENT:
        messages.warning(
            request,
            gettext("Choose at most %(count)s events to resend at once.") % {"count": MAX_RESENT},
        )
        return []
    actions = []
    for name in found:
        target = request.POST.get(f"to-{name.pk}", "")
        if not target:
            messages.warning(
                request,
                gettext("Choose what “%(name)s” becomes first.") % {"name": name.name},
            )
        elif _try_to_map(admin, request, destination, name.name, target, quiet=resends) and resends:
            actions += _resend(request, destination, name, target, now)
    return actions


def _try_to_map(
    admin: ModelAdmin[Destination],
    request: HttpRequest,
    destination: Destination,
    name: str,
    target: str,
    *,
    quiet: bool = False,
) -> bool:
    """Whether it is mapped that way now; says why not, or that it is."""
    try:
        entries = map_event(destination, name, target)
    except ValidationError as error:
        for problem in error.messages:
            messages.error(request, problem)
        return False
    if entries:
        admin.log_change(request, destination, entries)
    row = next(iter(rows_of(Destination.objects.get(pk=destination.pk), name)))
    if not quiet:
        messages.success(
            request,
            gettext("“%(name)s” becomes %(target)s from now on.")
            % {"name": row.source_event_name, "target": row.pinterest_event_name},
        )
    return True


def _resend(
    request: HttpRequest, destination: Destination, name: SeenName, target: str, now: datetime
) -> list[BulkAction]:
    """A replay of the last days for each spelling of the name."""
    return [
        start_noted(
            request,
            BulkVerb.REPLAY,
            Selection(
                destination_ids=(destination.pk,),
                event_name=spelling,
                since=resent_from(now),
                until=now,
            ),
            reason=f"Mapped to {target}",
            counted=Counted(name.week_count, is_exact=False) if len(name.spellings) == 1 else None,
        )
        for spelling in name.spellings
    ]
