"""One message ID, several events: repeats are stored once, and nothing that is new gets lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from deliveries.ingest import store
from deliveries.models import Delivery, Event, Refusal
from destinations.models import Destination, Source
from tests.deliveries.ingest.sender import WRITE_KEY, Post, answer, stored
from tests.factories import make_event

FAKE = {"userId": "stranger", "properties": {"order_id": "1001", "value": 0.01, "currency": "USD"}}


def make_order(**fields: Any) -> dict[str, Any]:
    """A sender's order under a message ID that can be guessed."""
    order = make_event(
        messageId="order-1001",
        userId="customer-1",
        timestamp="2026-11-28T05:00:00Z",
        properties={"order_id": "1001", "value": 250.0, "currency": "USD"},
        context={"traits": {"email": "alex@example.com"}},
    )
    return {**order, **fields}


def kept() -> list[dict[str, Any]]:
    return [stored(event) for event in Event.objects.order_by("pk")]


@pytest.mark.django_db(transaction=True)
def test_an_order_whose_message_id_a_stranger_used_first_is_kept_and_delivered(
    post: Post, source: Source, destination: Destination, rung: list[set[int]]
) -> None:
    post("/v1/track", make_order(**FAKE))
    rung.clear()
    assert answer(post("/v1/track", make_order())) == (200, "OK")

    fake, order = Event.objects.order_by("pk")
    assert fake.message_id == "order-1001"
    assert order.message_id.startswith("order-1001#")
    assert stored(order)["messageId"] == "order-1001"  # what came in is not changed
    assert stored(order)["userId"] == "customer-1"
    delivery = Delivery.objects.get(event=order)
    assert (delivery.destination_id, delivery.status) == (destination.pk, "pending")
    assert rung == [{destination.pk}]
    note = Refusal.objects.get()
    assert (note.code, note.field, note.source_id) == (
        "message_id_conflict",
        "messageId",
        source.pk,
    )
    assert order.message_id in note.message
    assert "250.0" in note.excerpt
    assert "alex@example.com" not in note.excerpt


def test_what_is_different_in_a_repeat_of_the_same_event_does_not_count(
    post: Post, source: Source, destination: Destination
) -> None:
    first = make_order(
        sentAt="2026-11-28T05:00:01Z", originalTimestamp="2026-11-28T05:00:00Z", _metadata={}
    )
    repeats = [
        make_order(sentAt="2026-11-28T05:09:00Z", _metadata={"retryCount": 2}),
        # Another order of keys, and none of what was added on the way.
        dict(reversed(make_order().items())),
        {key: value for key, value in make_order().items() if key != "timestamp"},
    ]
    post("/v1/track", first, REMOTE_ADDR="203.0.113.7")
    for repeat in repeats:
        assert answer(post("/v1/track", repeat, REMOTE_ADDR="203.0.113.8")) == (200, "OK")
        assert answer(post("/v1/batch", {"batch": [repeat, repeat]})) == (200, "OK")
    assert (Event.objects.count(), Delivery.objects.count(), Refusal.objects.count()) == (1, 1, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"userId": "stranger"},
        {"anonymousId": "a-1"},
        {"event": "Product Added"},
        {"properties": {"order_id": "1001", "value": 250.01, "currency": "USD"}},
        {"context": {"traits": {"email": "stranger@example.com"}}},
        {"integrations": {"All": False}},
    ],
)
def test_whatever_else_is_different_makes_another_event(
    post: Post, source: Source, change: dict[str, Any]
) -> None:
    post("/v1/track", make_order(**change))
    post("/v1/track", make_order())
    assert Event.objects.count() == 2
    assert Refusal.objects.get().code == "message_id_conflict"


def test_a_repeat_of_the_other_event_is_stored_once_and_noted_once(
    post: Post, source: Source, destination: Destination
) -> None:
    post("/v1/track", make_order(**FAKE))
    for number in range(3):
        post("/v1/track", make_order(sentAt=f"2026-11-28T05:00:0{number}Z"))
    post("/v1/track", make_order(**FAKE))
    assert [event["userId"] for event in kept()] == ["stranger", "customer-1"]
    assert (Delivery.objects.count(), Refusal.objects.count()) == (2, 1)


