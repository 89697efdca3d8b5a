"""Masking: what is personal never comes through; what is not stays readable."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliveries.privacy.masking import (
    HIDDEN,
    mask,
    mask_body,
    mask_excerpt,
    mask_text,
    personal_values,
)

PERSONAL_PLACES = [
    ("userId",),
    ("anonymousId",),
    ("traits", "name"),
    ("traits", "type"),
    ("traits", "status"),
    ("context", "traits", "email"),
    ("context", "traits", "address", "city"),
    ("context", "traits", "orders", "category"),
    ("context", "ip"),
    ("context", "userAgent"),
    ("context", "device", "advertisingId"),
    ("context", "device", "id"),
    ("context", "externalId", "id"),
    ("context", "page", "path"),
    ("context", "page", "title"),
    ("context", "page", "search"),
    ("properties", "email"),
    ("properties", "phone"),
    ("properties", "note"),
    ("properties", "form", "anything at all"),
    ("properties", "name"),
    ("user_data", "em"),
    ("user_data", "client_ip_address"),
    ("data", "user_data", "country"),
    ("input",),
]
# A marker that stands nowhere else: whatever is around it, it must not come out again.
MARKER = "Zq7xWvKj"
personal_texts = st.builds(
    lambda before, after: f"{before}{MARKER}{after}", st.text(max_size=8), st.text(max_size=8)
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["category", "value", "products", "order_id", "url", "own", "message"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


def put(event: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    for name in place[:-1]:
        inner = event.get(name)
        event[name] = inner if isinstance(inner, dict) else {}
        event = event[name]
    event[place[-1]] = value


@given(
    st.dictionaries(st.sampled_from(["type", "event", "messageId", "properties"]), values),
    st.lists(st.sampled_from(PERSONAL_PLACES), min_size=1, max_size=5),
    personal_texts,
    st.sampled_from(["text", "list", "object"]),
)
def test_no_value_of_a_personal_field_comes_through(
    event: dict[str, Any], places: list[tuple[str, ...]], personal: str, shape: str
) -> None:
    value: Any = {"text": personal, "list": [personal], "object": {"category": personal}}[shape]
    for place in places:
        if shape != "object" or place[0] in ("traits", "user_data"):
            put(event, place, value)
        else:
            put(event, place, personal)
    assert MARKER not in orjson.dumps(mask(event)).decode()


@given(personal_texts, st.sampled_from(["messageId", "event", "order_id", "category", "coupon"]))
def test_a_personal_value_is_hidden_where_it_turns_up_again(personal: str, field: str) -> None:
    event = {"context": {"traits": {"email": personal}}, field: personal}
    assert MARKER not in orjson.dumps(mask(event)).decode()
    known = personal_values(event)
    assert MARKER not in orjson.dumps(mask({"event_id": f"a-{personal}-b"}, known)).decode()
    assert MARKER not in mask_text(f"What about {personal} here?", known)


@given(values)
def test_the_structure_stays(value: Any) -> None:
    def shape(one: Any) -> Any:
        if isinstance(one, dict):
            return [shape(inner) for inner in one.values()]
        return [shape(inner) for inner in one] if isinstance(one, list) else "leaf"

    assert shape(mask(value)) == shape(value)


@given(values)
def test_masking_again_changes_nothing_more(value: Any) -> None:
    once = mask(value)
    assert mask(once) == once


def test_what_is_not_personal_stays_readable() -> None:
    event = {
        "type": "track",
        "event": "Order Completed",
        "messageId": "m-1",
        "userId": "user-12345",
        "timestamp": "2026-11-23T10:00:00.000Z",
        "properties": {
            "order_id": "order-1",
            "value": 35.0,
            "currency": "USD",
            "is_gift": True,
            "note": "for Alex",
            "count": 1,
            "quantity": 1,
            "products": [{"id": "sku-1", "name": "Red shoe", "price": 35, "quantity": 1}],
        },
        "context": {
            "ip": "203.0.113.7",
            "library": {"name": "analytics-node", "version": "3.0.0"},
            "traits": {"email": "alex@example.com", "vip": True, "tags": ["a", "b"]},
            "page": {"url": "https://shop.example/account/alex?x=1", "title": "Alex"},
        },
    }
    assert mask(event) == {
        "type": "track",
        "event": "Order Completed",
        "messageId": "m-1",
        "userId": HIDDEN,
        "timestamp": "2026-11-23T10:00:00.000Z",
        "properties": {
            "order_id": "order-1",
            "value": 35.0,
            "currency": "USD",
            "is_gift": True,
            "note": HIDDEN,
            "count": HIDDEN,
            "quantity": 1,
            "products": [{"id": "sku-1", "name": "Red shoe", "price": 35, "quantity": 1}],
        },
        "context": {
            "ip": HIDDEN,
            "library": {"name": "analytics-node", "version": "3.0.0"},
            "traits": {"email": HIDDEN, "vip": True, "tags": [HIDDEN, HIDDEN]},
            "page": {"url": f"https://shop.example/{HIDDEN}", "title": HIDDEN},
        },
    }


@pytest.mark.parametrize(
    ("sentence", "masked"),
    [
        ("'external_id' is recommended.", "'external_id' is recommended."),
        ("'user_data.em[0]' is not a hash.", "'user_data.em[0]' is not a hash."),
        ("'alex' is not of type 'number'", f"'{HIDDEN}' is not of type '{HIDDEN}'"),
        ("'O'Brien' is too short", f"'{HIDDEN}' is too short"),
        ("Pinterest doesn't know; it didn't say.", "Pinterest doesn't know; it didn't say."),
        ("Bad address alex@example.com, sorry.", f"Bad address {HIDDEN}, sorry."),
        ("Never closed: 'alex lives", f"Never closed: '{HIDDEN}'"),
        ("Call +49 (170) 123-4567 now", f"Call {HIDDEN} now"),
        ("From 203.0.113.7 or 2001:db8::17", f"From {HIDDEN} or {HIDDEN}"),
        ("Hash 0123456789abcdef0123456789abcdef.", f"Hash {HIDDEN}."),
        ("Invalid currency “alex”.", f"Invalid currency “{HIDDEN}”."),
        ("At most 1000 events; there are 1200.", "At most 1000 events; there are 1200."),
    ],
)
def test_a_sentence_keeps_its_sense_and_loses_what_it_quotes(sentence: str, masked: str) -> None:
    assert mask_text(sentence) == masked


def test_keys_that_are_values_are_hidden_and_stay_apart() -> None:
    assert mask({"properties": {"alex@example.com": True, "1.2.3.4": False, "vip": True}}) == {
        "properties": {HIDDEN: True, f"{HIDDEN} 2": False, "vip": True}
    }


def test_bodies_and_excerpts_that_are_no_json_are_hidden_as_a_whole() -> None:
    assert "alex" not in mask_body(b"alex was here").decode()
    assert mask_excerpt('{"userId": "alex", "eve') == f"{HIDDEN} (23 characters)"
    assert mask_excerpt('{"userId": "alex"}') == f'{{"userId":"{HIDDEN}"}}'
    assert mask_excerpt("") == ""


def test_a_request_of_a_thousand_people_is_masked_one_by_one() -> None:
    people = [
        {"event_name": "checkout", "event_id": str(n), "user_data": {"em": [f"hash{n:060}"]}}
        for n in range(1000)
    ]
    masked = orjson.loads(mask_body(orjson.dumps({"data": people})))["data"]
    assert [one["event_id"] for one in masked] == [str(n) for n in range(1000)]
    assert {one["user_data"]["em"][0] for one in masked} == {HIDDEN}
