"""From texts in an address to values; a ValueError is a sentence for a person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from django.utils.translation import gettext

Reader = Callable[[str, tzinfo], Any]


def read_id(text: str | None) -> int | None:
    """A row id from the query string, or None when it is no number."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 18 else None


def number_of(kind: str) -> Callable[[str, tzinfo], int]:
    """Reads the number of a destination, source or batch."""

    def read_number(text: str, zone: tzinfo) -> int:
        number = read_id(text)
        if number is None:
            raise ValueError(
                gettext("“%(given)s” isn't a valid %(name)s ID.")
                % {"given": text[:40], "name": kind}
            )
        return number

    return read_number


def read_text(text: str, zone: tzinfo) -> str:
    return text


ANY_WARNING = "any"
COMPLETED_FROM_MEMORY = "completed"


def read_memory(text: str, zone: tzinfo) -> str:
    if text != COMPLETED_FROM_MEMORY:
        raise ValueError(gettext("“%(given)s” isn't “completed”.") % {"given": text[:40]})
    return text


def several(text: str, zone: tzinfo) -> tuple[str, ...]:
    """Texts with commas between them."""
    return tuple(one for one in text.split(",") if one)


def one_of(read: Reader) -> Reader:
    """What ``read`` reads, as the only value of a filter that can hold several."""
    return lambda text, zone: (read(text, zone),)


def read_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(
            gettext("“%(text)s” isn't a valid date. Use a format such as 2026-11-23.")
            % {"text": text[:40]}
        ) from None


def day_bounds(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """When a calendar day begins and ends in a time zone."""
    next_day = min(day, date.max - timedelta(days=2)) + timedelta(days=1)
    return (
        datetime.combine(max(day, date(2, 1, 1)), time.min, zone),
        datetime.combine(next_day, time.min, zone),
    )
