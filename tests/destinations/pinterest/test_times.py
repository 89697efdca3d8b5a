"""ISO times and epoch numbers as whole Unix seconds."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.pinterest.times import read_moment, unix_seconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2020-08-14T05:30:30.118Z", 1597383030),
        ("2020-08-14T05:30:30", 1597383030),
        ("2020-08-14T05:30:30.118+0000", 1597383030),
        ("2020-08-14T11:00:30+05:30", 1597383030),
        ("2020-08-14 05:30:30 UTC", 1597383030),
        ("2020-08-14 05:30:30.118 +0000", 1597383030),
        ("20200814T053030Z", 1597383030),
        (" 2020-08-14T05:30:30Z ", 1597383030),
        ("2024-05-01", 1714521600),
        ("2024-05-01T10:00Z", 1714557600),
        ("Fri, 14 Aug 2020 05:30:30 GMT", 1597383030),
        ("August 14, 2020 05:30:30 UTC", 1597383030),
        (1597383030, 1597383030),
        (1597383030.9, 1597383030),
        (1597383030118, 1597383030),
        (1597383030118000, 1597383030),
        ("1597383030", 1597383030),
        ("1597383030118", 1597383030),
        # fromisoformat reads this one as the first of January 1712.
        ("1712010130123", 1712010130),
        ("2069-12-30T23:59:59-13:59", 3155723939),
    ],
)
def test_a_time_is_read(value: Any, expected: int) -> None:
    assert unix_seconds(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " ",
        "yesterday",
        "2024-02-30T00:00:00Z",
        "2024-05-01T25:00:00Z",
        "14 Foo 2020 05:30:30 GMT",
        "٢٠٢٤年",
        True,
        [],
        {},
        math.nan,
        math.inf,
        -math.inf,
        10**400,
        "1" * 21,
        "1" * 5000,
        "\ud800",
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_what_is_no_time_is_not_read(value: Any) -> None:
    assert unix_seconds(value) is None


NOVEMBER = 1795834800  # 2026-11-28T03:00:00Z, a Saturday


@pytest.mark.parametrize(
    "value",
    [
        # JavaScript
        "Sat Nov 28 2026 04:00:00 GMT+0100 (Central European Standard Time)",
        "Sat Nov 28 2026 04:00:00 GMT+0100",
        # Java, C, Unix
        "Sat Nov 28 03:00:00 UTC 2026",
        "Sat Nov 28 04:00:00 GMT+01:00 2026",
        "Sat Nov 28 03:00:00 2026",
        "Nov 28, 2026 3:00:00 AM",
        "Fri Nov 27 19:00:00 PST 2026",
        # RFC 9557 and Java's ZonedDateTime
        "2026-11-28T04:00:00+01:00[Europe/Berlin]",
        "2026-11-28T04:00:00[Europe/Berlin]",
        "2026-11-28T03:00:00Z[UTC][u-ca=gregory]",
        "2026-11-28 04:00:00 Europe/Berlin",
        # Go, Ruby
        "2026-11-28 04:00:00.123456789 +0100 CET m=+0.000000001",
        "2026-11-28 06:00:00 +0300 +03",
        "2026-11-28 04:00:00 +0100 CET",
        # .NET
        "/Date(1795834800000)/",
        "\\/Date(1795834800000+0100)\\/",
        # a plus that became a blank, and one that was not decoded
        "2026-11-28T04:00:00 01:00",
        "2026-11-28 04:00:00 0100",
        "2026-11-28T04:00:00%2B01:00",
        # mail, web servers
        "Sat, 28 Nov 2026 04:00:00 +0100 (CET)",
        "Saturday, 28-Nov-2026 03:00:00 GMT",
        "28/Nov/2026:04:00:00 +0100",
        # .NET's DateTimeOffset
        "11/28/2026 3:00:00 AM +00:00",
        "28.11.2026 04:00:00 +01:00",
        # ISO 8601 and its neighbors
        "2026-11-28T03:00Z",
        "2026-11-28T03Z",
        "2026-11-28t03:00:00z",
        "2026-11-28T040000+0100",
        "2026-11-28T04:00:00+1",
        "2026-11-28T03:00:00,5Z",
        "2026-11-28T03:00:00:123Z",
        "2026-11-27T22:00:00\u221205:00",
        "2026/11/28 03:00:00",
        "20261128030000",
        "202611280300",
        "2026-11-28 3:00:00 AM +0000",
        "2026-11-28 3:00:00 a.m. +0000",
        "٢٠٢٦-١١-٢٨T٠٣:٠٠:٠٠Z",
        "\ufeff2026-11-28T03:00:00Z\u200b",
        # numbers
        1795834800123456789,
        "1795834800123456789",
        "1.7958348E9",
        20261128030000,
    ],
)
def test_a_time_is_read_as_programs_print_it(value: Any) -> None:
    assert unix_seconds(value) == NOVEMBER


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-28T24:00:00Z", "2026-11-29T00:00:00+00:00"),
        ("2026-11-28T23:59:60Z", "2026-11-29T00:00:00+00:00"),
        # a date of XML Schema has a zone; fromisoformat takes it for a clock
        ("2026-11-28+01:00", "2026-11-27T23:00:00+00:00"),
        ("2026-11-28Z", "2026-11-28T00:00:00+00:00"),
        (20261128, "2026-11-28T00:00:00+00:00"),
        ("2026-11-28T03:00:00.123456Z", "2026-11-28T03:00:00.123456+00:00"),
    ],
)
def test_a_moment_is_read_to_the_microsecond(value: Any, expected: str) -> None:
    moment = read_moment(value)
    assert moment is not None
    assert moment.isoformat() == expected


@pytest.mark.parametrize(
    "value",
    [
        0,
        "0",
        -1,
        0.0,
        "0001-01-01T00:00:00Z",
        "0000-00-00 00:00:00",
        "1970-01-01T00:00:00Z",
        "1970-01-01T01:00:00",
        "1969-12-31T19:00:00-05:00",
        "1899-12-30",
        "9999-12-31T23:59:59.999Z",
        "2569-11-28T03:00:00Z",  # the same day of 2026 in Thailand
        "1405-09-07T03:00:00Z",  # and in Iran
        "/Date(0)/",
    ],
)
def test_what_programs_print_for_no_time_is_none(value: Any) -> None:
    assert unix_seconds(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "11/12/2026",
        "28.11.2026 04:00",
        "11/28/2026",
        "11/12/2026 3:00:00 AM +00:00",
        "13/14/2026 3:00:00 AM +00:00",
        2026,
        "2026",
        "2026-11",
        "2026-332",
        "12:00",
        "45989.17",  # days of a spreadsheet
        817527600,  # seconds since 2001
        4004823600,  # seconds since 1900
        13440308400000000,  # WebKit
        134403084000000000,  # Windows
        639000000000000000,  # .NET
        2026112803,  # a second of 2034, or an hour of 2026
        "Fri Nov 28 2026 04:00:00 GMT+0100",  # a Saturday
        "Sat Nov 28 03:00:00 CST 2026",  # Chicago or Shanghai
        "2026-11-28 03:00:00 IST",
        "2026-11-28T04:00:00+01:00 PST",
        "2026-10-25T02:30:00[Europe/Berlin]",  # that clock showed it twice
        "2026-11-28T04:00:00[Mars/Base]",
        "2026-11-28T04:00:00[../../etc/passwd]",
        "2026-11-28T04:00:00+15:00",
        "2026-11-28T04:00:00 2026",
        "2026-11-28-05:00:00",
        "2026-11-28T03:00.09Z",  # fromisoformat reads three o'clock
        "Nov 28, 2026 13:00 PM",
        "1,795,834,800",
    ],
)
def test_what_may_be_another_time_is_not_read(value: Any) -> None:
    assert unix_seconds(value) is None


MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2069, 12, 30)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)
ZONES = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
LAYOUTS = [
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%d %H:%M:%S %z",
    "%Y/%m/%d %H:%M:%S %z",
    "%Y%m%dT%H%M%S%z",
    "%a, %d %b %Y %H:%M:%S %z",
    "%a %b %d %Y %H:%M:%S GMT%z",
    "%a %b %d %H:%M:%S GMT%z %Y",
    "%d/%b/%Y:%H:%M:%S %z",
    "%B %d, %Y %I:%M:%S %p %z",
]


@given(moment=MOMENTS, zone=ZONES, layout=st.sampled_from(LAYOUTS))
def test_a_time_is_the_same_in_every_zone_and_layout(
    moment: datetime, zone: timezone, layout: str
) -> None:
    written = moment.astimezone(zone).strftime(layout)
    assert unix_seconds(written) == int(moment.timestamp())


@given(
    moment=st.datetimes(datetime(2000, 1, 2), datetime(2033, 5, 1)), unit=st.sampled_from(range(4))
)
def test_a_number_is_the_same_time_in_every_unit(moment: datetime, unit: int) -> None:
    seconds = int(moment.replace(tzinfo=UTC).timestamp())
    assert unix_seconds(seconds * 1_000**unit) == seconds
    assert unix_seconds(str(seconds * 1_000**unit)) == seconds


@given(
    moment=MOMENTS,
    position=st.integers(0, 19),
    sign=st.sampled_from("0123456789T:-+Z. ,"),
)
def test_the_usual_form_is_read_by_both_ways_alike(
    moment: datetime, position: int, sign: str
) -> None:
    written = f"{moment.isoformat()[:19]}Z"
    written = written[:position] + sign + written[position + 1 :]
    moment_read = read_moment(written)
    expected = None if moment_read is None else int(moment_read.timestamp() // 1)
    assert unix_seconds(written) == expected
