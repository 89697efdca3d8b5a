"""Countries and states by code and by name."""

from __future__ import annotations

import pytest

from destinations.pinterest.regions import COUNTRY_SPELLINGS, country_code, state_code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("us", "us"),
        ("US", "us"),
        ("usa", "us"),
        ("U.S.A.", "us"),
        ("United States", "us"),
        ("United States of America", "us"),
        ("GBR", "gb"),
        ("UK", "gb"),
        ("england", "gb"),
        ("The Netherlands", "nl"),
        ("Côte d’Ivoire", "ci"),
        ("COTE D'IVOIRE", "ci"),
        ("Bosnia & Herzegovina", "ba"),
        ("South Korea", "kr"),
        ("Viet Nam", "vn"),
        ("Türkiye", "tr"),
        ("xx", None),
        ("?", None),
        ("a" * 500, None),
    ],
)
def test_a_country_is_known_by_code_and_english_name(text: str, code: str | None) -> None:
    assert country_code(text) == code


def test_every_country_of_iso_3166_is_there_once() -> None:
    assert len(set(COUNTRY_SPELLINGS.values())) == 249


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("California", "ca"),
        ("new york", "ny"),
        ("NEW  YORK", "ny"),
        ("TX", "tx"),
        ("Ohio", "oh"),
        ("Québec", "qc"),
        ("Quebec", "qc"),
        ("British Columbia", "bc"),
        ("N.Y.", "n.y."),
        ("NSW", "nsw"),
        ("Île-de-France", "île-de-france"),
    ],
)
def test_full_names_of_us_states_and_canadian_provinces_become_codes(text: str, code: str) -> None:
    assert state_code(text) == code
