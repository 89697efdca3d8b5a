"""What a batch says once counts for each of its events, which may know better."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliveries.ingest.defaults import NO_DEFAULTS, BatchDefaults, read_defaults, with_defaults
from deliveries.ingest.envelope import Arrival, accept_event
from deliveries.models import Delivery, Event
from destinations.models import Destination, Source
from tests.deliveries.ingest.sender import Post, answer, stored
from tests.factories import make_event

LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", " ", "a", "b"])
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(["context", "integrations", "traits"]), VALUES)
BATCHES = OBJECTS | st.fixed_dictionaries({"sentAt": st.just("2026-11-28T10:00:00Z")})


def is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def wins(own: Any, merged: Any) -> bool:
    """Whether all that ``own`` says stands in ``merged``."""
    if is_missing(own):
        return True
    if isinstance(own, dict) and isinstance(merged, dict):
        return all(key in merged and wins(value, merged[key]) for key, value in own.items())
    return bool(own == merged)


def is_in(default: Any, merged: Any) -> bool:
    """Whether ``merged`` has something at every place where ``default`` has something."""
    if isinstance(default, dict) and isinstance(merged, dict):
        return all(
            is_missing(value) or is_in(value, merged.get(key)) for key, value in default.items()
        )
    return not is_missing(merged)


@given(OBJECTS, BATCHES)
def test_the_events_own_wins_and_no_default_is_lost(
    event: dict[str, Any], batch: dict[str, Any]
) -> None:
    before = repr((event, batch))
    defaults = read_defaults(batch)
    merged = with_defaults(event, defaults)
    assert repr((event, batch)) == before
    assert wins(event, merged)
    assert all(is_in(value, merged.get(name)) for name, value in defaults.objects.items())
    assert with_defaults(merged, defaults) is merged


def test_a_batch_without_defaults_costs_nothing() -> None:
    assert (
        read_defaults({"batch": [], "writeKey": "k", "context": {}, "traits": None}) is NO_DEFAULTS
    )
    event = {"context": {"ip": "203.0.113.7"}}
    assert with_defaults(event, BatchDefaults({"context": {"ip": "203.0.113.8"}})) is event


def test_an_event_gets_its_batchs_context_integrations_and_traits_key_by_key(
    post: Post, source: Source
) -> None:
    batch = {
        "batch": [
            make_event(
                messageId="m",
                type="track",
                context={"ip": None, "locale": "de-DE", "traits": {"phone": "+1 415 555 0123"}},
                integrations={"All": True},
            ),
            make_event(messageId="odd", type="track", context="text"),
        ],
        "context": {"ip": "203.0.113.7", "locale": "en-US", "traits": {"email": "a@example.com"}},
        "integrations": {"Amplitude": False},
        "traits": {"city": "Rome"},
        "sentAt": "2026-11-28T10:00:00Z",
    }
    assert answer(post("/v1/batch", batch)) == (200, "OK")
    event = stored(Event.objects.get(message_id="m"))
    assert event["context"] == {
        "ip": "203.0.113.7",
        "locale": "de-DE",
        "traits": {"phone": "+1 415 555 0123", "email": "a@example.com"},
    }
    assert event["integrations"] == {"All": True, "Amplitude": False}
    assert (event["traits"], event["sentAt"]) == ({"city": "Rome"}, "2026-11-28T10:00:00Z")
    assert stored(Event.objects.get(message_id="odd"))["context"] == "text"


def test_a_destination_switched_off_for_the_batch_gets_none_of_its_events(
    post: Post, source: Source, destination: Destination
) -> None:
    batch = {
        "batch": [
            make_event(messageId="off", type="track", integrations={"All": True}),
            make_event(messageId="on", type="track", integrations={"Pinterest Tag": True}),
        ],
        "integrations": {"Pinterest Tag": False},
    }
    assert answer(post("/v1/batch", batch)) == (200, "OK")
    assert dict(Delivery.objects.values_list("event__message_id", "status")) == {
        "off": "filtered",
        "on": "pending",
    }


def test_a_flaw_in_the_defaults_is_found_with_each_event_that_takes_them(
    post: Post, source: Source
) -> None:
    body = b'{"batch":[{"userId":"u","context":{"a":1}},{"userId":"u"}],"context":{"a":NaN}}'
    assert answer(post("/v1/batch", body)) == (200, "OK")
    assert stored(Event.objects.get())["context"] == {"a": 1}


def test_defaults_do_not_multiply_without_bound(post: Post, source: Source, settings: Any) -> None:
    batch: dict[str, Any] = {"batch": [{"userId": "u"}] * 50, "context": {"note": "x" * 20_000}}
    settings.MAX_REQUEST_BYTES = 499_000
    assert answer(post("/v1/batch", batch)) == (413, "request size exceeds max limit\n")
    settings.MAX_REQUEST_BYTES = 510_000
    assert answer(post("/v1/batch", batch)) == (200, "OK")


@pytest.mark.parametrize("sent_at", ["2026-01-01T13:00:00Z", 1767272400, "1767272400000"])
def test_the_sent_at_of_a_batch_corrects_a_missing_timestamp(
    post: Post, source: Source, monkeypatch: pytest.MonkeyPatch, sent_at: Any
) -> None:
    moment = datetime(2026, 1, 1, 12, tzinfo=UTC)
    monkeypatch.setattr("deliveries.ingest.views.timezone.now", lambda: moment)
    batch = {
        "batch": [
            make_event(messageId="1", type="track", originalTimestamp="2026-01-01T12:50:00Z"),
            make_event(messageId="2", type="track"),
        ],
        "sentAt": sent_at,
    }
    assert answer(post("/v1/batch", batch)) == (200, "OK")
    one, two = (stored(Event.objects.get(message_id=name)) for name in "12")
    assert one["timestamp"] == "2026-01-01T11:50:00.000Z"
    # It happened when it was sent; both are by the sender's clock.
    assert two["timestamp"] == "2026-01-01T12:00:00.000Z"
    assert two["originalTimestamp"] == sent_at


@given(
    st.fixed_dictionaries(
        {"userId": st.just("u")},
        optional={
            "messageId": st.sampled_from(["m", "", None, 7]),
            "type": st.sampled_from(["track", "Page", "", None]),
            "timestamp": st.sampled_from(["2026-11-28T10:00:00Z", "soon", "", None]),
            "originalTimestamp": st.sampled_from(["2026-11-28T09:00:00Z", "soon", ""]),
            "sentAt": st.sampled_from(["2026-11-28T11:00:00Z", 1767272400, "soon", None]),
            "receivedAt": st.sampled_from(["2026-11-28T08:00:00Z", ""]),
            "request_ip": st.sampled_from(["203.0.113.9", ""]),
        },
    )
)
def test_an_accepted_event_is_accepted_again_as_it_is(event: dict[str, Any]) -> None:
    """So the preview of a stored event, or an import of one, is about the same event."""
    first = accept_event(event, "", Arrival(datetime(2026, 11, 28, 12, tzinfo=UTC), "198.51.100.1"))
    later = Arrival(datetime(2026, 12, 24, tzinfo=UTC), "198.51.100.2")
    assert accept_event(first.event, "", later).event == first.event
