"""One event or a batch comes in: what is stored, what is owed, what is answered."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from deliveries.models import Delivery, Event, Refusal
from destinations.models import Destination, Source
from tests.deliveries.ingest.sender import Post, answer, stored
from tests.factories import make_destination, make_event, make_source

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def test_an_event_is_stored_with_its_delivery_and_answered_ok(
    post: Post, source: Source, destination: Destination
) -> None:
    response = post("/v1/track", make_event(messageId="m-1"))
    assert answer(response) == (200, "OK")
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["Content-Length"] == "2"
    event = Event.objects.get()
    assert (event.source_id, event.message_id, event.type, event.name) == (
        source.pk,
        "m-1",
        "track",
        "Order Completed",
    )
    delivery = Delivery.objects.get()
    assert (delivery.event_id, delivery.destination_id, delivery.conversion_name) == (
        event.pk,
        destination.pk,
        "checkout",
    )
    assert (delivery.status, delivery.due_at, delivery.attempt_count, delivery.warnings) == (
        "pending",
        event.received_at,
        0,
        [],
    )
    assert delivery.settled_at is None


def test_what_came_in_is_stored_unchanged_and_only_added_to(post: Post, source: Source) -> None:
    sent = {
        "userId": "ü-1",
        "event": "Order Completed",
        "properties": {"value": 35.5, "nothing": None, "list": [1, [2]], "": "empty key"},
        "context": {"traits": {"email": "Alex@Example.com"}},
    }
    assert answer(post("/v1/track", sent)) == (200, "OK")
    kept = stored(Event.objects.get())
    added = {key: kept.pop(key) for key in set(kept) - set(sent)}
    assert kept == sent
    assert set(added) == {"messageId", "type", "receivedAt", "timestamp", "request_ip"}
    assert UUID4.fullmatch(added["messageId"])
    assert (added["type"], added["request_ip"]) == ("track", "127.0.0.1")
    assert MOMENT.fullmatch(added["receivedAt"])
    assert added["timestamp"] == added["receivedAt"]


def test_fields_that_the_sender_set_are_not_overwritten(post: Post, source: Source) -> None:
    sent = make_event(
        messageId="  m-1 ",
        receivedAt="2020-01-01T00:00:00.000Z",
        request_ip="203.0.113.9",
        timestamp="2020-01-01 00:00",
        type=" Track ",
    )
    assert answer(post("/v1/track", sent)) == (200, "OK")
    event = Event.objects.get()
    assert stored(event) == sent
    assert (event.message_id, event.type) == ("m-1", "track")


@pytest.mark.parametrize("blank", [None, "", " \u200b"])
def test_null_and_blank_fields_count_as_missing(post: Post, source: Source, blank: Any) -> None:
    sent = {
        "userId": "u",
        "type": blank,
        "messageId": blank,
        "timestamp": blank,
        "receivedAt": blank,
        "request_ip": blank,
    }
    assert answer(post("/v1/page", sent)) == (200, "OK")
    kept = stored(Event.objects.get())
    assert UUID4.fullmatch(kept["messageId"])
    assert MOMENT.fullmatch(kept["receivedAt"])
    assert MOMENT.fullmatch(kept["timestamp"])
    assert (kept["type"], kept["request_ip"]) == ("page", "127.0.0.1")


def test_the_path_names_the_type_and_what_the_event_said_is_kept(
    post: Post, source: Source
) -> None:
    assert answer(post("/v1/screen", make_event(type="track", name="Home"))) == (200, "OK")
    event = Event.objects.get()
    assert event.type == "screen"
    assert (stored(event)["type"], stored(event)["originalType"]) == ("screen", "track")


@pytest.mark.parametrize(
    ("path", "event_type"),
    [
        ("/v1/track", "track"),
        ("/v1/page", "page"),
        ("/v1/screen", "screen"),
        ("/v1/identify", "identify"),
        ("/v1/group", "group"),
        ("/v1/alias", "alias"),
        ("/v1/merge", "merge"),
        ("/v1/t", "track"),
        ("/v1/p", "page"),
        ("/v1/s", "screen"),
        ("/v1/i", "identify"),
        ("/v1/g", "group"),
        ("/v1/a", "alias"),
    ],
)
def test_every_path_of_one_event_takes_it(
    post: Post, source: Source, path: str, event_type: str
) -> None:
    assert answer(post(path, {"anonymousId": "a"})) == (200, "OK")
    assert Event.objects.get().type == event_type


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/import", "/v1/b"])
def test_events_of_a_batch_name_their_own_types(post: Post, source: Source, path: str) -> None:
    batch = {
        "batch": [
            make_event(messageId="1", type="track"),
            make_event(messageId="2", type="Page", name="Best Seller"),
            make_event(messageId="3", type="no such type, and longer than its column"),
            {"userId": "u", "messageId": "4"},
        ],
        "sentAt": "2026-01-01T00:00:00Z",
    }
    assert answer(post(path, batch)) == (200, "OK")
    assert dict(Event.objects.values_list("message_id", "type")) == {
        "1": "track",
        "2": "page",
        "3": "no such type, and lo",
        "4": "",
    }
    assert "type" not in stored(Event.objects.get(message_id="4"))


def test_a_message_id_is_taken_once_within_a_batch_and_across_requests(
    post: Post, source: Source, destination: Destination
) -> None:
    event = make_event(messageId="m", event="Order Completed")
    assert answer(post("/v1/batch", {"batch": [event, event]})) == (200, "OK")
    assert answer(post("/v1/track", event)) == (200, "OK")
    assert Event.objects.get().name == "Order Completed"
    assert Delivery.objects.get().conversion_name == "checkout"


def test_two_sources_may_use_the_same_message_id(post: Post, source: Source) -> None:
    make_source(write_key="other")
    assert answer(post("/v1/track", make_event(messageId="m"))) == (200, "OK")
    assert answer(post("/v1/track", make_event(messageId="m"), write_key="other")) == (200, "OK")
    assert Event.objects.count() == 2


def test_one_delivery_for_each_destination_and_name_of_the_event_map(
    post: Post, source: Source
) -> None:
    make_destination(sources=[source], name="A", event_map={"Order Completed": "checkout"})
    two = make_destination(sources=[source], name="B", event_map={"order completed": "lead"})
    two.event_mappings.create(
        source_event_name="Order Completed", pinterest_event_name="my_checkout"
    )
    make_destination(sources=[source], name="C", enabled=False)
    make_destination(name="D of another source")
    assert answer(post("/v1/track", make_event())) == (200, "OK")
    names = Delivery.objects.values_list("destination__name", "conversion_name")
    assert sorted(names) == [("A", "checkout"), ("B", "lead"), ("B", "my_checkout")]


def test_an_event_that_is_not_for_pinterest_gets_a_filtered_delivery_that_says_why(
    post: Post, source: Source, destination: Destination, rung: list[set[int]]
) -> None:
    assert answer(post("/v1/identify", {"userId": "u"})) == (200, "OK")
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.due_at, delivery.error_stage, delivery.error_code) == (
        "filtered",
        None,
        "transform",
        "unsupported_type",
    )
    assert delivery.settled_at is not None
    assert rung == []


def test_an_event_name_that_no_column_holds_is_a_rejected_delivery(
    post: Post, source: Source, destination: Destination
) -> None:
    name = "x" * 101
    assert answer(post("/v1/track", make_event(event=name))) == (200, "OK")
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.error_code) == ("rejected", "event_name_too_long")
    assert stored(Event.objects.get())["event"] == name


def test_a_nul_in_an_event_name_vanishes_before_it_is_sent(
    post: Post, source: Source, destination: Destination
) -> None:
    assert answer(post("/v1/track", make_event(event="a\x00b"))) == (200, "OK")
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.conversion_name) == ("pending", "ab")
    assert stored(Event.objects.get())["event"] == "a\x00b"


def test_the_wake_up_comes_after_the_commit_for_destinations_with_something_to_send(
    post: Post,
    source: Source,
    destination: Destination,
    rung: list[set[int]],
    django_capture_on_commit_callbacks: Any,
) -> None:
    make_destination(sources=[source], unmapped_events="filter")
    with django_capture_on_commit_callbacks() as callbacks:
        post("/v1/track", make_event(event="My own event"))
    assert rung == []
    for callback in callbacks:
        callback()
    assert rung == [{destination.pk}]


def test_one_bad_event_of_a_batch_is_refused_by_itself(
    post: Post, source: Source, destination: Destination
) -> None:
    batch = [
        make_event(messageId="good-1"),
        "no object",
        {"messageId": "nobody", "event": "Order Completed"},
        make_event(messageId="x" * 256),
        make_event(messageId=["a list"]),
        make_event(messageId=True),
        make_event(messageId="good-2\x00"),
    ]
    assert answer(post("/v1/batch", {"batch": batch})) == (200, "OK")
    assert set(Event.objects.values_list("message_id", flat=True)) == {"good-1", "good-2"}
    assert Delivery.objects.count() == 2
    assert list(
        Refusal.objects.order_by("id").values_list("source_id", "code", "field", "message")
    ) == [
        (source.pk, "not_an_object", "", "An event must be a JSON object."),
        (source.pk, "missing_identity", "userId", "An event needs a userId or an anonymousId."),
        (
            source.pk,
            "message_id_too_long",
            "messageId",
            "A messageId can have at most 255 characters.",
        ),
        (source.pk, "invalid_message_id", "messageId", "A messageId must be text."),
        (source.pk, "invalid_message_id", "messageId", "A messageId must be text."),
    ]


def test_a_refusal_has_a_short_excerpt_without_what_describes_the_person(
    post: Post, source: Source
) -> None:
    sent = {
        "event": "Order Completed",
        "properties": {"note": "ask alex@example.com", "long": "y" * 600, "more": ["z" * 90] * 9},
        "traits": {"email": "alex@example.com"},
        "context": {"ip": "203.0.113.9", "traits": {"firstName": "Alex"}},
    }
    assert post("/v1/track", sent).status_code == 400
    excerpt = Refusal.objects.get().excerpt
    assert excerpt.startswith('{"event":"Order Completed","properties":{"note":"ask (email)"')
    assert len(excerpt) == 500
    for personal in ("example.com", "203.0.113.9", "Alex"):
        assert personal not in excerpt


def test_a_number_is_a_message_id_and_stays_a_number(post: Post, source: Source) -> None:
    assert answer(post("/v1/track", make_event(messageId=42))) == (200, "OK")
    event = Event.objects.get()
    assert event.message_id == "42"
    assert stored(event)["messageId"] == 42


@pytest.mark.parametrize(
    ("batch", "text"),
    [
        ([{"type": "track"}, 7], "request neither has anonymousId nor userId"),
        ([7, {"type": "track"}], "event is not a valid rudder event"),
        ([{"userId": None, "anonymousId": " "}], "request neither has anonymousId nor userId"),
        ([[], None], "event is not a valid rudder event"),
    ],
)
def test_if_no_event_can_be_taken_the_first_reason_is_answered(
    post: Post, source: Source, batch: list[Any], text: str
) -> None:
    assert answer(post("/v1/batch", {"batch": batch})) == (400, text + "\n")
    assert Event.objects.count() == 0
    assert Refusal.objects.count() == len(batch)


@pytest.mark.parametrize("identity", [{"userId": 0}, {"anonymousId": 7.5}, {"userId": "\u200bx"}])
def test_an_identity_may_be_a_number(post: Post, source: Source, identity: dict[str, Any]) -> None:
    assert answer(post("/v1/track", identity)) == (200, "OK")


def test_a_flood_of_wrong_events_leaves_a_bounded_number_of_refusals(
    post: Post, source: Source
) -> None:
    assert post("/v1/batch", {"batch": [0] * 1500}).status_code == 400
    assert Refusal.objects.count() == 1000
    last = Refusal.objects.order_by("id").last()
    assert (last.code, last.message) == (
        "more_refusals",
        "501 more events in the same request were invalid.",
    )


def test_more_events_than_one_request_may_hold_are_answered_413(post: Post, source: Source) -> None:
    body = b'{"batch":[' + b",".join([b"{}"] * 20_001) + b"]}"
    assert answer(post("/v1/batch", body)) == (413, "request size exceeds max limit\n")
    assert (Event.objects.count(), Refusal.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        # The clock of the sender is an hour ahead: the event is ten minutes old all the same.
        (
            {
                "originalTimestamp": "2026-01-01T12:50:00.000Z",
                "sentAt": "2026-01-01T13:00:00.000+00:00",
            },
            "2026-01-01T11:50:00.000Z",
        ),
        ({"originalTimestamp": "2026-01-01T10:00:00Z"}, "2026-01-01T10:00:00.000Z"),
        ({"originalTimestamp": "last week", "sentAt": "soon"}, "2026-01-01T12:00:00.000Z"),
        ({}, "2026-01-01T12:00:00.000Z"),
        (
            {"originalTimestamp": "0001-01-01T00:00:00Z", "sentAt": "9999-12-31T23:59:59Z"},
            "2026-01-01T12:00:00.000Z",
        ),
    ],
)
def test_a_missing_timestamp_is_computed_with_the_senders_clock_corrected(
    post: Post,
    source: Source,
    monkeypatch: pytest.MonkeyPatch,
    sent: dict[str, Any],
    expected: str,
) -> None:
    from datetime import UTC, datetime

    moment = datetime(2026, 1, 1, 12, tzinfo=UTC)
    monkeypatch.setattr("deliveries.ingest.views.timezone.now", lambda: moment)
    assert answer(post("/v1/track", make_event(**sent))) == (200, "OK")
    event = Event.objects.get()
    kept = stored(event)
    assert kept["timestamp"] == expected
    assert {key: kept[key] for key in sent} == sent
    assert ("sentAt" in kept) == ("sentAt" in sent)
    assert event.received_at == moment


@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch", "/beacon/v1/batch"])
def test_a_wrong_method_is_answered_405_in_plain_text(
    client: Client, source: Source, path: str
) -> None:
    response = client.get(path)
    assert answer(response) == (405, "Method Not Allowed\n")
    assert response["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/", "/beacon/v2", "/v1/track/x"])
def test_an_unknown_path_is_answered_404_in_plain_text(post: Post, path: str) -> None:
    assert answer(post(path, {})) == (404, "404 page not found\n")
