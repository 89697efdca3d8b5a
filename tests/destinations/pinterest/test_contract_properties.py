"""Any JSON event under any config: contract-true conversions, a rejection or a filter; never more.

The number of examples is the profile's: 300 by default, 20,000 with ``HYPOTHESIS_PROFILE=ci`` or
``CI=true``.
"""

from __future__ import annotations

import json
import math
import os
from hashlib import sha256
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from deliveries.error_codes import transform as codes
from destinations.pinterest.custom_data import (
    CUSTOM_FIELDS,
    NUM_ITEMS_KEYS,
    PRODUCT_ID_KEYS,
)
from destinations.pinterest.event_fields import ACTION_SOURCE_PATHS, EVENT_FIELDS
from destinations.pinterest.findings import EventFiltered, EventRejected
from destinations.pinterest.transform import TransformConfig, conversion_names, transform
from destinations.pinterest.user_data import HASHED_FIELDS, PLAIN_FIELDS

from .contract import contract_errors

IN_CI = os.environ.get("CI", "").lower() == "true"
PROFILE = os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if IN_CI else "default")
EXAMPLES = {"ci": 20_000}.get(PROFILE, 300)
ANY_EVENT = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
NOW = 1_714_557_600.0
CONTRACT = {version: contract_errors(version) for version in ("v5", "v3")}

# -- what the mapping reads, mixed with what it does not -------------------------------------------

PERSONAL_PATHS = sorted(
    {path.text for field in HASHED_FIELDS for path in field.paths}
    - {"userId", "anonymousId", "traits.id", "context.traits.id"}
)
TEXT_FIELDS = (*EVENT_FIELDS, *CUSTOM_FIELDS, *PLAIN_FIELDS)
READ_PATHS = sorted(
    {path.text for field in HASHED_FIELDS for path in field.paths}
    | {path.text for field in TEXT_FIELDS for path in field.paths}
    | {path.text for path in ACTION_SOURCE_PATHS}
    | {f"properties.{key}" for key in (*PRODUCT_ID_KEYS, *NUM_ITEMS_KEYS)}
    | {
        "timestamp", "originalTimestamp", "receivedAt", "messageId", "event", "name", "category",
        "channel", "type", "integrations", "request_ip", "context", "traits", "properties",
        "context.traits", "traits.address", "context.traits.address", "context.page",
        "context.page.search", "context.device", "context.device.adTrackingEnabled", "context.os",
        "context.os.name", "context.network", "context.network.wifi", "context.ip",
        "context.requestIP", "context.externalId", "properties.ip", "properties.clientIpAddress",
        "properties.products", "properties.price", "properties.quantity", "properties.name",
        "properties.category", "properties.brand",
    }
)  # fmt: skip

TEXTS = st.one_of(
    st.sampled_from(
        [
            "", " ", "web", "app_ios", "offline", "mobile", "server", "Ann@Example.com", "a@b",
            "+1 (415) 555-0101", "٠١٢٣", "SW1A 1AA", "94107-1234", "California", "United States",
            "DE", "Köln", "1996-03-14", "03/14/1996", "2024-05-01T10:00:00Z", "1714557600",
            "Order Completed", "AddToCart", "My Thing", "Watch Video", "19.99", "12,50", "1e21",
            "-0", "2", "USD", "en-US", "LDP", "true", "0.0.0.0", "203.0.113.7", "2001:db8::1",
            "00000000-0000-0000-0000-000000000000", "https://a.b/?epik=dj0y&x=1", "\ud800",
            "x\udc00y", "\x00", "f" * 64, "É" * 64,
        ]
    ),
    st.text(max_size=12),
    st.text(st.characters(categories=["Cs", "Lu", "Mn", "Nd", "Zs"]), max_size=5),
)  # fmt: skip
NUMBERS = st.one_of(
    st.sampled_from([0, -0.0, 1, 2, 2.5, 7.0, -3, 1e21, 1e-7, 1714557600, 1714557600123, 2**63]),
    st.integers(),
    st.floats(),
    st.integers(min_value=2**60, max_value=2**2000),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, TEXTS)
PRODUCTS = st.lists(
    st.one_of(
        st.dictionaries(
            st.sampled_from([*PRODUCT_ID_KEYS, "name", "price", "quantity", "category", "brand"]),
            SCALARS,
            max_size=5,
        ),
        SCALARS,
    ),
    max_size=3,
)
VALUES = st.one_of(
    SCALARS,
    SCALARS,
    SCALARS,
    st.lists(SCALARS, max_size=3),
    st.dictionaries(st.text(max_size=4), SCALARS, max_size=2),
    PRODUCTS,
)


