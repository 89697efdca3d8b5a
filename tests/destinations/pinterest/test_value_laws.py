"""Laws that hold for the values of an event, whatever they are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.pinterest.transform import TransformConfig, transform
from tests.destinations.pinterest import golden
from tests.destinations.pinterest.field_cases import value_at

NOW = 1_714_557_600.0
EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Lead",
    "messageId": "m-1",
    "receivedAt": "2024-05-01T10:00:00Z",
    "context": {"traits": {"email": "ann@example.com"}},
}
# What no field can use, whatever its type.
NOTHING = st.sampled_from([None, False, "", "  ", "\t\n", {}, [], {"a": 1}])
# For each field: its paths, what no path of it can use, and a value that any of them can.
FIELDS: dict[str, tuple[tuple[str, ...], tuple[Any, ...], Any]] = {
    "event_time": (
        ("timestamp", "originalTimestamp"),
        (0, -1, "0001-01-01T00:00:00Z", "11/12/2024", "yesterday", 2024, "12:00", True),
        "2024-05-01T09:59:00Z",
    ),
    "language": (
        ("properties.language", "context.traits.language", "context.locale"),
        ("c", "klingon", 7, "*", "en;q=0"),
        "de-AT",
    ),
    "user_data.client_ip_address": (
        ("context.ip", "context.requestIP", "properties.ip", "properties.clientIpAddress"),
        ("10.0.0.1", "::1", "unknown", "203.0.113.0/24", "127.0.0.1, fe80::1", 7, True),
        "203.0.113.7",
    ),
    "user_data.click_id": (
        ("properties.clickId", "properties.epik", "context.epik", "context._epik"),
        (),
        "dj0yJnU9",
    ),
    "user_data.country": (
        ("traits.address.country", "context.traits.address.country", "traits.country"),
        ("Atlantis", "xx", "??", "Germany, Austria", True),
        "Deutschland",
    ),
    "user_data.st": (
        ("traits.address.state", "context.traits.address.state", "traits.state"),
        ("Atlantis", "xx", "??", "12", True),
        "California",
    ),
    "custom_data.value": (
        ("properties.value", "properties.total", "properties.revenue"),
        (0, -1, "0.00", "-5", "1,000", "2 for 1", "NaN", True, [35]),
        "35.00",
    ),
    "custom_data.order_id": (("properties.order_id", "properties.orderId"), (), "1001"),
    "custom_data.num_items": (
        ("properties.numOfItems", "properties.num_items"),
        (-1, "1,000", 2.5, "three", True),
        3,
    ),
}


def conversion_with(values: dict[str, Any]) -> dict[str, Any]:
    event = EVENT
    for path, value in values.items():
        event = golden.with_value(event, path, value)
    return transform(event, "lead", TransformConfig(), NOW).fields


@pytest.mark.parametrize("field", FIELDS)
@given(data=st.data())
def test_an_unusable_value_never_hides_a_usable_one(field: str, data: st.DataObject) -> None:
    paths, unusable, usable = FIELDS[field]
    junk = st.one_of(NOTHING, st.sampled_from(unusable)) if unusable else NOTHING
    position = data.draw(st.integers(0, len(paths) - 1))
    values = {path: data.draw(junk) for path in paths[:position]}
    alone = value_at(conversion_with({paths[position]: usable}), field)
    assert alone is not None
    assert value_at(conversion_with({**values, paths[position]: usable}), field) == alone


@pytest.mark.parametrize("field", sorted(set(FIELDS) - {"event_time"}))
@given(data=st.data())
def test_unusable_values_alone_are_no_value(field: str, data: st.DataObject) -> None:
    paths, unusable, _ = FIELDS[field]
    junk = st.one_of(NOTHING, st.sampled_from(unusable)) if unusable else NOTHING
    assert value_at(conversion_with({path: data.draw(junk) for path in paths}), field) is None


REFUSALS = st.sampled_from(["0.0.0.0", "::", "0.0.0.0:0", "::ffff:0.0.0.0", "[::]", ["0.0.0.0"], 0])


@given(refusal=REFUSALS, data=st.data())
def test_a_refusal_at_any_path_keeps_every_address_back(refusal: Any, data: st.DataObject) -> None:
    paths = FIELDS["user_data.client_ip_address"][0]
    position = data.draw(st.integers(0, len(paths) - 1))
    values: dict[str, Any] = dict.fromkeys(paths, "203.0.113.7")
    values |= {"channel": "web", "request_ip": "203.0.113.8", paths[position]: refusal}
    assert value_at(conversion_with(values), "user_data.client_ip_address") is None


TRACKING = st.sampled_from([None, True, False, 1, 0, "yes", "no", "maybe"])
STATUS = st.sampled_from([None, 0, 1, 2, 3, "authorized", "denied", "notDetermined", 9])


@given(enabled=TRACKING, status=STATUS, segment=STATUS)
def test_one_no_to_tracking_is_a_no(enabled: Any, status: Any, segment: Any) -> None:
    device = {"adTrackingEnabled": enabled, "attTrackingStatus": status, "trackingStatus": segment}
    fields = conversion_with({f"context.device.{key}": value for key, value in device.items()})
    denied = {1, 2, "denied"}
    says_no = enabled in (False, "no") and enabled is not None
    says_no = says_no or status in denied or segment in denied
    says_yes = enabled in (True, "yes") or {status, segment} & {3, "authorized"}
    assert fields.get("opt_out") is (True if says_no else False if says_yes else None)
