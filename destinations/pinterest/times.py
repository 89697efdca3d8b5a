"""When something happened: a JSON value as a moment. None: it cannot be read, or says nothing.

A time that cannot be read is never read as another time. So every form is spelled out here, a
number counts only where it can have one meaning, an abbreviation of a zone only if no two zones
share it, and a weekday has to be that of its date.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from .cleaning import clean

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Year 1, epoch 0 in any zone and the year 9999 are what programs print for "no time"; 2569 is a
# year of the Buddhist calendar, 1405 and 1448 are years of the Persian and the Islamic one.
_EARLIEST = datetime(1970, 1, 3, tzinfo=UTC)
_LATEST = datetime(2070, 1, 1, tzinfo=UTC)
_FIRST_SECOND = (_EARLIEST - _EPOCH).days * 86_400
_LAST_SECOND = (_LATEST - _EPOCH).days * 86_400
_USUAL_LENGTHS = (24, 20)
_MAX_TIME = 120

# A number is a time in the unit that puts it between 2000 and 2070. Of other counts (ticks of .NET,
# Windows and WebKit, NTP, days of a spreadsheet, seconds since 2001) none falls in there.
_YEAR_2000 = 946_684_800
_YEAR_2070 = 3_155_760_000
_UNITS = (1, 1_000, 1_000_000, 1_000_000_000)
_NUMBER = re.compile(r"\+?[0-9]{1,20}(?:\.[0-9]{0,20})?(?:[eE]\+?[0-9]{1,2})?")
# 20241231, 202412312359, 20241231235959 and 20241231235959999: as numbers they are no time.
_COMPACT = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})(?:([0-9]{2})([0-9]{2})([0-9]{2})?([0-9]{3})?)?"
)
_FIRST_HOUR_AS_NUMBER = 2_000_000_000
_JSON_DATE = re.compile(r"\\?/?Date\(([0-9]{1,16})(?:[+-][0-9]{4})?\)\\?/?")

_DATE = re.compile(r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})(?![0-9])")
# 11/28/2026 and 28.11.2026: with a zone, and where one of the numbers can be no month.
_YEAR_BEHIND = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4})(?![0-9])")
_BASIC_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?=[Tt]|$)")
_WEEKDAY = r"(?:(?P<weekday>[A-Za-z]{3,9}),? )?"
_DAY_FIRST = re.compile(
    _WEEKDAY
    + r"(?P<day>[0-9]{1,2})([ /-])(?P<month>[A-Za-z]{3,9})\.?,?\3(?P<year>[0-9]{4})(?![0-9])"
)
_MONTH_FIRST = re.compile(
    _WEEKDAY + r"(?P<month>[A-Za-z]{3,9})\.? (?P<day>[0-9]{1,2}),? (?P<year>[0-9]{4})(?![0-9:])"
)
# "Sat Nov 28 03:00:00 UTC 2026", as C and Java print a time: the year comes last.
_YEAR_LAST = re.compile(
    r"(?P<weekday>[A-Za-z]{3}) (?P<month>[A-Za-z]{3}) (?P<day>[0-9]{1,2}) "
    r"(?P<rest>[0-9:]{8}(?: [A-Z]{1,5}(?:[+-][0-9:]{4,5})?)?) (?P<year>[0-9]{4})"
)
_CLOCK = re.compile(
    r"(?:[Tt]|,? |_|:| at )([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,:]([0-9]{1,12}))?)?"
    r"(?: ?([AaPp])\.?[Mm]\.?(?![A-Za-z]))?"
)
_BASIC_CLOCK = re.compile(r"[Tt]([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:[.,]([0-9]{1,12}))?)?)?()")
_OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])([0-9]{1,2})(?::?([0-9]{2}))?(?::?00)?")
# What is left of "+01:00" when a query string was decoded once too often.
_LOST_PLUS = re.compile(r" ([0-9]{2}):?([0-9]{2})")
_COMMENT = re.compile(r" ?\([^()]*\)$")
_GO_CLOCK = re.compile(r" m=[+-][0-9.]+$")
_TAGS = re.compile(r"(?<!\])(?:\[[^\[\]]*\])++$")
_MAX_OFFSET = timedelta(hours=14)

_MONTH_NAMES = [
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
]
_MONTHS = {
    spelling: number
    for number, name in enumerate(_MONTH_NAMES, start=1)
    for spelling in (name, name[:3], *(("sept",) if name == "september" else ()))
}
_WEEKDAY_NAMES = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_WEEKDAYS = {
    spelling: number
    for number, name in enumerate(_WEEKDAY_NAMES)
    for spelling in (name, name[:3], name[:4])
}
# Hours east of Greenwich. CST, BST, IST and AST are missing on purpose: in China, Bangladesh,
# India or Arabia they are other zones than in America, Britain, Ireland or Canada.
_ZONES: dict[str, float] = {
    **dict.fromkeys(("Z", "UTC", "GMT", "UT", "WET"), 0),
    **dict.fromkeys(("CET", "WEST"), 1),
    **dict.fromkeys(("CEST", "EET", "SAST", "CAT"), 2),
    **dict.fromkeys(("EEST", "MSK", "EAT"), 3),
    **dict.fromkeys(("HKT", "AWST"), 8),
    **dict.fromkeys(("JST", "KST"), 9),
    "ACST": 9.5,
    "ACDT": 10.5,
    "AEST": 10,
    "AEDT": 11,
    "NZST": 12,
    "NZDT": 13,
    "EST": -5,
    "EDT": -4,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
    "AKST": -9,
    "AKDT": -8,
    "HST": -10,
}


def unix_seconds(value: Any) -> int | None:
    """A time in whole Unix seconds, rounded down; UTC when it names no zone."""
    if (
        type(value) is str
        and len(value) in _USUAL_LENGTHS
        and value[-1] == "Z"
        and value[10] == "T"
        and value[13] == ":" == value[16]
    ):
        # 2024-05-01T10:00:00Z, with milliseconds or without, is by far the most frequent.
        try:
            elapsed = datetime.fromisoformat(value) - _EPOCH
        except ValueError:
            pass  # 24:00:00, leap seconds, and what only is as long
        else:
            seconds = elapsed.days * 86_400 + elapsed.seconds
            return seconds if _FIRST_SECOND <= seconds < _LAST_SECOND else None
    moment = read_moment(value)
    if moment is None:
        return None
    # Exact integers: timestamp() would go through a float.
    elapsed = moment - _EPOCH
    return elapsed.days * 86_400 + elapsed.seconds


def read_moment(value: Any) -> datetime | None:
    """A time in UTC, to the microsecond: ISO 8601, an epoch number in s, ms, µs or ns, and the
    forms that JavaScript, Java, Go, Ruby, .NET, mail and HTTP print."""
    kind = type(value)
    if kind is int:
        return _moment_of_number(value)
    if kind is float:
        # NaN and the infinities are in no range.
        return _moment_of_number(value)
    if kind is not str:
        return None
    try:
        moment = _moment_of_text(value)
    except (ValueError, OverflowError):
        return None
    return moment if moment is not None and _EARLIEST <= moment < _LATEST else None


def _moment_of_number(number: float) -> datetime | None:
    for unit in _UNITS:
        if _YEAR_2000 * unit <= number < _YEAR_2070 * unit:
            if unit == 1 and number >= _FIRST_HOUR_AS_NUMBER and _is_day_and_hour(int(number)):
                return None
            micros = int(number * 1_000_000) // unit if unit != 1 else int(number * 1_000_000)
            return _EPOCH + timedelta(microseconds=micros)
    if type(number) is int and 0 < number < 10**17:
        return _moment_of_digits(str(number))
    return None


def _is_day_and_hour(number: int) -> bool:
    """Whether 2026112804 may be the 28th of November, 4 o'clock, instead of a second in 2034."""
    day, hour = divmod(number, 100)
    return hour < 24 and _moment_of_digits(str(day)) is not None