def test_several_others_are_all_kept(post: Post, source: Source, destination: Destination) -> None:
    people = [f"person-{number}" for number in range(5)]
    batch = [make_order(userId=person) for person in people for _ in range(2)]
    assert answer(post("/v1/batch", {"batch": batch})) == (200, "OK")
    assert answer(post("/v1/batch", {"batch": batch})) == (200, "OK")
    assert sorted(event["userId"] for event in kept()) == people
    assert (Delivery.objects.count(), Refusal.objects.count()) == (5, 4)


def test_requests_that_share_a_transaction_keep_both(
    post: Post, source: Source, destination: Destination
) -> None:
    intakes = []

    def collect(intake: store.Intake) -> None:
        intakes.append(intake)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store._groups, "submit", collect)
        for order in (make_order(**FAKE), make_order(), make_order(sentAt="2026-11-28T05:01:00Z")):
            post("/v1/track", order)
    assert store.write_intakes(intakes) == {destination.pk}
    assert [event["userId"] for event in kept()] == ["stranger", "customer-1"]
    assert (Delivery.objects.count(), Refusal.objects.count()) == (2, 1)


def test_a_long_message_id_still_fits(post: Post, source: Source) -> None:
    for fields in (FAKE, {}):
        post("/v1/track", make_order(messageId="é" * 255, **fields))
    assert [len(event.message_id) for event in Event.objects.all()] == [255, 255]


def test_an_event_whose_body_has_gone_is_known_by_its_type_and_name(
    post: Post, source: Source
) -> None:
    post("/v1/track", make_order(**FAKE))
    Event.objects.update(body=None)
    post("/v1/track", make_order())  # nothing tells them apart any more
    assert Event.objects.count() == 1
    post("/v1/track", make_order(event="Order Refunded"))
    assert Event.objects.count() == 2


def test_a_pixel_can_take_no_ones_place(client: Client, post: Post, source: Source) -> None:
    query = {"writeKey": WRITE_KEY, "messageId": "order-1001", "anonymousId": "x", "event": "Order"}
    client.get("/pixel/v1/track", query)
    post("/v1/track", make_order())
    assert Event.objects.count() == 2


@pytest.mark.parametrize("count", [3, 300])
def test_the_number_of_statements_does_not_grow_with_repeats_and_conflicts(
    post: Post, source: Source, destination: Destination, count: int
) -> None:
    """A look at what is stored; for others a look at what of them is, and the second write."""
    batch = [make_order(messageId=f"m-{number}") for number in range(count)]
    others = [{**event, "userId": "another"} for event in batch]
    on_postgresql = connection.vendor == "postgresql"
    queries = {}
    for name, events in (("new", batch), ("repeats", batch), ("others", others), ("again", others)):
        with CaptureQueriesContext(connection) as captured:
            assert answer(post("/v1/batch", {"batch": events})) == (200, "OK")
        queries[name] = len(
            [
                one
                for one in captured
                if "SAVEPOINT" not in one["sql"] and "destinations_" not in one["sql"]
            ]
        )
    assert queries == {
        "new": 1 if on_postgresql else 3,
        "repeats": 2,
        "others": 3 + (1 if on_postgresql else 4),
        "again": 3,
    }
    assert Event.objects.count() == 2 * count


@pytest.mark.django_db(transaction=True)
def test_senders_at_the_same_moment_lose_nothing(
    source: Source, destination: Destination, client: Client
) -> None:
    def send(number: int) -> int:
        from tests.deliveries.ingest.sender import basic

        order = make_order(userId=f"person-{number % 8}", sentAt=f"2026-11-28T05:00:{number:02}Z")
        try:
            response = Client().post(
                "/v1/track",
                order,
                content_type="application/json",
                headers={"Authorization": basic(WRITE_KEY)},
            )
            return response.status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(48))) == {200}
    assert sorted(event["userId"] for event in kept()) == [f"person-{n}" for n in range(8)]
    assert Delivery.objects.count() == 8
