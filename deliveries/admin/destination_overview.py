"""The tabs of a destination's page, and what stands in the first: does it work, what went wrong?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext

from deliveries.admin.charts import Chart, draw_bars
from deliveries.admin.home import ended_of, errors_of, say_count, say_latency, say_share, slots_of
from deliveries.destination_states import oldest_waiting_event_at, read_states
from deliveries.models import Batch
from deliveries.stats.figures import DEFAULT_SPAN, SPANS, Flow, read_figures, read_waiting
from deliveries.stats.match_coverage import read_coverage
from destinations.models import Destination

OVERVIEW, EVENTS, CONNECTION, SETTINGS = "overview", "events", "connection", "settings"
CONNECTION_FIELDS = frozenset(
    {"service", "advertiser_id", "conversion_token", "remove_token", "api_version"}
)
"""What stands in the tab of that name; all other fields stand in the settings."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab with an address of its own. Those ``in_form`` are parts of one form with one save."""

    key: str
    label: str
    url: str
    in_form: bool = False


def tabs_of(destination: Destination) -> list[Tab]:
    """In the order of the page."""
    page = reverse("admin:destinations_destination_change", args=[destination.pk])
    events = reverse("admin:destinations_destination_events", args=[destination.pk])
    return [
        Tab(OVERVIEW, gettext("Overview"), page),
        Tab(EVENTS, gettext("Events"), events),
        Tab(CONNECTION, gettext("Connection"), f"{page}?tab={CONNECTION}", in_form=True),
        Tab(SETTINGS, gettext("Settings"), f"{page}?tab={SETTINGS}", in_form=True),
    ]


def tabs_with_mistakes(context: dict[str, Any]) -> list[str]:
    """Which tabs of the form a save that failed has found mistakes in, in their order."""
    if not context["errors"]:
        return []
    names = set(context["adminform"].form.errors)
    has_rows = any(any(one.formset.errors) for one in context["inline_admin_formsets"])
    found = [CONNECTION] * bool(names & CONNECTION_FIELDS)
    return found + [SETTINGS] * bool(names - CONNECTION_FIELDS or has_rows or not found)


def tab_of(request: HttpRequest) -> str:
    """Which tab is asked for."""
    asked = request.POST.get("_tab") or request.GET.get("tab")
    return asked if asked in (CONNECTION, SETTINGS) else OVERVIEW


@dataclass(frozen=True, slots=True)
class Card:
    """What the chart of the home page needs."""

    destination: Destination
    chart: Chart


def read_standing(destination: Destination, now: datetime) -> dict[str, Any]:
    """Its state, and how much waits."""
    waiting = read_waiting([destination.pk])[destination.pk]
    if waiting.count and (oldest := oldest_waiting_event_at(destination.pk)):
        waiting = replace(waiting, oldest_at=oldest)
    states = read_states([destination], now, {destination.pk: waiting})
    return {"state": states[destination.pk], "waiting": say_count([waiting])}


def read_overview(request: HttpRequest, destination: Destination, now: datetime) -> dict[str, Any]:
    """The figures of a time range, from tallies, and the last request; a few queries."""
    span = next((one for one in SPANS if one.key == request.GET.get("range")), DEFAULT_SPAN)
    figures = read_figures(span, now)
    flow = figures.of_destination.get(destination.pk, Flow())
    since = figures.starts[0]
    return {
        "span": span,
        "spans": SPANS,
        "card": Card(destination, draw_bars(slots_of(flow, figures, span))),
        "flow": flow,
        "ended": ended_of(flow, since, destination=destination.pk),
        "share": say_share(flow.delivered_share),
        "median": say_latency(flow.latency_seconds(0.5)),
        "slowest": say_latency(flow.latency_seconds(0.95)),
        "undelivered": errors_of(flow, since, destination=destination.pk),
        "coverage": read_coverage(flow),
        "last_batch": Batch.objects.filter(destination_id=destination.pk)
        .defer("request_body", "response_body")
        .order_by("-pk")
        .first(),
        "sees_log": request.user.has_perm("deliveries.view_delivery"),
    }
