"""ISO times and epoch numbers as whole Unix seconds."""

from __future__ import annotations

import math
from typing import Any

import pytest

from destinations.pinterest.times import unix_seconds


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
        (0, 0),
        ("1969-12-31T23:59:00Z", -60),
        ("1969-12-31T23:59:59.5Z", -1),
        ("9999-12-31T23:59:59-23:59", 253402387139),
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
        "٢٠٢٤-٠٥-٠١",
        True,
        [],
        {},
        math.nan,
        math.inf,
        -math.inf,
        10**400,
        1e18,
        "1" * 19,
        "1" * 5000,
        "\ud800",
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_what_is_no_time_is_not_read(value: Any) -> None:
    assert unix_seconds(value) is None
