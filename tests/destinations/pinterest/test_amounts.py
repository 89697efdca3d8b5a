"""Numbers as people and shops write them, and what is not guessed at."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.pinterest.amounts import CURRENCY_CODES, read_amount


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4,245.42", "4245.42"),
        ("1,234,567", "1234567"),
        ("1 234.56", "1234.56"),
        ("1'234.56", "1234.56"),
        ("$12.00", "12.00"),
        ("USD 12.50", "12.50"),
        ("£1,061.40", "1061.40"),
        ("1.234,56", "1234.56"),
        ("1 234,56", "1234.56"),
        ("\u20ac19.99", "19.99"),
        ("12,50", "12.50"),
        ("12,5", "12.5"),
        ("1,000", None),
        ("1.000 \u20ac", None),
        ("\u20ac1.000", None),
        ("12,345", None),
        ("0,125", "0.125"),
        ("1234,567", "1234.567"),
        ("1,23,456.78", "123456.78"),
        ("1,23,456", "123456"),
        ("12,-", "12"),
        ("1.234,-", "1234"),
        ("1.234,\u2013 \u20ac", "1234"),
        ("CHF 1\u2019234.\u2013", "1234"),
        ("-\u20ac5", "-5"),
        ("\u20ac-5", "-5"),
        ("(12.50)", "-12.50"),
        ("($12.50)", "-12.50"),
        ("12.50-", "-12.50"),
        ("−12,50", "-12.50"),
        ("12 pcs", None),
        ("5kg", None),
        ("12.50/mo", None),
        ("1.5k", None),
        ("10-20", None),
        ("2 x 5", None),
        ("19\u2079\u2079", None),
        ("½", None),
        ("٣٫٥", "3.5"),
        ("١٬٢٣٤٫٥٠", "1234.50"),
        ("\u200f1,234.56 \u20aa", "1234.56"),
        ("１２.５０", "12.50"),
        ("Rs.500", "500"),
        ("Rs. 1,23,456.00", "123456.00"),
        ("R$ 1.234,56", "1234.56"),
        ("kr 12", "12"),
        ("12 kr.", "12"),
        ("1 234,56 Kč", "1234.56"),
        ("100 000 \u20ab", "100000"),
        ("12,50 zł", "12.50"),
        ("12.50 EUR", "12.50"),
        ("EUR12.50", "12.50"),
        ("US$12.50", "12.50"),
        ("$12.50 USD", "12.50"),
        (",50", "0.50"),
        ("$.50", "0.50"),
        ("12,", None),
        ("12 50", None),
        ("1,234,56", None),
        ("1.234.56", None),
        ("1.234.567", "1234567"),
        ("1.234.567,89", "1234567.89"),
        ("1'234", "1234"),
        ("1 234", "1234"),
        ("1,234.567", "1234.567"),
        ("NaN", None),
        ("", None),
        ("abc", None),
        ("\u20ac", None),
        ("100%", None),
        ("12.50 incl. VAT", None),
        ("1_000", None),
        ("0,123,456", None),
        ("S/ 50", "50"),
        ("50 руб.", "50"),
        ("1 234 567", "1234567"),
        ('"12.50"', "12.50"),
        ("12:50", None),
        ("1/2", None),
        ("12.50 12.50", None),
        ("--5", None),
        ("2026-11-28", None),
        ("+5,5", "5.5"),
        ("1e3", None),
        ("3 for $10", None),
        ("EUR 1.234.567", "1234567"),
        ("12,50 \u20ac/Monat", None),
        ("\u20ac 1.234,5", "1234.5"),
        ("1.234 \u20ac", None),
        ("R 50,00", "50.00"),
    ],
)
def test_an_amount_is_read_where_it_has_one_meaning(text: str, expected: str | None) -> None:
    assert read_amount(text) == expected


AMOUNTS = st.decimals(min_value=0, max_value=10**9, places=2)
AROUND = st.sampled_from(
    [
        ("", ""),
        ("$", ""),
        ("", " \u20ac"),
        ("EUR ", ""),
        ("", " USD"),
        ("R$ ", ""),
        ("", "\u00a0kr."),
        ("US$", ""),
    ]
)


@given(
    amount=AMOUNTS, around=AROUND, style=st.sampled_from([",.", ".,", " ,", "\u202f,", "\u2019."])
)
def test_an_amount_is_the_same_in_every_locale(
    amount: Decimal, around: tuple[str, str], style: str
) -> None:
    grouping, point = style
    written = f"{amount:,.2f}".translate({ord(","): grouping, ord("."): point})
    assert read_amount(f"{around[0]}{written}{around[1]}") == f"{amount:.2f}"
    assert read_amount(f"-{around[0]}{written}{around[1]}") == f"-{amount:.2f}"


@given(amount=AMOUNTS)
def test_reading_an_amount_twice_changes_nothing(amount: Decimal) -> None:
    once = read_amount(f"{amount:,.2f} EUR")
    assert once is not None
    assert read_amount(once) == once


@given(thousands=st.integers(1, 999), rest=st.integers(0, 999), sign=st.sampled_from(",."))
def test_three_digits_behind_one_separator_beside_a_currency_are_not_guessed(
    thousands: int, rest: int, sign: str
) -> None:
    assert read_amount(f"EUR {thousands}{sign}{rest:03}") is None


@given(word=st.text(alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=4))
def test_a_word_beside_a_number_is_a_currency_or_the_number_is_none(word: str) -> None:
    currencies = ("euro", "euros", "dollar", "dollars", "pound", "pounds", "fcfa", "kshs")
    if word.lower() not in currencies:
        assert read_amount(f"12.50 {word}") is None


def test_there_are_codes_of_three_capitals() -> None:
    assert all(len(code) == 3 and code.isupper() for code in CURRENCY_CODES)