def _moment_of_digits(digits: str) -> datetime | None:
    found = _COMPACT.fullmatch(digits)
    if found is None or not "2000" <= digits[:4] < "2070":
        return None
    year, month, day, hour, minute, second, millis = (int(part or 0) for part in found.groups())
    try:
        return datetime(year, month, day, hour, minute, second, millis * 1_000, tzinfo=UTC)
    except ValueError:
        return None


def _moment_of_text(text: str) -> datetime | None:
    if len(text) > _MAX_TIME:
        return None
    text = clean(text).strip("\"'")
    if not text.isascii():
        text = "".join(filter(None, map(_ascii, text))).strip()
    if "%" in text:
        text = unquote(text)
    if _NUMBER.fullmatch(text):
        return _moment_of_numeric_text(text)
    json_date = _JSON_DATE.fullmatch(text)
    if json_date:
        return _EPOCH + timedelta(milliseconds=int(json_date[1]))
    zone_name = ""
    if text.endswith("]"):
        tags = _TAGS.search(text)
        if tags is None:
            return None
        zone_name = tags[0][1:].partition("]")[0].lstrip("!")
        text = text[: tags.start()].rstrip()
        if "=" in zone_name:
            zone_name = ""
    text = _COMMENT.sub("", _GO_CLOCK.sub("", text))
    date = _DATE.match(text) or _BASIC_DATE.match(text)
    if date:
        year, *_, month, day = date.groups()
        return _moment(int(year), int(month), int(day), text[date.end() :], zone_name)
    turned = _YEAR_BEHIND.match(text)
    if turned:
        return _moment_of_turned_date(turned, text[turned.end() :])
    worded = _YEAR_LAST.fullmatch(text)
    rest = f" {worded['rest']}" if worded else ""
    if worded is None:
        worded = _DAY_FIRST.match(text) or _MONTH_FIRST.match(text)
        if worded is None:
            return None
        rest = text[worded.end() :]
    month_number = _MONTHS.get(worded["month"].lower())
    if month_number is None:
        return None
    date_of = (int(worded["year"]), month_number, int(worded["day"]))
    weekday = worded["weekday"]
    if weekday and _WEEKDAYS.get(weekday.lower()) != datetime(*date_of).weekday():
        return None
    return _moment(*date_of, rest, zone_name)