def put(event: dict[str, Any], path: str, value: Any) -> None:
    *parents, key = path.split(".")
    holder = event
    for parent in parents:
        inner = holder.get(parent)
        if not isinstance(inner, dict):
            inner = holder[parent] = {}
        holder = inner
    holder[key] = value


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    event: dict[str, Any] = {}
    # Most examples get past the first three rejections, so that the rest is tried, too.
    if draw(st.integers(0, 9)):
        event["type"] = draw(st.sampled_from(["track", "page", "screen", " Track "]))
        event["event"] = draw(TEXTS)
        event["timestamp"] = "2024-05-01T10:00:00Z"
        event["messageId"] = "m-1"
    if draw(st.integers(0, 5)):
        event["context"] = {"ip": "203.0.113.7", "userAgent": "Mozilla/5.0 (iPhone)"}
    written = draw(st.dictionaries(st.sampled_from(READ_PATHS), VALUES, max_size=14))
    for path in sorted(written, key=len):
        put(event, path, written[path])
    return event


CONFIGS = st.builds(
    TransformConfig,
    destination_name=st.sampled_from(["", "Pinterest", "Schön GmbH"]),
    api_version=st.sampled_from(["v5", "v3"]),
    advertiser_id=st.sampled_from(["549755885175", ""]),
    app_id=st.sampled_from(["", "429047995"]),
    partner_name=st.sampled_from(["", "direct"]),
    # Not one that a person configured to send a personal value: that is their explicit choice.
    dedup_key=st.sampled_from(
        ["", "messageId", "properties.order_id", "properties.products[0].sku", "a..[", "context"]
    ),
    default_action_source=st.sampled_from(["web", "offline", "app_ios", "nonsense"]),
    unmapped_events=st.sampled_from(["by_name", "as_custom", "filter"]),
    send_external_id=st.booleans(),
    max_age_seconds=st.sampled_from([None, 0, 604_800]),
    event_map=st.lists(
        st.tuples(TEXTS, st.sampled_from(["Lead", "checkout", "", "My Own 2x", "\ud800", "ok"])),
        max_size=3,
    ).map(tuple),
)


def outcome(event: dict[str, Any], config: TransformConfig) -> list[dict[str, Any]]:
    """The conversions, after everything a conversion promises was checked."""
    refusal: EventRejected | EventFiltered | None = None
    names: tuple[str, ...] = ()
    conversions = []
    try:
        names = conversion_names(event, config)
        conversions = [transform(event, name, config, NOW) for name in names]
    except (EventRejected, EventFiltered) as raised:
        refusal = raised
    if isinstance(refusal, EventFiltered):
        assert refusal.code in codes.FILTER_CODES
        return []
    if refusal is not None:
        assert refusal.errors
        assert {error.code for error in refusal.errors} <= set(codes.REJECTION_CODES)
        assert {warning.code for warning in refusal.warnings} <= set(codes.WARNING_CODES)
        return []
    assert names
    assert len(set(names)) == len(names)
    for conversion in conversions:
        orjson.dumps(conversion.fields)
        assert CONTRACT[config.api_version](conversion.fields) == []
        assert_nothing_empty(conversion.fields)
        assert {warning.code for warning in conversion.warnings} <= set(codes.WARNING_CODES)
    return [conversion.fields for conversion in conversions]


def assert_nothing_empty(value: Any) -> None:
    """No null, NaN, empty list or object, or blank text anywhere."""
    if isinstance(value, dict | list):
        assert value
        for inner in value.values() if isinstance(value, dict) else value:
            assert_nothing_empty(inner)
    elif isinstance(value, str):
        assert value
    else:
        assert isinstance(value, int)


def personal_texts(event: dict[str, Any]) -> set[str]:
    """Every text at a personal path, long enough to be told from chance, as it came and trimmed."""
    found: set[str] = set()
    for path in PERSONAL_PATHS:
        value: Any = event
        for step in path.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and len(text.strip()) > 5:
                found |= {text, text.strip(), text.strip().lower()}
    return found


def texts_elsewhere(event: Any, path: str = "") -> set[str]:
    """Texts and numbers of the event that are not at a personal path: sent as they are, as text."""
    if isinstance(event, dict):
        inner = [
            texts_elsewhere(value, f"{path}.{key}".lstrip(".")) for key, value in event.items()
        ]
        return set().union(*inner)
    if path in PERSONAL_PATHS:
        return set()
    if isinstance(event, list):
        return set().union(*(texts_elsewhere(value, path) for value in event))
    if isinstance(event, float) and event.is_integer():
        return {str(event), str(int(event))}
    return {str(event)} if isinstance(event, str | int | float) else set()


# 20,000 examples take a minute and a half on an idle core; a shared one may be five times slower.
@pytest.mark.timeout(1_200)
@ANY_EVENT
@given(events(), CONFIGS)
def test_any_event_under_any_config_keeps_the_contract_or_is_refused_by_a_known_code(
    event: dict[str, Any], config: TransformConfig
) -> None:
    conversions = outcome(event, config)
    may_be_sent = texts_elsewhere(event) if conversions else set()
    for conversion in conversions:
        digests, plain = sent_texts(conversion)
        for digest in digests:
            assert len(digest) == 64
            assert set(digest) <= set("0123456789abcdef")
            assert digest != sha256(b"").hexdigest()
        for text in personal_texts(event):
            if not any(text in other for other in may_be_sent):
                assert [sent for sent in plain if text in sent] == []


