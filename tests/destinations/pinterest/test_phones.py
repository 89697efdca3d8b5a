"""Phone numbers as E.164 digits, and which country a national one gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.pinterest.normalise import Repaired
from destinations.pinterest.phone_tables import PHONE_COUNTRIES, countries_of
from destinations.pinterest.phones import Home, phones_in, plain_phone


def read(text: str, *countries: str) -> tuple[tuple[str, ...], str]:
    """The numbers, and the code of the warning."""
    found = phones_in(text, tuple(Home(country, "address") for country in countries))
    if isinstance(found, Repaired):
        return found.forms, found.code
    return (found, "") if isinstance(found, tuple) else ((), "invalid" if found is None else "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+1 (415) 555-0123", "14155550123"),
        ("+14155550123", "14155550123"),
        ("+1.415.555.0123", "14155550123"),
        ("tel:+1-415-555-0123", "14155550123"),
        ("whatsapp:+14155550123", "14155550123"),
        ("0044 7700 900123", "447700900123"),
        ("+(44) 7700 900123", "447700900123"),
        ("14155550123", "14155550123"),
        ("447700900123", "447700900123"),
        ("+٩٧١ ٥٠ ١٢٣ ٤٥٦٧", "971501234567"),
        ("＋１ ４１５ ５５５ ０１２３", "14155550123"),
        ("+39 06 1234 5678", "390612345678"),
        ("+39 (0)6 1234 5678", "390612345678"),
        ("\u202a+1 415 555 0123\u202c", "14155550123"),
    ],
)
def test_a_number_with_its_country_code_is_its_digits(text: str, expected: str) -> None:
    assert read(text) == ((expected,), "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+44 (0)20 7946 0958", "442079460958"),
        ("+44 (0) 20 7946 0958", "442079460958"),
        ("+44[0]20 7946 0958", "442079460958"),
        ("0044 (0) 7700 900123", "447700900123"),
        ("44 (0)20 7946 0958", "442079460958"),
        ("(+44) (0)7700 900123", "447700900123"),
        ("+4407700900123", "447700900123"),
        ("+61 (0)4 1234 5678", "61412345678"),
        ("+49 (0) 30 / 123 45 67", "49301234567"),
        ("+7 8 912 345 67 89", "79123456789"),
        ("+36 06 20 123 4567", "36201234567"),
        ("+1 (415) 555-0123 ext. 89", "14155550123"),
        ("+1 415 555 0123 x89", "14155550123"),
        ("+1 415 555 0123 #89", "14155550123"),
        ("+1 415 555 0123, extension: 89", "14155550123"),
        ("+49 30 1234567 Durchwahl 12", "49301234567"),
        ("1.4155550123E+10", "14155550123"),
        ("1,4155550123e10", "14155550123"),
        ("14155550123.0", "14155550123"),
    ],
)
def test_what_does_not_belong_to_the_number_goes_with_a_warning(text: str, expected: str) -> None:
    assert read(text) == ((expected,), "phone_repaired")


@pytest.mark.parametrize(
    "text",
    [
        "+14155550123 / +14155550199",
        "+14155550123/+14155550199",
        "+14155550123, +14155550199",
        "+1 415 555 0123; +1 415 555 0199",
        "+14155550123+14155550199",
        "+14155550123 or +14155550199",
        "+14155550123 ext. 5 | +14155550199 ext. 6",
        "+14155550123, +14155550199, +14155550123",
    ],
)
def test_two_numbers_are_two(text: str) -> None:
    assert read(text) == (("14155550123", "14155550199"), "phone_repaired")


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("07700 900123", "gb", "447700900123"),
        ("7700900123", "gb", "447700900123"),
        ("(0)20 7946 0958", "gb", "442079460958"),
        ("(415) 555-0123", "us", "14155550123"),
        ("415,555,0123", "us", "14155550123"),
        ("030/1234567", "de", "49301234567"),
        ("06 12 34 56 78", "fr", "33612345678"),
        ("06 1234 5678", "it", "390612345678"),
        ("8 (912) 345-67-89", "ru", "79123456789"),
        ("06 20 123 4567", "hu", "36201234567"),
        ("11 91234-5678", "br", "5511912345678"),
        ("0 11 91234-5678", "br", "5511912345678"),
        ("011 15-2345-6789", "ar", "5491123456789"),
        ("55 1234 5678", "mx", "525512345678"),
        ("090-1234-5678", "jp", "819012345678"),
        ("010-1234-5678", "kr", "821012345678"),
        ("09876543210", "in", "919876543210"),
        ("13912345678", "cn", "8613912345678"),
        ("0412 345 678", "au", "61412345678"),
        ("8 701 234 56 78", "kz", "77012345678"),
        ("416 555 0123", "ca", "14165550123"),
    ],
)
def test_a_national_number_gets_its_country_code(text: str, country: str, expected: str) -> None:
    assert read(text, country) == ((expected,), "phone_country_assumed")


def test_the_first_country_that_has_such_a_number_is_assumed() -> None:
    assert read("07700 900123", "us", "gb", "in")[0] == ("447700900123",)
    found = phones_in("07700 900123", (Home("us", "address"), Home("gb", "locale")))
    assert isinstance(found, Repaired)
    assert found.message == "The phone number has no country code. Assumed GB from the locale."


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("447700900123", "gb", "447700900123"),
        ("447700900123", "us", "447700900123"),
        ("14155550123", "gb", "14155550123"),
        ("011 44 20 7946 0958", "us", "442079460958"),
        ("+14155550123", "gb", "14155550123"),
    ],
)
def test_a_whole_number_is_not_taken_for_a_national_one(
    text: str, country: str, expected: str
) -> None:
    assert read(text, country) == ((expected,), "")


@pytest.mark.parametrize(
    ("text", "countries", "expected"),
    [
        ("07700 900123", (), "7700900123"),
        ("4155550123", (), "4155550123"),
        ("555-0123", ("us",), "5550123"),
        ("07700 900123", ("us",), "7700900123"),
        ("07700 900123", ("xx",), "7700900123"),
    ],
)
def test_an_undecidable_number_is_its_digits_with_a_warning(
    text: str, countries: tuple[str, ...], expected: str
) -> None:
    assert read(text, *countries) == ((expected,), "phone_without_country_code")


@pytest.mark.parametrize(
    "text",
    [
        "12345",
        "+123456",
        "1234567890123456",
        "+0000000000",
        "call me",
        "9dd4e461268c8034f5c8564e155c67a6",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "1-800-FLOWERS",
        "1.41556E+10",
        "1e400",
        "+",
        "1" * 600,
    ],
)
def test_what_is_no_phone_number_is_dropped(text: str) -> None:
    assert read(text, "us") == ((), "invalid")


def test_a_placeholder_is_no_phone_number_and_no_mistake() -> None:
    assert read("undefined") == ((), "")


PIECES = st.sampled_from(
    ["+", "00", "0", "(0)", "44", "1", "415", "5550123", " ", "-", "/", ",", "x"]
)


@given(st.lists(PIECES, max_size=9).map("".join), st.sampled_from(["us", "gb", "de", "it"]))
def test_a_number_is_the_same_when_it_is_read_again(text: str, country: str) -> None:
    for number in read(text, country)[0]:
        assert 7 <= len(number) <= 15
        assert number.isdecimal()
        if plain_phone(f"+{number}"):
            assert read(f"+{number}", country)[0] == (number,)


@given(st.integers(10**6, 10**15 - 1))
def test_the_short_way_reads_what_the_long_one_does(number: int) -> None:
    plain = plain_phone(f"+{number}")
    assert plain is None or read(f"+{number}")[0] == (plain,)


def test_the_table_has_the_countries_of_the_world() -> None:
    assert len(PHONE_COUNTRIES) > 200
    assert countries_of("447700900123")[0].code == "gb"
    assert countries_of("14155550123")[0].code == "us"
    assert countries_of("999") == ()
    for country in PHONE_COUNTRIES.values():
        assert country.lengths
        assert country.is_national("x") is False
        country.without_trunk("0123")
        country.without_abroad("00123")
