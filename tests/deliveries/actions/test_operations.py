"""A person's verbs: safe to repeat, and counted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.actions import operations
from deliveries.actions.operations import discard, drain_now, resume, retry
from deliveries.models import Attempt, Circuit, Delivery
from deliveries.statuses import DeliveryStatus
from destinations.models import Destination, EventMapping
from destinations.pausing import pause
from tests.factories import make_deliveries, make_destination, make_event

pytestmark = pytest.mark.django_db


def close(delivery: Delivery, status: str, **fields: Any) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(
        status=status, due_at=None, settled_at=timezone.now(), attempt_count=13, **fields
    )


def test_retry_sends_again_all_that_was_closed_undelivered_and_nothing_else() -> None:
    destination = make_destination()
    deliveries = make_deliveries(destination, 6)
    for delivery, status in zip(
        deliveries, ["rejected", "dead", "filtered", "discarded", "delivered"], strict=False
    ):
        close(delivery, status)
    now = timezone.now()

    assert retry(Delivery.objects.all(), now) == 4

    assert list(Delivery.objects.order_by("pk").values_list("status", "attempt_count")) == [
        *[("pending", 0)] * 4,
        ("delivered", 13),
        ("pending", 0),
    ]
    assert Delivery.objects.filter(due_at=now, settled_at=None).count() == 4
    assert retry(Delivery.objects.all(), now) == 0


def test_retry_leaves_a_delivery_in_flight_to_its_worker() -> None:
    (delivery,) = make_deliveries(make_destination())
    token = "00000000-0000-0000-0000-000000000001"
    Delivery.objects.update(status="sending", claim_token=token)
    assert retry(Delivery.objects.all()) == 0
    assert discard(Delivery.objects.all()) == 0
    delivery.refresh_from_db()
    assert (delivery.status, str(delivery.claim_token)) == ("sending", token)


def test_retry_gives_a_nameless_delivery_the_names_of_todays_event_map() -> None:
    destination = make_destination(unmapped_events="filter")
    events = [make_event(event="Trial Started"), make_event(event="Nobody Maps This")]
    mapped, unmapped = make_deliveries(destination, events=events, conversion_name="")
    for delivery in (mapped, unmapped):
        close(delivery, "filtered", error_code="unmapped_event")
    for name in ("signup", "lead"):
        EventMapping.objects.create(
            destination=destination, source_event_name="trial started", pinterest_event_name=name
        )

    assert retry(Delivery.objects.all()) == 2

    assert set(
        Delivery.objects.filter(event=mapped.event).values_list("conversion_name", "status")
    ) == {("signup", "pending"), ("lead", "pending")}
    left = Delivery.objects.get(event=unmapped.event)
    assert (left.pk, left.status, left.error_code) == (unmapped.pk, "filtered", "unmapped_event")
    assert retry(Delivery.objects.all()) == 0


def test_a_filtered_delivery_that_is_retried_stays_its_row_with_its_story_and_time_of_receipt() -> (
    None
):
    destination = make_destination(unmapped_events="filter")
    (before,) = make_deliveries(
        destination, events=[make_event(event="Trial Started")], conversion_name=""
    )
    close(before, "filtered", error_stage="transform", error_code="unmapped_event")
    before.refresh_from_db()
    EventMapping.objects.create(
        destination=destination, source_event_name="Trial Started", pinterest_event_name="lead"
    )
    assert retry(Delivery.objects.all()) == 1
    after = Delivery.objects.get()
    assert (after.pk, after.conversion_name, after.status) == (before.pk, "lead", "pending")
    assert (after.created_at, after.error_code) == (before.created_at, "")
    ending = Attempt.objects.get(delivery=after)
    assert (ending.outcome, ending.error_code) == ("filtered", "unmapped_event")
    assert ending.ended_at == before.settled_at


def test_what_was_discarded_or_filtered_under_its_name_keeps_that_in_its_story() -> None:
    destination = make_destination()
    deliveries = make_deliveries(destination, 4)
    for delivery, status in zip(
        deliveries, ["filtered", "discarded", "dead", "rejected"], strict=True
    ):
        close(delivery, status, error_message=status)
    assert retry(Delivery.objects.all()) == 4
    endings = Attempt.objects.order_by("pk").values_list("delivery_id", "outcome", "error_message")
    assert list(endings) == [
        (deliveries[0].pk, "filtered", "filtered"),
        (deliveries[1].pk, "discarded", "discarded"),
    ]


def test_a_name_that_another_row_has_already_is_not_given_twice() -> None:
    destination = make_destination()
    (nameless,) = make_deliveries(destination, conversion_name="")
    close(nameless, "filtered")
    Delivery.objects.create(
        event=nameless.event,
        destination=destination,
        conversion_name="checkout",
        due_at=None,
        status="delivered",
    )
    assert retry(Delivery.objects.all()) == 0
    nameless.refresh_from_db()
    assert nameless.status == "filtered"


def test_retry_of_many_nameless_deliveries_takes_as_many_queries_as_of_few() -> None:
    destination = make_destination()
    counts = []
    for size in (2, 40):
        for delivery in make_deliveries(destination, size, conversion_name=""):
            close(delivery, "filtered")
        with CaptureQueriesContext(connection) as queries:
            assert retry(Delivery.objects.filter(conversion_name="")) == size
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_retry_rings_for_the_destinations_it_touched(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    rung: list[int] = []
    monkeypatch.setattr(operations, "wake", lambda ids, at_once: rung.extend(ids))
    touched, other = make_destination(), make_destination()
    close(make_deliveries(touched)[0], "dead")
    make_deliveries(other)
    with django_capture_on_commit_callbacks(execute=True):
        retry(Delivery.objects.all())
    assert rung == [touched.pk]


def test_discard_closes_what_waits_or_failed_and_keeps_the_reason() -> None:
    destination = make_destination()
    waiting, dead, delivered = make_deliveries(destination, 3)
    close(dead, "dead")
    close(delivered, "delivered")
    assert discard(Delivery.objects.all(), reason="A test order.") == 2
    for delivery in (waiting, dead):
        delivery.refresh_from_db()
        assert (delivery.status, delivery.due_at) == (DeliveryStatus.DISCARDED, None)
        assert delivery.error_message == "A test order."
    assert discard(Delivery.objects.all()) == 0


def test_pause_keeps_the_first_reason_and_resume_is_counted_once() -> None:
    destination = make_destination()
    assert pause(destination.pk, "paused_by_person", "Holiday") is True
    assert pause(destination.pk, "http_401", "Token") is False
    assert Destination.objects.get().paused_reason == "Holiday"
    assert resume(destination.pk) == 1
    assert resume(destination.pk) == 0
    destination.refresh_from_db()
    assert (destination.paused_at, destination.paused_code) == (None, "")


def test_drain_now_lifts_holds_and_brings_forward_what_waits_for_its_next_try() -> None:
    destination, other = make_destination(), make_destination()
    now = timezone.now()
    Circuit.objects.create(
        destination=destination, failure_count=7, hold_until=now + timedelta(seconds=50)
    )
    make_deliveries(destination, 2, age_seconds=-600)
    (due,) = make_deliveries(destination, 1)
    (elsewhere,) = make_deliveries(other, 1, age_seconds=-600)

    assert drain_now(destination.pk, now) == 2

    circuit = Circuit.objects.get(destination=destination)
    assert (circuit.failure_count, circuit.hold_until) == (0, None)
    assert Delivery.objects.filter(destination=destination).due(now).count() == 3
    assert Delivery.objects.get(pk=due.pk).due_at == due.due_at
    assert Delivery.objects.get(pk=elsewhere.pk).due_at == elsewhere.due_at
    assert drain_now(destination.pk, now) == 0


def test_drain_now_brings_forward_the_soonest_and_no_more_than_its_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operations, "HASTENED_AT_ONCE", 2)
    destination = make_destination()
    (late,) = make_deliveries(destination, 1, age_seconds=-900)
    make_deliveries(destination, 2, age_seconds=-60)
    assert drain_now(destination.pk) == 2
    late.refresh_from_db()
    assert late.due_at > timezone.now()
    assert drain_now(destination.pk) == 1


def test_drain_now_leaves_a_paused_destination_paused() -> None:
    destination = make_destination(paused_at=timezone.now(), paused_code="http_401")
    drain_now(destination.pk)
    destination.refresh_from_db()
    assert destination.paused_at is not None
