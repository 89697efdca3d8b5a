"""A text is what a reader sees of it: the laws of cleaning, and what stands for nothing."""

from __future__ import annotations

import hashlib
import unicodedata
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.pinterest.cleaning import clean, is_placeholder
from destinations.pinterest.transform import TransformConfig, conversion_names, transform
from tests.destinations.pinterest import golden
from tests.destinations.pinterest.field_cases import value_at

NOW = 1_714_557_600.0
INVISIBLE = "\0\x07\x1b\x7f\x9f\xad\u034f\u061c\u115f\u180e\u200b\u200e\u200f\u202a\u202c\u2060\u2069\u3164\ufe0f\ufeff"
BLANKS = " \t\n\r\x0b\x1f\x85\xa0\u2003\u2028\u202f\u3000"
EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Lead",
    "messageId": "m-1",
    "timestamp": "2024-05-01T10:00:00Z",
    "context": {"traits": {"email": "ann@example.com"}},
}
CONFIG = TransformConfig(dedup_key="properties.dedup", event_map=(("Quote Requested", "lead"),))

# For each place of an event: a usable value, and the field of the conversion that it decides.
PLACES: dict[str, tuple[str, str]] = {
    "event": ("Quote Requested", "event_name"),
    "traits.email": ("jörg@example.de", "user_data.em"),
    "traits.phone": ("+1 (415) 555-0123", "user_data.ph"),
    "traits.firstName": ("José María", "user_data.fn"),
    "traits.lastName": ("Nguyễn", "user_data.ln"),
    "traits.gender": ("female", "user_data.ge"),
    "traits.birthday": ("1990-02-03", "user_data.db"),
    "traits.address.city": ("São Paulo", "user_data.ct"),
    "traits.address.state": ("Île-de-France", "user_data.st"),
    "traits.address.zip": ("SW1A 1AA", "user_data.zp"),
    "traits.address.country": ("Österreich", "user_data.country"),
    "userId": ("Kundin-Zoë-1", "user_data.external_id"),
    "context.device.advertisingId": (
        "AEBE52E7-03EE-455A-B3C4-E57283966239",
        "user_data.hashed_maids",
    ),
    "context.ip": ("203.0.113.7", "user_data.client_ip_address"),
    "context.userAgent": ("Mozilla/5.0 (Macintosh)", "user_data.client_user_agent"),
    "properties.clickId": ("dj0yJnU9", "user_data.click_id"),
    "traits.partnerId": ("p-7", "user_data.partner_id"),
    "context.page.url": ("https://shop.example/é", "event_source_url"),
    "properties.language": ("de-AT", "language"),
    "properties.action_source": ("offline", "action_source"),
    "context.app.name": ("Café", "app_name"),
    "properties.currency": ("EUR", "custom_data.currency"),
    "properties.value": ("12.50", "custom_data.value"),
    "properties.numOfItems": ("3", "custom_data.num_items"),
    "properties.order_id": ("Bestellung-Ä-1", "custom_data.order_id"),
    "properties.query": ("rote Schuhe für Ömer", "custom_data.search_string"),
    "properties.product_id": ("p-1", "custom_data.content_ids"),
    "properties.dedup": ("evt-é-1", "event_id"),
    "messageId": ("m-é-1", "event_id"),
    "channel": ("mobile", "action_source"),
    "context.device.adTrackingEnabled": ("false", "opt_out"),
    "timestamp": ("2024-05-01T09:00:00Z", "event_time"),
}


def field_of(place: str, value: Any) -> Any:
    event = golden.with_value(EVENT, place, value)
    if place == "channel":
        event = golden.with_value(event, "context.os.name", "iOS")
    name = conversion_names(event, CONFIG)[0]
    return value_at(transform(event, name, CONFIG, NOW).fields, PLACES[place][1])


def texts_like(value: str) -> st.SearchStrategy[str]:
    """The value with characters in it that nobody sees, in any Unicode form."""
    return st.builds(
        lambda form, marks, outer: (
            outer[0]
            + "".join(
                sign + marks[position % len(marks)]
                for position, sign in enumerate(unicodedata.normalize(form, value))
            )
            + outer[1]
        ),
        st.sampled_from(("NFC", "NFD")),
        st.lists(st.text(INVISIBLE, max_size=2), min_size=1, max_size=7),
        st.tuples(st.text(BLANKS + INVISIBLE, max_size=3), st.text(BLANKS + INVISIBLE, max_size=3)),
    )


@pytest.mark.parametrize("place", PLACES)
@given(data=st.data())
def test_what_nobody_sees_changes_nothing_in_any_field(place: str, data: st.DataObject) -> None:
    value = PLACES[place][0]
    alone = field_of(place, value)
    assert alone is not None
    assert field_of(place, data.draw(texts_like(value))) == alone


