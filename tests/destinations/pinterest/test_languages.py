"""Languages as browsers, phones and people write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.pinterest.languages import language
from destinations.pinterest.place_tables import LANGUAGE_CODES


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("en", "en"),
        (" en-US ", "en"),
        ("en_US.UTF-8", "en"),
        ("de@euro", "de"),
        ("zh-Hans-CN", "zh"),
        ("iw-IL", "he"),
        ("IW", "he"),
        ("in", "id"),
        ("ji", "yi"),
        ("mo-MD", "ro"),
        ("en-US,en;q=0.9", "en"),
        ("en;q=0.9", "en"),
        ("de, en;q=0.8", "de"),
        ("en;q=0.5, de;q=0.9, *;q=0.1", "de"),
        ("xx-unknown;q=0, fr ; q = 0.3", "fr"),
        ("*", None),
        (["de-AT", "en"], "de"),
        ([None, "", "fr"], "fr"),
        ("deu", "de"),
        ("ger", "de"),
        ("eng-US", "en"),
        ("fil-PH", "tl"),
        ("English", "en"),
        ("Deutsch", "de"),
        ("Português (Brasil)", "pt"),
        ("日本語", "ja"),
        ("c", None),
        ("POSIX", None),
        ("klingon", None),
        ("", None),
        ("1", None),
        (1, None),
        (True, None),
        (None, None),
        ({}, None),
        ([], None),
        ("en," * 1000, None),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_a_language_is_read(value: Any, code: str | None) -> None:
    assert language(value) == code


@given(st.sampled_from(sorted(LANGUAGE_CODES)))
def test_a_code_is_the_code_of_itself(name: str) -> None:
    code = language(LANGUAGE_CODES[name])
    assert code is not None
    assert language(code) == code


@given(st.lists(st.sampled_from(["de", "fr", "en", "he"]), min_size=1, unique=True))
def test_of_a_list_without_qualities_the_first_counts(codes: list[str]) -> None:
    assert language(", ".join(codes)) == language(codes) == codes[0]
