"""JSON values as text, decimal text, whole numbers and booleans."""

from __future__ import annotations

import math
from typing import Any

import pytest

from destinations.pinterest.cleaning import well_formed
from destinations.pinterest.values import boolean, decimal_text, integer, usable_text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a b", "a b"),
        (" a  b ", "a b"),
        ("a\u200b", "a"),
        ("undefined", None),
        ("", None),
        (" \t\n", None),
        (None, None),
        (True, "true"),
        (False, None),
        (0, "0"),
        (7.0, "7"),
        (2.5, "2.5"),
        (9007199254740993, "9007199254740993"),
        (math.nan, None),
        (math.inf, None),
        pytest.param(10**5000, None, id="5000-digits"),
        ([], None),
        ({"a": 1}, None),
        ("\ud83d", "�"),
        ("\ud83d\ude42", "🙂"),
    ],
)
def test_a_value_counts_as_text_or_not_at_all(value: Any, expected: str | None) -> None:
    assert usable_text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (35.0, "35"),
        (27.5, "27.5"),
        (-0.0, "0"),
        (1e21, "1000000000000000000000"),
        (1e-7, "0.0000001"),
        (-5, "-5"),
        (113.27, "113.27"),
        ("35.00", "35.00"),
        (" 19.99 ", "19.99"),
        ("1e3", "1000"),
        ("+5", "5"),
        (".5", "0.5"),
        ("12,50", "12.50"),
        ("1_000", None),
        ("٣", "3"),
        ("1e9999", None),
        ("1" * 401, None),
        ("", None),
        (True, None),
        (None, None),
        (math.inf, None),
        (-math.inf, None),
        (math.nan, None),
        ([27.5], None),
    ],
)
def test_a_number_is_written_without_exponent(value: Any, expected: str | None) -> None:
    assert decimal_text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2, 2),
        (2.0, 2),
        ("2", 2),
        (" 2.0 ", 2),
        ("2,0", 2),
        ("1 000", 1000),
        ("1,000", None),
        (0, 0),
        (2.5, None),
        ("2.5", None),
        ("2 pcs", None),
        (2**31, None),
        (2**31 - 1, 2**31 - 1),
        (1e300, None),
        (math.inf, None),
        (math.nan, None),
        (True, None),
        (None, None),
        ([2], None),
    ],
)
def test_a_whole_number_is_told_from_others(value: Any, expected: int | None) -> None:
    assert integer(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (False, False),
        ("TRUE", True),
        (" false ", False),
        (1, True),
        (0, False),
        (1.0, True),
        ("1", True),
        ("0", False),
        ("yes", True),
        ("NO", False),
        ("On", True),
        ("off", False),
        (2, None),
        (-1, None),
        (math.nan, None),
        ("maybe", None),
        ("", None),
        (None, None),
        ([], None),
    ],
)
def test_true_and_false_and_their_texts_are_booleans(value: Any, expected: bool | None) -> None:
    assert boolean(value) is expected


def test_split_pairs_are_joined_and_lone_surrogates_replaced() -> None:
    assert well_formed("a\ud83d\ude42b\udfff") == "a🙂b�"
