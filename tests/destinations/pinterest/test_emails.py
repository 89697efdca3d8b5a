"""Email addresses out of what stands around them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.pinterest.emails import addresses_in, plain_address
from destinations.pinterest.normalise import Repaired, email

ANN, BOB = "ann@example.com", "bob@example.com"


def read(text: str) -> tuple[str, ...]:
    found = email(text)
    forms = found.forms if isinstance(found, Repaired) else found
    return (forms,) if isinstance(forms, str) else forms or ()


@pytest.mark.parametrize(
    "text",
    [
        "ann@example.com",
        "ANN@Example.COM",
        "mailto:ann@example.com",
        "MAILTO:ann@example.com?subject=Hi",
        "<ann@example.com>",
        "Ann Example <ann@example.com>",
        '"Example, Ann" <ann@example.com>',
        '"ann@example.com"',
        "'ann@example.com'",
        "“ann@example.com”",
        "(ann@example.com)",
        "ann@example.com (Ann)",
        "ann@example.com,",
        "ann@example.com;",
        "ann@example.com.",
        ", ann@example.com",
        "ann @example.com",
        "ann@ example.com",
        "a nn@exam ple.com",
        "ann@\nexample.com",
        "ann%40example.com",
        "ann&#64;example.com",
        "ａｎｎ＠ｅｘａｍｐｌｅ．ｃｏｍ",
        "Email: ann@example.com",
        "ann@example.com, 555-0123",
    ],
)
def test_one_address_comes_out_of_its_decoration(text: str) -> None:
    assert read(text) == (ANN,)


@pytest.mark.parametrize(
    "text",
    [
        "ann@example.com,bob@example.com",
        "ann@example.com; bob@example.com;",
        "ann@example.com bob@example.com",
        "ann@example.com\nbob@example.com",
        "ann@example.com / bob@example.com",
        "ann@example.com/bob@example.com",
        "ann@example.com and bob@example.com",
        "Ann <ann@example.com>, Bob <bob@example.com>",
        "ann@example.com, ann@, bob@example.com, ANN@example.com",
    ],
)
def test_several_addresses_are_several(text: str) -> None:
    assert read(text) == (ANN, BOB)


@pytest.mark.parametrize(
    "text",
    [
        "@annshop",
        "ann@",
        "ann",
        "ann@@example.com",
        "ann@example@com",
        "contact me @ home",
        "write to ann at ann@example.com please",
        "ann@example",
        "ann@example..com",
        "ann@.com",
        "ann@-.com",
        "ann@1.2",
        "ann,smith@example.com",
        "9dd4e461268c8034f5c8564e155c67a6",
        "@",
        "<@>",
    ],
)
def test_what_is_no_whole_address_is_none(text: str) -> None:
    assert email(text) is None


@pytest.mark.parametrize("text", ["undefined", "N/A", "null", "(not set)", "-"])
def test_a_placeholder_is_no_address_and_no_mistake(text: str) -> None:
    assert email(text) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("JÖRG@Bücher.example", "jörg@bücher.example"),
        ("jo\u0308rg@bu\u0308cher.example", "jörg@bücher.example"),
        ("ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
        ("ann@例え.jp", "ann@例え.jp"),
        ("ann@उदाहरण.भारत", "ann@उदाहरण.भारत"),
        ("O'Brien+news@example.com", "o'brien+news@example.com"),
        ("a/b@example.com", "a/b@example.com"),
        ("ann.@docomo.ne.jp", "ann.@docomo.ne.jp"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_an_address_stays_as_it_is_written_in_lower_case(text: str, expected: str) -> None:
    assert email(text) == expected


@given(st.text(st.sampled_from("ab.@ ,;<>\"'()/\n\u200bÄ\u0308")))
def test_an_address_is_found_again_in_itself(text: str) -> None:
    for address in addresses_in(text) or ():
        assert email(address) == address


@given(st.text(st.sampled_from("abc.-_+1@"), max_size=12))
def test_the_short_way_finds_what_the_long_one_does(text: str) -> None:
    plain = plain_address(text)
    assert plain is None or addresses_in(text) == (plain,)
