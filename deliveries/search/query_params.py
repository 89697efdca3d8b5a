"""From the filters in the log's address to a selection, and the times there in one's own zone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext

from deliveries.search.readers import day_bounds, read_day, read_text
from deliveries.search.selection import FILTERS, Selection
from deliveries.search.zones import ZONE, find_zone, read_moment, write_moment, zone_of

DAY = "day"
"""Parameter for one calendar day: a short way to say ``since`` and ``until``."""
PARAMETERS = (*(one.parameter for one in FILTERS.values()), DAY)
"""The filters of the log that can be acted upon as a whole. A search is not among them."""
MOMENTS = tuple(one.parameter for one in FILTERS.values() if one.read is read_moment)
FREE_TEXTS = tuple(one.parameter for one in FILTERS.values() if one.read is read_text)


def read_selection(address: Mapping[str, str], zone: tzinfo | None = None) -> Selection:
    """The deliveries that the log shows under this query string.

    Moments are of ``zone``; None: as the address says. Raises ValueError with a sentence for a
    person: for a search, and for what cannot be read.
    """
    given = {name: text for name in (*PARAMETERS, "q") if (text := address.get(name, "").strip())}
    if "q" in given:
        raise ValueError(
            gettext(
                "Bulk actions don't work on a search. Clear it and use filters, or select rows."
            )
        )
    if any("\x00" in text for text in given.values()):
        raise ValueError(gettext("A filter can't contain the NUL character."))
    zone = zone or zone_of(address)
    values: dict[str, Any] = {
        name: one.read(given[one.parameter], zone)
        for name, one in FILTERS.items()
        if one.parameter in given
    }
    if DAY in given:
        first, last = day_bounds(read_day(given[DAY]), zone)
        values["since"] = max(values.get("since", first), first)
        values["until"] = min(values.get("until", last), last)
    return Selection(**values)


def has_times(address: Mapping[str, str]) -> bool:
    """Whether an address holds a moment or a day, so that the zone matters."""
    return any(address.get(name, "").strip() for name in (*MOMENTS, DAY))


def read_in_own_zone(request: HttpRequest) -> None:
    """Say the moments of the request's address in the viewer's zone, and name that zone there.

    A link of somebody elsewhere then shows the same deliveries with times that the viewer knows. A
    calendar day stays one of its own zone: then nothing is changed.
    """
    address = request.GET
    if not has_times(address) or (address.get(DAY, "").strip() and find_zone(address.get(ZONE))):
        return
    zone = zone_of(address)
    changed = address.copy()
    changed[ZONE] = timezone.get_current_timezone_name()
    for name in MOMENTS:
        if text := address.get(name, "").strip():
            try:
                changed[name] = write_moment(read_moment(text, zone))
            except (ValueError, OverflowError):
                continue  # the page says what is wrong with it
    request.GET = changed  # type: ignore[assignment]  # not frozen, but nobody writes to it
