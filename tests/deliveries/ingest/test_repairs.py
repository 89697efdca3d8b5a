"""What JSON or a database cannot hold never costs the event it stands in."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliveries.ingest.repairs import repair_event
from deliveries.ingest.strict_json import find_flaw, parse_json
from deliveries.models import Delivery, Event, Refusal
from destinations.models import Destination, Source
from destinations.pinterest.transform import TransformConfig, transform
from tests.deliveries.ingest.sender import Post, answer, stored
from tests.factories import make_event

TEXTS = st.text(st.characters(codec=None), max_size=6)  # with halves of pairs
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


def track(properties: str, message_id: str = "m") -> bytes:
    """An event as raw JSON text."""
    return b'{"type":"track","event":"e","userId":"u","messageId":"%s","properties":%s}' % (
        message_id.encode(),
        properties.encode("utf-8", "surrogateescape"),
    )


@pytest.mark.parametrize(
    ("properties", "kept", "code", "field"),
    [
        ('{"a":"half \\ud83d"}', {"a": "half \ufffd"}, "text_repaired", "properties.a"),
        ('{"a":["\\udc00 x"]}', {"a": ["\ufffd x"]}, "text_repaired", "properties.a[0]"),
        ('{"\\ud83d":1}', {"\ufffd": 1}, "text_repaired", "properties.\ufffd"),
        ('{"a":"caf\udce9!"}', {"a": "caf\ufffd!"}, "text_repaired", "properties.a"),
        ('{"a":"\udcf0\udc9f\udc98"}', {"a": "\ufffd"}, "text_repaired", "properties.a"),
        (
            '{"a":18446744073709551616}',
            {"a": "18446744073709551616"},
            "number_as_text",
            "properties.a",
        ),
        (
            '{"a":[-9223372036854775809]}',
            {"a": ["-9223372036854775809"]},
            "number_as_text",
            "properties.a[0]",
        ),
        ('{"a":' + "9" * 5000 + "}", {"a": "9" * 5000}, "number_as_text", "properties.a"),
    ],
)
def test_what_cannot_be_kept_is_repaired_and_said(
    post: Post,
    source: Source,
    destination: Destination,
    properties: str,
    kept: Any,
    code: str,
    field: str,
) -> None:
    body = b'{"batch":[%s,%s]}' % (track(properties), track('{"a":1}', "neighbor"))
    assert answer(post("/v1/batch", body)) == (200, "OK")
    assert not Refusal.objects.exists()
    event = stored(Event.objects.get(message_id="m"))
    assert event["properties"] == kept
    assert event["_repairs"] == [{"code": code, "field": field}]
    assert "_repairs" not in stored(Event.objects.get(message_id="neighbor"))
    event["context"] = {"traits": {"email": "a@example.com"}}
    warnings = transform(event, "lead", TransformConfig(), 0).warnings
    assert (code, field) in {(one.code, one.field) for one in warnings}


def test_identifiers_are_repaired_too(post: Post, source: Source, destination: Destination) -> None:
    body = (
        b'{"type":"track","event":"Order Completed","userId":123456789012345678901234,'
        b'"messageId":"m\xff1","context":{"traits":{"email":"a@example.com","firstName":"J\xf6rg"}}}'
    )
    assert answer(post("/v1/track", body)) == (200, "OK")
    event = Event.objects.get()
    assert event.message_id == "m\ufffd1"
    assert stored(event)["userId"] == "123456789012345678901234"
    assert Delivery.objects.get().conversion_name == "checkout"


@pytest.mark.parametrize("name", ["m\x00x", "\x00mx", "mx\x00"])
def test_nul_in_a_message_id_is_left_out(post: Post, source: Source, name: str) -> None:
    assert answer(post("/v1/track", make_event(messageId=name))) == (200, "OK")
    assert Event.objects.get().message_id == "mx"


def test_no_repair_hides_another_value() -> None:
    keys = ["\ud83d", "\ufffd", "\udc00"]
    event = repair_event({key: place for place, key in enumerate(keys, start=1)})
    assert sorted(value for key, value in event.items() if key != "_repairs") == [1, 2, 3]


def test_of_a_thousand_repairs_twenty_are_named(post: Post, source: Source) -> None:
    body = track('{"a":[' + ",".join(['"\\ud83d"'] * 1000) + "]}")
    assert answer(post("/v1/track", body)) == (200, "OK")
    event = stored(Event.objects.get())
    assert event["properties"]["a"] == ["\ufffd"] * 1000
    assert len(event["_repairs"]) == 20


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_every_repaired_event_can_be_written_and_needs_no_other_repair(
    event: dict[str, Any],
) -> None:
    text = json.dumps(event).encode()
    parsed = parse_json(text)
    if find_flaw(parsed.value) is not None:
        return
    before = repr(parsed.value)
    repaired = repair_event(parsed.value)
    assert repr(parsed.value) == before
    assert orjson.loads(orjson.dumps(repaired)) == repaired
    assert repair_event(repaired) is repaired


@given(st.dictionaries(st.text(max_size=3), st.integers(-(2**63), 2**64 - 1) | st.text()))
def test_what_needs_no_repair_stays_as_it_is(event: dict[str, Any]) -> None:
    assert repair_event(event) is event
