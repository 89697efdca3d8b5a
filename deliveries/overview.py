"""The home page: is it set up, does it flow, and what went wrong lately? Never a scan of the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, Prefetch, Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from deliveries.filters import within
from deliveries.models import Batch, Delivery, Event, Lane
from deliveries.phrases import say_ago, say_duration
from deliveries.statuses import DeliveryStatus
from destinations.badges import show_badge
from destinations.models import Destination, Source

WINDOW = timedelta(hours=24)
LATEST_PROBLEMS = 6
LATE_AFTER = timedelta(minutes=1)
"""A delivery that has been due for so long is late: a batch lingers for seconds only."""


@dataclass(frozen=True, slots=True)
class DestinationState:
    """One destination on the home page. The numbers of a day come from its batches."""

    destination: Destination
    badge: SafeString
    sentence: str
    waiting: int
    delivered: int
    rejected: int
    requests: int


def add_overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what ``admin/index.html`` shows to its context (django-unfold's DASHBOARD_CALLBACK)."""
    user = request.user
    context["sees_destinations"] = user.has_perm("destinations.view_destination")
    context["sees_log"] = user.has_perm("deliveries.view_delivery")
    now = timezone.now()
    destinations = list(Destination.objects.prefetch_related("sources"))
    context["steps"] = _steps(destinations)
    if context["sees_destinations"]:
        context["states"] = _states(destinations, now)
    if context["sees_log"]:
        context["problems"] = _latest_problems()
    return context


def _steps(destinations: list[Destination]) -> list[dict[str, Any]] | None:
    """The first steps with what is done already; None once an event has been delivered."""
    if Batch.objects.filter(delivered_count__gt=0).order_by("pk").exists():
        return None
    return [
        {
            "done": bool(destinations),
            "title": "Add a destination",
            "text": "Your Pinterest ad account and its conversion token, or the sandbox.",
            "url": "admin:destinations_destination_add",
        },
        {
            "done": Source.objects.exists(),
            "title": "Add a source",
            "text": "A site or app that sends events. It gets a write key of its own.",
            "url": "admin:destinations_source_add",
        },
        {
            "done": any(destination.sources.all() for destination in destinations),
            "title": "Join them",
            "text": "Tick the destination on the source's page.",
            "url": "admin:destinations_source_changelist",
        },
        {
            "done": Event.objects.exists(),
            "title": "Send an event",
            "text": "The source's page has a curl line and SDK lines ready to copy.",
            "url": "admin:destinations_source_changelist",
        },
        {
            "done": False,
            "title": "Read what Pinterest said",
            "text": "Every delivery is in the log with its own result.",
            "url": "admin:deliveries_delivery_changelist",
        },
    ]


def _states(destinations: list[Destination], now: datetime) -> list[DestinationState]:
    waiting = {
        row["destination_id"]: row
        for row in Delivery.objects.filter(due_at__isnull=False)
        .values("destination_id")
        .annotate(count=Count("pk"), oldest=Min("due_at"))
        .order_by()
    }
    sums = {
        row["destination_id"]: row
        for row in within(Batch.objects.all(), "sent_at", now - WINDOW)
        .values("destination_id")
        .annotate(
            requests=Count("pk"), delivered=Sum("delivered_count"), rejected=Sum("rejected_count")
        )
        .order_by()
    }
    lanes = Lane.objects.in_bulk([destination.pk for destination in destinations])
    return [
        _state(
            destination,
            waiting.get(destination.pk, {}),
            sums.get(destination.pk, {}),
            lanes.get(destination.pk),
            now,
        )
        for destination in destinations
    ]


def _state(
    destination: Destination,
    waiting: dict[str, Any],
    sums: dict[str, Any],
    lane: Lane | None,
    now: datetime,
) -> DestinationState:
    (look, icon, word), sentence = _say_state(destination, waiting.get("oldest"), lane, now)
    return DestinationState(
        destination=destination,
        badge=show_badge(look, icon, word),
        sentence=sentence,
        waiting=waiting.get("count", 0),
        delivered=sums.get("delivered") or 0,
        rejected=sums.get("rejected") or 0,
        requests=sums.get("requests") or 0,
    )


def _say_state(
    destination: Destination, oldest_due: datetime | None, lane: Lane | None, now: datetime
) -> tuple[tuple[str, str, str], str]:
    """What badge (its look, icon and word) and which sentence tell how it goes."""
    if destination.paused_at is not None:
        since = say_duration((now - destination.paused_at).total_seconds())
        return ("dead", "pause_circle", "Paused"), f"For {since}: {destination.paused_reason}"
    if not destination.enabled:
        off = ("discarded", "power_settings_new", "Off")
        return off, "New events make no deliveries here."
    if lane is not None and lane.hold_until is not None and lane.hold_until > now:
        rest = say_duration((lane.hold_until - now).total_seconds())
        holding = ("pending", "hourglass_top", "Holding back")
        return holding, f"Pinterest asked to wait, or fails. Next try in {rest}."
    if lane is not None and lane.failure_count:
        failing = ("pending", "warning", "Failing")
        return failing, f"Requests in a row that failed: {lane.failure_count}."
    if oldest_due is not None and now - oldest_due > LATE_AFTER:
        late = say_duration((now - oldest_due).total_seconds())
        behind = ("pending", "schedule", "Behind")
        return behind, f"The oldest has been due for {late}. Does the worker run?"
    if lane is not None and lane.last_success_at is not None:
        flowing = ("delivered", "check_circle", "Flowing")
        return flowing, f"Last delivered {say_ago(lane.last_success_at, now)}."
    return ("sending", "flag", "Ready"), "Nothing has been delivered yet."


def _latest_problems() -> list[Delivery]:
    """The newest rejected and dead deliveries: a few rows off the end of a small index."""
    newest: list[Delivery] = []
    for status in (DeliveryStatus.REJECTED, DeliveryStatus.DEAD):
        newest += (
            Delivery.objects.filter(status=status)
            .order_by("-pk")
            .prefetch_related(
                Prefetch("event", Event.objects.defer("body")),
                Prefetch("destination", Destination.objects.only("name")),
            )[:LATEST_PROBLEMS]
        )
    return sorted(newest, key=lambda delivery: -delivery.pk)[:LATEST_PROBLEMS]