def sent_texts(conversion: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The digests that leave, and every other text but those the event has no say in."""
    user_data = dict(conversion["user_data"])
    digests = [d for field in HASHED_FIELDS for d in user_data.pop(field.name, [])]
    chosen_elsewhere = ("event_name", "action_source", "app_id", "partner_name", "advertiser_id")
    rest = {key: value for key, value in conversion.items() if key not in chosen_elsewhere}
    return digests, every_text({**rest, "user_data": user_data})


def every_text(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in every_text(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in every_text(inner)]
    return [value] if isinstance(value, str) else []


@settings(ANY_EVENT, max_examples=max(EXAMPLES // 20, 100))
@given(
    st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=15,
    ).map(
        lambda value: value if isinstance(value, dict) else {"type": "track", "properties": value}
    )
)
def test_any_json_object_is_an_event_that_harms_nobody(event: dict[str, Any]) -> None:
    outcome(event, TransformConfig())


# -- the bombs -----------------------------------------------------------------------------------

WHOLE: dict[str, Any] = {
    "type": "track",
    "event": "Order Completed",
    "messageId": "m-1",
    "timestamp": "2024-05-01T10:00:00Z",
    "context": {"traits": {"email": "ann@example.com"}},
}


def nested(depth: int, inner: str = "1") -> Any:
    value: Any = inner
    for _ in range(depth):
        value = {"a": [value]}
    return value


BOMB = nested(50_000)
LARGE = "é" * 2_000_000  # 4 MB of UTF-8


@pytest.mark.parametrize("path", READ_PATHS)
def test_a_value_nested_100000_deep_is_harmless_anywhere(path: str) -> None:
    event = json.loads(json.dumps(WHOLE))
    put(event, path, BOMB)
    outcome(event, TransformConfig(dedup_key="properties.order_id"))


@pytest.mark.parametrize("path", READ_PATHS)
@pytest.mark.parametrize("text", [LARGE, "1" * 4_000_000], ids=["letters", "digits"])
def test_four_megabytes_of_text_are_harmless_anywhere(path: str, text: str) -> None:
    event = json.loads(json.dumps(WHOLE))
    put(event, path, text)
    outcome(event, TransformConfig())


@pytest.mark.parametrize("path", READ_PATHS)
@pytest.mark.parametrize(
    "number",
    [2**63, -(2**64), 10**30, 10**5000, math.inf, -math.inf, math.nan, 1e308, 5e-324],
    ids=["2**63", "-2**64", "10**30", "10**5000", "inf", "-inf", "nan", "1e308", "5e-324"],
)
def test_a_number_of_any_size_is_harmless_anywhere(path: str, number: float) -> None:
    event = json.loads(json.dumps(WHOLE))
    put(event, path, number)
    for conversion in outcome(event, TransformConfig(dedup_key="properties.order_id")):
        assert "nan" not in json.dumps(conversion).lower()


@pytest.mark.parametrize("path", READ_PATHS)
@pytest.mark.parametrize("text", ["\ud800", "a\udfff@b", "\ud83d\ude42 \ud83d"])
def test_a_lone_surrogate_is_harmless_anywhere(path: str, text: str) -> None:
    event = json.loads(json.dumps(WHOLE))
    put(event, path, text)
    put(event, "properties.products", [{"sku": text, "name": text}])
    outcome(event, TransformConfig(dedup_key="properties.order_id"))


def test_a_list_of_a_hundred_thousand_objects_gives_one_warning() -> None:
    event = json.loads(json.dumps(WHOLE))
    event["context"]["traits"]["phone"] = [{}] * 100_000
    conversion = transform(event, "checkout", TransformConfig(), NOW)
    assert [(w.code, w.field) for w in conversion.warnings] == [
        ("wrong_type", "context.traits.phone[0]")
    ]


def test_of_duplicate_keys_the_last_one_counts() -> None:
    text = (
        b'{"type":"track","event":"Lead","event":"Order Completed","timestamp":1,"timestamp":'
        b'1714557600,"messageId":"m","context":{"traits":{"email":"x","email":"ann@example.com"}}}'
    )
    event = orjson.loads(text)
    assert outcome(event, TransformConfig()) == [
        {
            "event_name": "checkout",
            "event_time": 1_714_557_600,
            "action_source": "web",
            "event_id": "m",
            "user_data": {"em": [sha256(b"ann@example.com").hexdigest()]},
        }
    ]


@example({"a": 1})
@given(st.dictionaries(st.text(max_size=3), SCALARS, max_size=3))
@settings(max_examples=50, database=None, deadline=None)
def test_a_generated_event_id_is_the_same_at_every_try(extra: dict[str, Any]) -> None:
    event = {**WHOLE, "messageId": None, "properties": extra}
    first, second = (transform(event, "checkout", TransformConfig(), NOW) for _ in range(2))
    assert first.fields["event_id"] == second.fields["event_id"]
    assert "event_id_generated" in {warning.code for warning in first.warnings}
