"""From a POST to Pinterest's word on each event: real processes, real sockets, both databases."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from tests.stack import Shop, Stack

SEED_PROPERTIES = {
    "event_id": "eventIDordercompleted",
    "order_id": "transactionId",
    "value": 35.00,
    "revenue": 31.98,
    "currency": "USD",
    "products": [
        {
            "product_id": "123454387",
            "price": 3.00,
            "quantity": 2,
            "currency": "USD",
            "position": 1,
            "value": 6.00,
        }
    ],
}
SEED_TRAITS = {
    "email": "alex@example.com",
    "lastname": "Keener",
    "firstname": "Alex",
    "action_source": "offline",
}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def event(message_id: str, **fields: Any) -> dict[str, Any]:
    """A track call with an email, as a server SDK posts it in a batch."""
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": message_id,
        "userId": f"user-of-{message_id}",
        "context": {"traits": {"email": f"{message_id}@example.com"}},
        **fields,
    }


def post_batch(stack: Stack, shop: Shop, events: list[dict[str, Any]]) -> None:
    answer = stack.post("/v1/batch", {"batch": events}, write_key=shop.write_key)
    assert (answer.status_code, answer.text) == (200, "OK")


def deliveries(stack: Stack, shop: Shop) -> dict[str, tuple[str, str, str, str]]:
    """message id -> (Pinterest event, status, error code, error message)"""
    found = stack.rows(
        "SELECT e.message_id, d.conversion_name, d.status, d.error_code, d.error_message "
        "FROM deliveries_delivery d JOIN deliveries_event e ON e.id = d.event_id "
        "WHERE d.destination_id = %s",
        shop.destination_id,
    )
    return {row[0]: row[1:] for row in found}


def requests_of(stack: Stack, shop: Shop) -> list[dict[str, Any]]:
    return [one for one in stack.sandbox.requests() if one["account"] == shop.advertiser_id]


def ledger_of(stack: Stack, shop: Shop) -> list[dict[str, Any]]:
    """Every entry that the sandbox holds for the shop, with its conversion, in one reading."""
    entries = stack.sandbox.ledger.page(limit=1_000_000, with_conversions=True)
    return [entry for entry in entries if entry["account"] == shop.advertiser_id]


def conversion(stack: Stack, event_id: str) -> dict[str, Any]:
    """The one conversion that the sandbox got under this event_id."""
    (entry,) = stack.sandbox.find(event_id)
    assert entry["outcome"] == "processed"
    return entry["conversion"]


def test_the_seed_order_is_delivered_as_checkout_within_ten_seconds_field_by_field(
    stack: Stack,
) -> None:
    shop = stack.add_shop(dedup_key="properties.event_id", app_id="429047995")
    started = time.time()
    answer = stack.post(
        "/v1/track",
        {
            "event": "Order Completed",
            "anonymousId": "anonymous-1",
            "properties": SEED_PROPERTIES,
            "context": {"traits": SEED_TRAITS},
        },
        write_key=shop.write_key,
    )
    assert (answer.status_code, answer.text) == (200, "OK")

    stack.wait_until(lambda: stack.statuses(shop) == {"delivered": 1}, seconds=10)

    sent = conversion(stack, "eventIDordercompleted")
    assert started - 2 <= sent.pop("event_time") <= time.time()
    assert sent == {
        "event_name": "checkout",
        "event_id": "eventIDordercompleted",
        "action_source": "offline",
        "app_id": "429047995",
        "user_data": {
            "em": [sha256("alex@example.com")],
            "fn": [sha256("alex")],
            "ln": [sha256("keener")],
            "external_id": [sha256("anonymous-1")],
        },
        "custom_data": {
            "currency": "USD",
            "value": "35",
            "order_id": "transactionId",
            "content_ids": ["123454387"],
            "contents": [{"id": "123454387", "item_price": "3", "quantity": 2}],
            "num_items": 2,
        },
    }


def test_pages_and_custom_events_arrive_under_the_names_that_the_seed_gives(stack: Stack) -> None:
    shop = stack.add_shop()
    page = {"anonymousId": "anonymous-2", "context": {"traits": SEED_TRAITS}, "name": "Best Seller"}
    for path, body in (
        ("/v1/page", {**page, "category": "Games", "messageId": "page-1"}),
        ("/v1/page", {**page, "messageId": "page-2"}),
        ("/v1/track", {**page, "event": "custom event", "messageId": "track-1"}),
    ):
        assert stack.post(path, body, write_key=shop.write_key).status_code == 200

    stack.wait_until(lambda: stack.statuses(shop) == {"delivered": 3})

    names = {found: conversion(stack, found)["event_name"] for found in ("page-1", "page-2")}
    assert names == {"page-1": "view_category", "page-2": "page_visit"}
    assert conversion(stack, "track-1")["event_name"] == "custom event"


def test_an_event_without_a_person_is_rejected_with_the_reason_and_never_sent(stack: Stack) -> None:
    shop = stack.add_shop()
    post_batch(stack, shop, [event("nobody", context={}, userId="u")])

    stack.wait_until(lambda: stack.statuses(shop) == {"rejected": 1})

    ((name, status, code, message),) = deliveries(stack, shop).values()
    assert (name, status, code) == ("checkout", "rejected", "missing_user_data")
    assert "email" in message.lower().replace("-", "")
    assert requests_of(stack, shop) == []


def test_one_poison_event_in_a_thousand_is_rejected_with_the_sandboxs_sentence_alone(
    stack: Stack,
) -> None:
    shop = stack.add_shop()
    with stack.sandbox.fault("poison=poisoned-617", account=shop.advertiser_id):
        post_batch(stack, shop, [event(f"poisoned-{number}") for number in range(500)])
        post_batch(stack, shop, [event(f"poisoned-{number}") for number in range(500, 1000)])
        stack.wait_until(lambda: stack.statuses(shop) == {"delivered": 999, "rejected": 1})

    settled = deliveries(stack, shop)
    rejected = {key: found for key, found in settled.items() if found[1] == "rejected"}
    assert list(rejected) == ["poisoned-617"]
    refusals = {one["message"] for one in requests_of(stack, shop) if one["status"] == 400}
    assert rejected["poisoned-617"][3] in refusals
    assert len(requests_of(stack, shop)) <= 2 * 10 + 2
    taken = sorted(entry["event_id"] for entry in ledger_of(stack, shop))
    assert taken == sorted(settled.keys() - {"poisoned-617"})


def test_2500_events_take_three_requests_and_the_ledger_equals_the_log(stack: Stack) -> None:
    shop = stack.add_shop()
    events = [event(f"many-{number}") for number in range(2500)]
    for start in range(0, 2500, 500):
        post_batch(stack, shop, events[start : start + 500])

    stack.wait_until(lambda: stack.statuses(shop) == {"delivered": 2500}, seconds=30)

    requests = requests_of(stack, shop)
    assert sum(one["processed"] for one in requests) == 2500
    assert len(requests) <= 3
    taken = {
        entry["event_id"]: (entry["outcome"], entry["conversion"]["user_data"]["em"])
        for entry in ledger_of(stack, shop)
    }
    assert taken == {
        one["messageId"]: ("processed", [sha256(f"{one['messageId']}@example.com")])
        for one in events
    }
    assert deliveries(stack, shop).keys() == taken.keys()


def test_a_wrong_token_pauses_the_destination_and_after_the_fix_everything_arrives(
    stack: Stack,
) -> None:
    shop = stack.add_shop(conversion_token="bad-token")
    post_batch(stack, shop, [event(f"held-{number}") for number in range(20)])

    def paused() -> list[tuple[Any, ...]]:
        return stack.rows(
            "SELECT paused_code, paused_reason FROM destinations_destination "
            "WHERE id = %s AND paused_at IS NOT NULL",
            shop.destination_id,
        )

    assert stack.wait_until(paused) == [("unauthorised", "Authentication failed.")]
    stack.wait_until(lambda: stack.statuses(shop) == {"pending": 20})
    attempts = stack.rows(
        "SELECT max(attempt_count) FROM deliveries_delivery WHERE destination_id = %s",
        shop.destination_id,
    )
    assert attempts == [(0,)]  # it was not their fault

    stack.manage(
        "shell",
        "--verbosity",
        "0",
        "-c",
        "from deliveries.actions.operations import resume\n"
        "from destinations.models import Destination\n"
        f"found = Destination.objects.get(pk={shop.destination_id})\n"
        "found.conversion_token = 'good-token'\n"
        "found.save()\n"
        "resume(found.pk)\n",
    )

    stack.wait_until(lambda: stack.statuses(shop) == {"delivered": 20})
    assert paused() == []
    assert all(len(stack.sandbox.find(f"held-{number}")) == 1 for number in range(20))


def test_a_repeated_message_id_is_delivered_once(stack: Stack) -> None:
    shop = stack.add_shop()
    for _ in range(3):
        post_batch(stack, shop, [event("again"), event("again")])

    stack.wait_until(lambda: stack.statuses(shop) == {"delivered": 1})

    assert len(stack.sandbox.find("again")) == 1