@pytest.mark.parametrize("place", [p for p in PLACES if " " in PLACES[p][0]])
@given(blanks=st.text(BLANKS, min_size=1, max_size=4))
def test_any_run_of_blanks_is_one(place: str, blanks: str) -> None:
    value = PLACES[place][0]
    assert field_of(place, value.replace(" ", blanks)) == field_of(place, value)


@given(st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(st.text())
def test_composed_and_decomposed_texts_are_one(text: str) -> None:
    composed, apart = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert clean(composed) == clean(apart)


@given(st.text())
def test_a_clean_text_has_no_blanks_around_it_and_is_composed(text: str) -> None:
    cleaned = clean(text)
    assert cleaned == cleaned.strip()
    assert "  " not in cleaned
    assert unicodedata.is_normalized("NFC", cleaned)


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cنا",  # Persian
        "ක්\u200dරිස්ටි",  # Sinhala
        "വര്\u200dഗീസ് മോഹന്\u200d",  # Malayalam, at the end of a word
        "👩\u200d💻",
    ],
)
def test_joiners_stay_where_a_reader_sees_them(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    "text", ["an\u200dn", "\u200cann", "ann\u200d", "a \u200c b", "مینا\u200c"]
)
def test_joiners_vanish_elsewhere(text: str) -> None:
    assert not set("\u200c\u200d") & set(clean(text))


PLACEHOLDERS = (
    *("undefined", "UNDEFINED", "null", "Null", "None", "nil", "NaN", "N/A", "n/a", "(not set)"),
    *("(none)", "Unknown", "[object Object]", "<nil>", "(null)", "#N/A", "-", " undefined\u200b"),
)


@pytest.mark.parametrize("text", PLACEHOLDERS)
def test_what_programs_write_for_nothing_is_a_placeholder(text: str) -> None:
    assert is_placeholder(clean(text))


@pytest.mark.parametrize(
    "text", ["na", "Nana", "Nilsson", "Undefined Brand", "0", "No", "Nullarbor"]
)
def test_what_may_be_meant_is_none(text: str) -> None:
    assert not is_placeholder(text)


# Of these the next path, a default or nothing is used; they are not null in the conversion.
ALWAYS_THERE = {"event", "timestamp", "messageId", "properties.dedup", "properties.action_source"}


@pytest.mark.parametrize("place", sorted(set(PLACES) - ALWAYS_THERE - {"traits.email", "channel"}))
@given(st.sampled_from(PLACEHOLDERS))
def test_a_placeholder_is_no_value_in_any_field(place: str, placeholder: str) -> None:
    if place == "traits.lastName" and placeholder in ("null", "Null", "None"):
        return  # a surname
    assert field_of(place, placeholder) is None


@given(st.sampled_from(PLACEHOLDERS))
def test_a_placeholder_never_is_an_id_or_hides_one(placeholder: str) -> None:
    assert field_of("properties.dedup", placeholder) == "m-1"
    assert len(field_of("messageId", placeholder)) == 36
    event = EVENT | {"userId": placeholder, "anonymousId": "anon-1"}
    found = transform(event, "lead", CONFIG, NOW).fields["user_data"]["external_id"]
    assert found == [sha256(b"anon-1").hexdigest()]


@pytest.mark.parametrize("nobody", [0, -1, 0.0, "0", "-1", "00000000-0000-0000-0000-000000000000"])
def test_no_id_of_nobody_is_sent(nobody: Any) -> None:
    assert field_of("userId", nobody) is None
    assert field_of("properties.dedup", nobody) == "m-1"


NOTHING = ("", " ", "null", "undefined", "None", "NaN", "0", "[object Object]", "(not set)", "N/A")
HASHED = ("traits.phone", "traits.firstName", "traits.address.city", "userId", "traits.address.zip")


@pytest.mark.parametrize("place", HASHED)
@given(
    st.sampled_from(NOTHING),
    st.sampled_from((str.lower, str.upper, lambda digest: f"\u200b {digest}\n")),
    st.booleans(),
)
def test_the_digest_of_nothing_is_no_identifier(
    place: str, nothing: str, written: Any, in_a_list: bool
) -> None:
    digest = written(sha256(nothing.encode()).hexdigest())
    assert field_of(place, [digest] if in_a_list else digest) is None


@pytest.mark.parametrize("algorithm", ["md5", "sha1"])
def test_a_user_id_that_is_another_hash_of_nothing_is_none(algorithm: str) -> None:
    digest = hashlib.new(algorithm, b"", usedforsecurity=False).hexdigest()
    assert field_of("userId", digest) is None
    assert field_of("userId", digest[::-1]) is not None


@pytest.mark.parametrize(
    ("place", "name", "kept"),
    [
        ("traits.lastName", "Null", True),
        ("traits.lastName", "NONE", True),
        ("traits.lastName", "undefined", False),
        ("traits.firstName", "Null", False),
        ("traits.firstName", "Nan", True),
        ("traits.firstName", "NaN", False),
    ],
)
def test_people_keep_names_that_look_like_nothing(place: str, name: str, kept: bool) -> None:
    assert (field_of(place, name) is not None) is kept
