"""Consent, event rules and bots on an event's way: when it comes in, and before each attempt."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from deliveries.actions.operations import retry
from deliveries.actions.replay import replay_events
from deliveries.engine.dispatch import deliver_batch
from deliveries.models import Attempt, Delivery, Event, Person, Refusal, SearchKey, Tally
from destinations.models import Destination, EventRuleRow, Source
from destinations.routing import forget_routes
from pinterest_sandbox.sandbox import Sandbox
from tests.deliveries.ingest.sender import Post, answer, stored
from tests.factories import make_destination, make_event

DENIED = {"consent": {"ad_storage": "denied"}}
GRANTED = {"consent": {"ad_storage": "granted", "ad_user_data": "granted"}}
PERSON = {"traits": {"email": "ann@example.com"}}
CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def change(destination: Destination, **fields: Any) -> None:
    Destination.objects.filter(pk=destination.pk).update(**fields)
    forget_routes()


def send(post: Post, **context: Any) -> None:
    assert answer(post("/v1/track", make_event(context={**PERSON, **context}))) == (200, "OK")


def deliver(destination: Destination) -> int:
    """Send what is due half a minute from now: young events wait for company."""
    return deliver_batch(destination.pk, clock=lambda: timezone.now() + timedelta(seconds=30))


def only() -> Delivery:
    return Delivery.objects.get()


def add_rules(destination: Destination, *rows: tuple[str, str, str, str]) -> None:
    for position, (action, path, operator, value) in enumerate(rows, start=1):
        EventRuleRow.objects.create(
            destination=destination,
            position=position,
            action=action,
            path=path,
            operator=operator,
            value=value,
        )
    forget_routes()


def test_an_event_without_consent_is_filtered_when_it_comes_in(
    post: Post, source: Source, destination: Destination, rung: list[set[int]]
) -> None:
    change(destination, consent_mode="as_sender")
    send(post, **DENIED)
    delivery = only()
    assert (delivery.status, delivery.error_stage, delivery.error_code) == (
        "filtered",
        "transform",
        "consent_denied",
    )
    assert delivery.error_message == "Consent was denied: context.consent.ad_storage is “denied”."
    assert (delivery.conversion_name, delivery.due_at, rung) == ("", None, [])
    assert stored(Event.objects.get())["context"] == PERSON | DENIED
    assert Tally.objects.filter(metric="filtered:consent_denied").exists()


def test_what_a_destination_from_before_does_stays_as_it_was(source: Source) -> None:
    new = make_destination(sources=[source])
    assert (new.bots, new.consent_mode, new.us_privacy) == ("filter", "off", "ignore")
    columns = ", ".join(
        f"{name} = DEFAULT" for name in ("bots", "consent_mode", "us_privacy", "event_list")
    )
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no DEFAULT in an UPDATE")
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE destinations_destination SET {columns}")
    old = Destination.objects.get(pk=new.pk)
    assert (old.bots, old.consent_mode, old.us_privacy, old.event_list) == (
        "send",
        "off",
        "ignore",
        "off",
    )
    assert old.transform_config().gates is None


def test_every_attempt_asks_again(
    post: Post, source: Source, destination: Destination, sandbox: Sandbox
) -> None:
    send(post, **DENIED)
    assert only().status == "pending"
    change(destination, consent_mode="as_sender")
    assert deliver(destination) == 1
    delivery = only()
    assert (delivery.status, delivery.error_code, delivery.conversion_name) == (
        "filtered",
        "consent_denied",
        "checkout",
    )
    assert delivery.attempt_count == Attempt.objects.count() == 0
    assert sandbox.requests() == []

    assert retry(Delivery.objects.all()) == 1  # asked again, and the answer is the same
    assert deliver(destination) == 1
    assert only().status == "filtered"

    change(destination, consent_mode="off")
    assert retry(Delivery.objects.all()) == 1
    assert deliver(destination) == 1
    assert only().status == "delivered"


def test_a_retry_or_replay_of_what_never_had_a_name_asks_again(
    post: Post, source: Source, destination: Destination
) -> None:
    change(destination, consent_mode="strict")
    send(post)
    assert only().error_code == "consent_missing"
    now = timezone.now()
    ids = list(Event.objects.values_list("pk", flat=True))
    assert retry(Delivery.objects.all()) == 0
    destination.refresh_from_db()
    assert replay_events(ids, destination, now, retries_undelivered=True) == 0
    assert only().error_code == "consent_missing"
    change(destination, consent_mode="as_sender")
    assert retry(Delivery.objects.all()) == 1
    assert (only().status, only().conversion_name) == ("pending", "checkout")


def test_rules_filter_by_their_order_and_the_first_says_why(
    post: Post, source: Source, destination: Destination
) -> None:
    add_rules(
        destination,
        ("send", "properties.coupon", "exists", ""),
        ("block", "properties.total", "lt", "5"),
        ("and", "event", "is", "Order Completed"),
    )
    for properties in ({"total": 1, "coupon": "X"}, {"total": 9}, {"total": 1}):
        event = make_event(context=PERSON, properties=properties)
        assert answer(post("/v1/track", event)) == (200, "OK")
    assert [one.error_message for one in Delivery.objects.order_by("pk")] == [
        "",
        "",
        "Rule 2 doesn't send it: properties.total is less than 5 (it's 1) and event is "
        "“Order Completed”.",
    ]


def test_a_bot_is_filtered_or_marked(
    post: Post, source: Source, destination: Destination, sandbox: Sandbox
) -> None:
    send(post, userAgent=CRAWLER)
    assert (only().status, only().error_code) == ("filtered", "bot")
    Delivery.objects.all().delete()
    change(destination, bots="mark")
    send(post, userAgent=CRAWLER)
    assert deliver(destination) == 1
    assert only().status == "delivered"
    assert [warning["code"] for warning in only().warnings] == ["bot_suspected"]


def test_limited_data_processing_reaches_pinterest(
    post: Post, source: Source, destination: Destination, sandbox: Sandbox
) -> None:
    change(destination, us_privacy="limit")
    send(post, gpc=True)
    assert deliver(destination) == 1
    (entry,) = sandbox.find(sandbox.event_ids()[0])
    assert entry["conversion"]["custom_data"]["opt_out_type"] == "LDP"
    assert [warning["code"] for warning in only().warnings] == ["ldp_incomplete"]


def test_nothing_is_kept_of_an_event_without_consent_if_so_chosen(
    post: Post, source: Source, destination: Destination
) -> None:
    Source.objects.update(identity_memory="with_address")
    change(destination, consent_mode="strict", drops_unconsented=True)
    batch = [
        make_event(messageId="kept-1", context={**PERSON, **GRANTED}),
        make_event(messageId="dropped-1", context=PERSON, userId="nobody"),
        make_event(messageId="dropped-2", context={**PERSON, **DENIED}, userId="nobody"),
        make_event(messageId="kept-2", context={**PERSON, **GRANTED}),
    ]
    assert answer(post("/v1/batch", {"batch": batch})) == (200, "OK")
    kept = {event.message_id: event.body is not None for event in Event.objects.all()}
    assert kept == {"kept-1": True, "dropped-1": False, "dropped-2": False, "kept-2": True}
    for event in Event.objects.exclude(body=None):
        assert stored(event)["messageId"] == event.message_id
    codes = dict(Delivery.objects.values_list("event__message_id", "error_code"))
    assert codes["dropped-1"] == "consent_missing"
    assert codes["dropped-2"] == "consent_denied"
    assert Person.objects.count() == 2  # the users of the two that were kept
    assert not SearchKey.objects.exists()

    # Neither a retry nor a replay has anything to send.
    change(destination, consent_mode="off")
    assert retry(Delivery.objects.filter(error_code__startswith="consent")) == 0
    # Once more: it is a repeat, and another event under its ID is told by type and name.
    assert answer(post("/v1/batch", {"batch": batch})) == (200, "OK")
    assert (Event.objects.count(), Refusal.objects.count()) == (4, 0)
    change(destination, consent_mode="strict")
    other = make_event(messageId="dropped-1", context=PERSON, event="Other")
    assert answer(post("/v1/track", other)) == (200, "OK")
    assert Event.objects.filter(message_id__startswith="dropped-1", body=None).count() == 2
    assert "ann@example.com" not in str(list(Refusal.objects.values()))


def test_what_another_destination_sends_is_kept(
    post: Post, source: Source, destination: Destination
) -> None:
    change(destination, consent_mode="strict", drops_unconsented=True)
    make_destination(sources=[source])
    forget_routes()
    send(post)
    assert sorted(Delivery.objects.values_list("status", flat=True)) == ["filtered", "pending"]
    assert Event.objects.get().body is not None


def test_what_is_filtered_for_another_reason_is_kept(
    post: Post, source: Source, destination: Destination
) -> None:
    change(destination, drops_unconsented=True, event_list="deny", listed_events="order completed")
    send(post)
    assert only().error_code == "filtered_by_rule"
    assert Event.objects.get().body is not None
