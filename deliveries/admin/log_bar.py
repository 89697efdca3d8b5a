"""What stands above the delivery log: tabs of statuses, chips of filters, times and columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy

from deliveries.admin.paging import AFTER, BEFORE
from deliveries.phrases import group_digits
from deliveries.search import Selection
from deliveries.search.query_params import DAY
from deliveries.search.status_counts import count_statuses
from deliveries.search.zones import ZONE, write_moment
from deliveries.statuses import DeliveryStatus

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

COLUMNS_PARAMETER = "columns"
COLUMNS_KEY = "log_columns"
"""Of the session: what somebody chose to see in the log."""

OPTIONAL: dict[str, StrOrPromise] = {
    "order": gettext_lazy("Order"),
    "value": gettext_lazy("Value"),
    "warnings": gettext_lazy("Warnings"),
}
PRESETS: tuple[tuple[StrOrPromise, timedelta], ...] = (
    (gettext_lazy("Last hour"), timedelta(hours=1)),
    (gettext_lazy("24 hours"), timedelta(days=1)),
    (gettext_lazy("7 days"), timedelta(days=7)),
    (gettext_lazy("30 days"), timedelta(days=30)),
)
TIMES = ("since", "until", "settled_since", DAY, ZONE)


@dataclass(frozen=True, slots=True)
class Tab:
    """``count`` is "" where it isn't known."""

    label: str
    url: str
    count: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is set; ``url`` is the log without it."""

    label: str
    value: str
    url: str


def tabs(
    changelist: Any, selection: Selection | None, chosen: str, *, is_search: bool
) -> list[Tab]:
    """A tab for each status, with its count where a short look suffices."""
    counts = {} if is_search else count_statuses(selection or Selection())
    found = [Tab(str(gettext_lazy("All")), _url(changelist, status=None), "", not chosen)]
    for status, label in DeliveryStatus.choices:
        count, is_all = counts.get(status, (None, True))
        said = "" if count is None else group_digits(count) + ("" if is_all else "+")
        is_current = status in chosen.split(",")
        found.append(Tab(str(label), _url(changelist, status=status), said, is_current))
    return found


def chips(changelist: Any) -> list[Chip]:
    """One for each filter that is set; the status has tabs."""
    found = []
    for spec in changelist.filter_specs:
        value = (spec.value() or "").strip()
        if not value or spec.parameter_name == "status":
            continue
        labels = {str(one): str(label) for one, label in spec.lookup_choices}
        found.append(
            Chip(
                capfirst(str(spec.title)),
                labels.get(value, value.replace("T", " ") if spec.is_time else value)[:80],
                _url(changelist, **{str(spec.parameter_name): None}),
            )
        )
    return found


def presets(changelist: Any, zone: str, now: datetime) -> list[tuple[str, str]]:
    """(words, address) for the usual time ranges, and for none."""
    found = []
    for label, span in PRESETS:
        since = (now - span).replace(second=0, microsecond=0)
        changes: dict[str, Any] = dict.fromkeys(TIMES)
        changes |= {"since": write_moment(since), ZONE: timezone.get_current_timezone_name()}
        found.append((str(label), _url(changelist, **changes)))
    return found


def column_links(changelist: Any, chosen: tuple[str, ...]) -> list[tuple[str, bool, str]]:
    """(words, whether it is shown, address that shows or hides it)."""
    links = []
    for name, label in OPTIONAL.items():
        others = [one for one in OPTIONAL if (one in chosen) != (one == name)]
        url = _url(changelist, **{COLUMNS_PARAMETER: ",".join(others) or "none"})
        links.append((str(label), name in chosen, url))
    return links


def chosen_columns(request: HttpRequest) -> tuple[str, ...]:
    """The optional columns of this person; an address that names some is remembered."""
    if COLUMNS_PARAMETER in request.GET:
        names = request.GET[COLUMNS_PARAMETER].split(",")
        chosen = [name for name in OPTIONAL if name in names]
        if request.session.get(COLUMNS_KEY, []) != chosen:
            request.session[COLUMNS_KEY] = chosen
    return tuple(name for name in OPTIONAL if name in request.session.get(COLUMNS_KEY, []))


def _url(changelist: Any, **changes: Any) -> str:
    """The log with other parameters, from its newest page on; None takes one out."""
    fresh = {BEFORE: None, AFTER: None, COLUMNS_PARAMETER: None}
    return str(changelist.get_query_string({**fresh, **changes}) or "?")
