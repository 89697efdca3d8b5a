"""From the filters in the log's address to the deliveries they mean, and back into words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, tzinfo

from django.utils import dateformat, timezone
from django.utils.translation import gettext

from deliveries.search.selection import Selection
from deliveries.search.zones import read_moment, zone_of
from deliveries.statuses import DeliveryStatus

PARAMETERS = (
    "status",
    "destination",
    "source",
    "source_event",
    "pinterest_event",
    "error_code",
    "batch",
    "since",
    "until",
    "day",
    "settled_since",
)
"""The filters of the log that can be acted upon as a whole. A search is not among them."""


def read_selection(address: Mapping[str, str]) -> Selection:
    """The deliveries that the log shows under this query string.

    Raises ValueError with a sentence for a person: for a search, and for what cannot be read.
    """
    given = {name: text for name in (*PARAMETERS, "q") if (text := address.get(name, "").strip())}
    if "q" in given:
        raise ValueError(
            gettext(
                "A search cannot be acted upon as a whole. Clear it and filter, or choose rows."
            )
        )
    if any("\x00" in text for text in given.values()):
        raise ValueError(gettext("No delivery can hold the character NUL."))
    zone = zone_of(address)
    since, until = (read_moment(given[name], zone) if name in given else None for name in _RANGE)
    if "day" in given:
        first, last = day_bounds(_read_day(given["day"]), zone)
        since = max(since, first) if since else first
        until = min(until, last) if until else last
    status = given.get("status")
    return Selection(
        destination_ids=(_read_number(given, "destination"),) if "destination" in given else (),
        source_id=_read_number(given, "source") if "source" in given else None,
        statuses=(status,) if status else (),
        conversion_name=given.get("pinterest_event", ""),
        error_code=given.get("error_code", ""),
        since=since,
        until=until,
        event_name=given.get("source_event", ""),
        batch_id=_read_number(given, "batch") if "batch" in given else None,
        settled_since=(
            read_moment(given["settled_since"], zone) if "settled_since" in given else None
        ),
    )


_RANGE = ("since", "until")


def day_bounds(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """When a calendar day begins and ends in a time zone."""
    next_day = min(day, date.max - timedelta(days=2)) + timedelta(days=1)
    return (
        datetime.combine(max(day, date(2, 1, 1)), time.min, zone),
        datetime.combine(next_day, time.min, zone),
    )


def say_selection(
    selection: Selection, destinations: Mapping[int, str], sources: Mapping[int, str]
) -> list[tuple[str, str]]:
    """(what, which) for each filter that is set; names are looked up by ID."""
    said = []
    if selection.destination_ids:
        names = (
            destinations.get(pk, gettext("no. %(number)s") % {"number": pk})
            for pk in selection.destination_ids
        )
        said.append((gettext("Destination"), ", ".join(names)))
    if selection.source_id is not None:
        said.append(
            (
                gettext("Source"),
                sources.get(
                    selection.source_id,
                    gettext("no. %(number)s") % {"number": selection.source_id},
                ),
            )
        )
    if selection.statuses:
        labels = dict(DeliveryStatus.choices)
        said.append(
            (gettext("Status"), ", ".join(str(labels[status]) for status in selection.statuses))
        )
    for title, text in (
        (gettext("Source event"), selection.event_name),
        (gettext("Pinterest event"), selection.conversion_name),
        (gettext("Error code"), selection.error_code),
        (gettext("Batch"), str(selection.batch_id or "")),
        (gettext("Received from"), _say_moment(selection.since)),
        (gettext("Received before"), _say_moment(selection.until)),
        (gettext("Closed since"), _say_moment(selection.settled_since)),
    ):
        if text:
            said.append((title, text))
    return said


def _say_moment(moment: datetime | None) -> str:
    return dateformat.format(timezone.localtime(moment), "d M Y H:i T") if moment else ""


def _read_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(
            gettext("“%(text)s” is not a day such as 2026-11-23.") % {"text": text[:40]}
        ) from None


def _read_number(given: Mapping[str, str], name: str) -> int:
    number = read_id(given[name])
    if number is None:
        raise ValueError(
            gettext("“%(given)s” is not the number of a %(name)s.")
            % {"given": given[name][:40], "name": name}
        )
    return number


def read_id(text: str | None) -> int | None:
    """A row id from the query string, or None when it is no number."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 18 else None
