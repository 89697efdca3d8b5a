"""When something happened: a JSON value as whole Unix seconds. None: it cannot be read."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from math import floor
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,9})?")
# "2024-05-01 10:00:00 UTC" and "… +0000", as Ruby and Go print times.
_SPACED_ZONE = re.compile(r"\s+(?=[+-][0-9]{2}:?[0-9]{2}$)")
_UTC_NAME = re.compile(r"\s*(?:UTC|GMT|Z)$", re.IGNORECASE)
# "Fri, 14 Aug 2020 05:30:30 GMT" (RFC 9110) and "August 14, 2020 05:30:30 UTC".
_DAY_FIRST = re.compile(
    r"(?:[A-Za-z]{3,9}, )?([0-9]{1,2}) ([A-Za-z]{3,9}) ([0-9]{4}) (\S+(?: \S+)?)"
)
_MONTH_FIRST = re.compile(r"([A-Za-z]{3,9}) ([0-9]{1,2}), ([0-9]{4}) (\S+(?: \S+)?)")
_MONTH_NAMES = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_MONTHS = {
    spelling: number
    for number, name in enumerate(_MONTH_NAMES, start=1)
    for spelling in (name, name[:3])
}
_LONGEST_TIME = 64

# A number below the first bound is seconds (to the year 5138), below the second milliseconds
# (from 1973 on), below the third microseconds.
_SECONDS_BELOW = 1e11
_MILLISECONDS_BELOW = 1e14
_MICROSECONDS_BELOW = 1e17


def unix_seconds(value: Any) -> int | None:
    """ISO 8601 (UTC when it names no zone) or an epoch number in s, ms or µs, told by its size."""
    kind = type(value)
    if kind is str:
        # Only with its first dash in place: fromisoformat reads some 13-digit epochs as dates.
        seconds = _seconds_of_iso(value) if value[4:5] == "-" else None
        return seconds if seconds is not None else _seconds_of_other_text(value)
    if kind is int or kind is float:
        return _seconds_of_number(value)
    return None


def _seconds_of_iso(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    # Exact integers: timestamp() would go through a float.
    elapsed = moment - _EPOCH
    return elapsed.days * 86_400 + elapsed.seconds


def _seconds_of_number(number: float) -> int | None:
    size = abs(number)
    if size < _SECONDS_BELOW:
        return floor(number)
    if size < _MILLISECONDS_BELOW:
        return floor(number / 1_000)
    if size < _MICROSECONDS_BELOW:
        return floor(number / 1_000_000)
    return None


def _seconds_of_other_text(text: str) -> int | None:
    text = text.strip()
    if not text or len(text) > _LONGEST_TIME or not text.isascii():
        return None
    if _NUMBER.fullmatch(text):
        return _seconds_of_number(float(text))
    if text.isdecimal():
        return None
    worded = _DAY_FIRST.fullmatch(text)
    if worded:
        day, month, year, clock = worded.groups()
    else:
        worded = _MONTH_FIRST.fullmatch(text)
        if worded:
            month, day, year, clock = worded.groups()
    if worded:
        number = _MONTHS.get(month.lower())
        if number is None:
            return None
        text = f"{year}-{number:02}-{int(day):02}T{clock}"
    return _seconds_of_iso(_SPACED_ZONE.sub("", _UTC_NAME.sub("Z", text)))