def _ascii(sign: str) -> str:
    """A digit of any script as ASCII; nothing for what nobody sees; "?" for any other sign."""
    if sign.isascii():
        return sign
    if sign.isdecimal():
        return str(unicodedata.decimal(sign))
    if unicodedata.category(sign) == "Cf":
        return ""
    return "-" if sign == "\u2212" else "?"


def _moment_of_turned_date(date: re.Match[str], rest: str) -> datetime | None:
    month, day, year = int(date[1]), int(date[3]), int(date[4])
    if month > 12:
        month, day = day, month
    elif day <= 12 and day != month:
        return None
    # Such dates are local ones, as a person's clock shows them, unless they say otherwise.
    clock = _CLOCK.match(rest)
    if clock is None or not rest[clock.end() :].strip():
        return None
    return _moment(year, month, day, rest, "")


def _moment_of_numeric_text(text: str) -> datetime | None:
    if text.isdecimal():
        # 2024 is a year, and a leading zero is no number's.
        return _moment_of_number(int(text)) if text[0] != "0" else None
    return _moment_of_number(float(text))


def _moment(year: int, month: int, day: int, rest: str, zone_name: str) -> datetime | None:
    """The moment of a date, from what stands behind it: a clock, a zone, both or neither."""
    hour = minute = second = micros = 0
    clock = _CLOCK.match(rest) or _BASIC_CLOCK.match(rest)
    if clock:
        hour, minute, second = (int(part or 0) for part in clock.groups()[:3])
        micros = int((clock[4] or "")[:6].ljust(6, "0"))
        if clock[5]:
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + (12 if clock[5] in "Pp" else 0)
        rest = rest[clock.end() :]
    later = timedelta()
    if (hour, minute, second, micros) == (24, 0, 0, 0):
        hour, later = 0, timedelta(days=1)
    elif second == 60 and minute == 59:
        second, later = 59, timedelta(seconds=1)
    local = datetime(year, month, day, hour, minute, second, micros) + later
    offset = _offset(rest, clock is not None, zone_name, local)
    return None if offset is None else (local - offset).replace(tzinfo=UTC)


def _offset(rest: str, has_clock: bool, zone_name: str, local: datetime) -> timedelta | None:
    """How far the zone in ``rest`` is east of Greenwich; None for one that cannot be told."""
    lost_plus = _LOST_PLUS.fullmatch(rest) if has_clock else None
    if lost_plus:
        return _bounded("+", lost_plus[1], lost_plus[2])
    rest = rest.strip()
    if not rest:
        return _offset_of_place(zone_name, local) if zone_name else timedelta()
    stated = _OFFSET.match(rest)
    if stated:
        if not has_clock and stated[1] == "-":
            return None  # 2026-11-28-05:00 may be five o'clock
        offset = _bounded(*stated.groups())
        # Go and Ruby print the zone's name behind its offset: "+0100 CET", "+0300 +03".
        name = rest[stated.end() :].strip()
        if name and not _agrees(name, offset):
            return None
        return offset
    hours = _ZONES.get(rest.upper())
    if hours is not None:
        return timedelta(hours=hours)
    return _offset_of_place(rest, local) if "/" in rest else None


def _bounded(sign: str, hours: str, minutes: str | None) -> timedelta | None:
    if int(minutes or 0) >= 60:
        return None
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
    if offset > _MAX_OFFSET:
        return None
    return -offset if sign == "-" else offset


def _agrees(name: str, offset: timedelta | None) -> bool:
    if not re.fullmatch(r"[A-Za-z]{1,6}|[+-][0-9]{2,4}", name):
        return False
    hours = _ZONES.get(name.upper())
    return hours is None or timedelta(hours=hours) == offset


def _offset_of_place(name: str, local: datetime) -> timedelta | None:
    """The offset in a place of the time zone database, unless the clock showed ``local`` twice."""
    try:
        zone = ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return None
    first = local.replace(tzinfo=zone, fold=0).utcoffset()
    second = local.replace(tzinfo=zone, fold=1).utcoffset()
    return first if first == second else None
