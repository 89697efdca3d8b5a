"""How the admin says times, states and JSON to a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from django.utils import dateformat, timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy

from deliveries.models import Batch, Delivery
from deliveries.statuses import DeliveryStatus
from destinations.badges import show_badge
from destinations.models import Destination

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

LATE_AFTER = timedelta(minutes=1)
"""A delivery that has been due for so long is late: a batch lingers for seconds only."""

MAX_SHOWN_CHARACTERS = 200_000
"""A pretty-printed request of 1000 conversions is megabytes; the exact body can be downloaded."""

STATUS_ICONS: dict[str, str] = {
    DeliveryStatus.PENDING: "schedule",
    DeliveryStatus.SENDING: "sync",
    DeliveryStatus.DELIVERED: "check_circle",
    DeliveryStatus.REJECTED: "cancel",
    DeliveryStatus.DEAD: "heart_broken",
    DeliveryStatus.FILTERED: "filter_alt",
    DeliveryStatus.DISCARDED: "delete",
}
"""With the word beside it: a state is never told by its colour alone."""

OUTCOME_LOOKS: dict[str, tuple[StrOrPromise, str]] = {
    "delivered": (gettext_lazy("Delivered"), "delivered"),
    "rejected": (gettext_lazy("Rejected"), "rejected"),
    "retryable": (gettext_lazy("Failed, will retry"), "pending"),
    "unknown": (gettext_lazy("Unclear response"), "pending"),
    "paused": (gettext_lazy("Destination refused (event not evaluated)"), "dead"),
}
"""Outcome of an attempt → what to call it, and which status it looks like."""

_UNITS = (
    (86_400, gettext_lazy("d")),
    (3_600, gettext_lazy("h")),
    (60, gettext_lazy("min")),
    (1, gettext_lazy("s")),
)


def group_digits(number: int) -> str:
    """``12,408``, or ``12.408`` where people write it so."""
    return number_format(number, force_grouping=True)


def say_duration(seconds: float) -> str:
    """``45 s``, ``3 min``, ``2 h 5 min``, ``1 d 4 h``: the two largest units, from a minute on."""
    rest = max(0, round(seconds))
    for position, (length, unit) in enumerate(_UNITS):
        if rest >= length:
            whole, rest = divmod(rest, length)
            small_length, small_unit = _UNITS[min(position + 1, len(_UNITS) - 1)]
            small = rest // small_length
            if small and small_length > 1 and small_length < length:
                return f"{whole} {unit} {small} {small_unit}"
            return f"{whole} {unit}"
    return "0 s"


def say_ago(moment: datetime, now: datetime) -> str:
    """``3 min ago``, or ``in 3 min`` for what is still to come."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) < 1:
        return gettext("just now")
    if seconds > 0:
        return gettext("%(duration)s ago") % {"duration": say_duration(seconds)}
    return gettext("in %(duration)s") % {"duration": say_duration(-seconds)}


def show_time(moment: datetime | None, now: datetime | None = None) -> SafeString | str:
    """A moment in the viewer's zone with how long ago it was; in UTC as its title."""
    if moment is None:
        return "–"
    now = now or timezone.now()
    local = timezone.localtime(moment)
    return format_html(
        '<time class="relay-time" datetime="{}" title="{}"><span>{}</span> '
        "<small>{}</small></time>",
        local.isoformat(),
        moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        dateformat.format(local, gettext("d M H:i:s")),
        say_ago(moment, now),
    )


def show_status(status: str, look: str = "", label: str = "") -> SafeString:
    """A badge: colour, icon and word."""
    look = look or status
    return show_badge(
        look,
        STATUS_ICONS.get(look, "help"),
        str(label or dict(DeliveryStatus.choices).get(status, status)),
    )


def show_outcome(outcome: str) -> SafeString:
    """A badge for what one attempt came to."""
    label, look = OUTCOME_LOOKS.get(outcome, (outcome, "discarded"))
    return show_status(look, look, str(label))


def show_last_outcome(outcome: str) -> SafeString:
    """The badge of the attempt after which no more are left."""
    if outcome == "retryable":
        return show_status("dead", "dead", gettext("Failed, no attempts left"))
    return show_outcome(outcome)


def show_answer(batch: Batch) -> SafeString:
    """A badge for how Pinterest answered one request."""
    good = batch.status_code is not None and batch.status_code < 300 and not batch.error_code
    label = f"HTTP {batch.status_code}" if batch.status_code else gettext("no response")
    return show_status("", "delivered" if good else "rejected", label)


def say_next_try(delivery: Delivery, destination: Destination | None, now: datetime) -> str:
    """When this delivery is tried next, or "" when nothing more will be tried.

    ``destination`` with its circuit (``select_related``): what holds it back holds this.
    """
    if delivery.status == DeliveryStatus.SENDING:
        return gettext("being sent now")
    if delivery.status != DeliveryStatus.PENDING or delivery.due_at is None:
        return ""
    held_until = None
    if destination is not None:
        if destination.archived_at is not None:
            return gettext("none: its destination is archived")
        if destination.paused_at is not None:
            return gettext("when resumed")
        if not destination.enabled:
            return gettext("when turned on")
        held_until = getattr(getattr(destination, "circuit", None), "hold_until", None)
    if held_until is not None and held_until > max(delivery.due_at, now):
        return gettext("in %(duration)s at the earliest") % {
            "duration": say_duration((held_until - now).total_seconds())
        }
    if delivery.due_at - now > timedelta(seconds=1):
        return gettext("in %(duration)s") % {
            "duration": say_duration((delivery.due_at - now).total_seconds())
        }
    if now - delivery.due_at > LATE_AFTER:
        return gettext("overdue by %(duration)s") % {
            "duration": say_duration((now - delivery.due_at).total_seconds())
        }
    return gettext("now")


def pretty_json(body: bytes) -> str:
    """JSON indented for reading; anything else as the text it is. Cut at a readable length."""
    try:
        text = pretty(orjson.loads(body))
    except orjson.JSONDecodeError:
        text = body.decode(errors="replace")
    if len(text) <= MAX_SHOWN_CHARACTERS:
        return text
    cut = gettext("… (truncated; download the exact body to see the rest)")
    return f"{text[:MAX_SHOWN_CHARACTERS]}\n{cut}"


def pretty(value: Any) -> str:
    """A JSON value, indented."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
