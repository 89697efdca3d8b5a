"""The story of a batch, told against the sandbox over real HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from django.utils import timezone

from deliveries.actions.operations import resume
from deliveries.db.compression import unpack
from deliveries.engine import dispatch
from deliveries.engine.dispatch import deliver_batch
from deliveries.models import Attempt, Batch, Circuit, Claim, Delivery, Event
from deliveries.statuses import DeliveryStatus
from destinations.models import Destination
from destinations.pinterest.client import PinterestClient
from pinterest_sandbox.sandbox import Sandbox
from tests.factories import make_deliveries, make_destination, make_event

pytestmark = pytest.mark.django_db


def statuses() -> Counter[tuple[str, str]]:
    return Counter(Delivery.objects.values_list("status", "error_code"))


def test_a_batch_is_delivered_and_every_delivery_points_at_its_place_in_it(
    sandbox: Sandbox,
) -> None:
    destination = make_destination()
    deliveries = make_deliveries(destination, 3)

    assert deliver_batch(destination.pk) == 3

    batch = Batch.objects.get()
    assert (batch.status_code, batch.conversion_count, batch.delivered_count) == (200, 3, 3)
    assert batch.request_id
    assert "x-ratelimit-remaining" in batch.rate_limit_headers
    sent = orjson.loads(unpack(batch.request_body))["data"]
    answered = orjson.loads(unpack(batch.response_body))
    assert answered["num_events_processed"] == 3
    for position, delivery in enumerate(deliveries):
        delivery.refresh_from_db()
        assert (delivery.status, delivery.due_at) == (DeliveryStatus.DELIVERED, None)
        assert (delivery.batch_id, delivery.batch_position) == (batch.pk, position)
        assert (delivery.attempt_count, delivery.claim_token) == (1, None)
        assert delivery.settled_at is not None
        assert delivery.conversion_event_id == ""  # the same as the message ID
        assert sent[position]["event_id"] == delivery.event.message_id
        attempt = delivery.attempts.get()
        assert (attempt.number, attempt.outcome) == (1, "delivered")
    assert sandbox.summary()["events_processed"] == 3
    assert not Claim.objects.exists()


def test_another_event_id_than_the_message_id_is_kept(sandbox: Sandbox) -> None:
    destination = make_destination(dedup_key="properties.order_id")
    (delivery,) = make_deliveries(destination)
    deliver_batch(destination.pk)
    delivery.refresh_from_db()
    assert delivery.conversion_event_id.startswith("order-")


def test_what_cannot_be_transformed_is_rejected_and_its_neighbours_are_delivered(
    sandbox: Sandbox,
) -> None:
    destination = make_destination()
    bare = make_event(context={}, userId="someone")
    make_deliveries(destination, events=[make_event(), bare, make_event()])

    deliver_batch(destination.pk)

    assert statuses() == {("delivered", ""): 2, ("rejected", "missing_user_data"): 1}
    rejected = Delivery.objects.get(event__message_id=bare["messageId"])
    assert (rejected.error_stage, rejected.batch_id) == ("transform", None)
    assert rejected.error_message
    assert rejected.attempts.get().outcome == "rejected"
    assert Batch.objects.get().conversion_count == 2


def test_an_event_that_is_too_old_by_now_is_filtered_without_an_attempt(sandbox: Sandbox) -> None:
    destination = make_destination(max_age_hours=1)
    make_deliveries(destination, events=[make_event(timestamp="2024-01-01T00:00:00Z")])
    deliver_batch(destination.pk)
    assert statuses() == {("filtered", "event_too_old"): 1}
    assert Delivery.objects.get().attempt_count == 0
    assert not Attempt.objects.exists()
    assert not Batch.objects.exists()


def test_one_poison_event_is_found_and_its_neighbours_are_delivered(sandbox: Sandbox) -> None:
    destination = make_destination()
    deliveries = make_deliveries(destination, 64)
    poison = deliveries[23].event.message_id
    sandbox.add_fault(f"poison={poison}")

    deliver_batch(destination.pk)

    assert statuses() == {("delivered", ""): 63, ("rejected", "invalid_request"): 1}
    rejected = Delivery.objects.get(status=DeliveryStatus.REJECTED)
    assert rejected.event.message_id == poison
    assert rejected.error_message.startswith("Invalid request")
    assert rejected.batch.conversion_count == 1
    assert Batch.objects.count() <= 1 + 2 * 6 + 1
    assert set(Delivery.objects.values_list("attempt_count", flat=True)) == {1}
    for delivery in Delivery.objects.filter(status=DeliveryStatus.DELIVERED):
        sent = orjson.loads(unpack(delivery.batch.request_body))["data"]
        assert sent[delivery.batch_position]["event_id"] == delivery.event.message_id


def test_a_request_refused_whole_is_marked_as_split(sandbox: Sandbox) -> None:
    destination = make_destination()
    deliveries = make_deliveries(destination, 4)
    sandbox.add_fault(f"poison={deliveries[0].event.message_id}")
    deliver_batch(destination.pk)
    first = Batch.objects.order_by("pk").first()
    assert (first.was_split, first.status_code, first.conversion_count) == (True, 400, 4)
    assert first.error_message.startswith("Invalid request")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_destination_is_paused_and_its_deliveries_wait_untried(
    sandbox: Sandbox, status: int
) -> None:
    destination = make_destination()
    make_deliveries(destination, 3)
    sandbox.add_fault(f"status={status}")

    deliver_batch(destination.pk)

    destination.refresh_from_db()
    assert destination.paused_at is not None
    assert destination.paused_reason
    assert {status for status, _ in statuses()} == {"pending"}
    assert set(Delivery.objects.values_list("attempt_count", flat=True)) == {0}
    assert not Attempt.objects.exists()
    assert Batch.objects.get().status_code == status
    assert deliver_batch(destination.pk) == 0  # paused: nothing is claimed

    sandbox.clear_faults()
    assert resume(destination.pk) == 1
    assert deliver_batch(destination.pk, clock=lambda: timezone.now() + timedelta(seconds=3)) == 3
    assert statuses() == {("delivered", ""): 3}


def test_a_destination_that_is_off_sends_nothing_until_it_is_on_again(sandbox: Sandbox) -> None:
    destination = make_destination(enabled=False)
    make_deliveries(destination, 3)
    assert deliver_batch(destination.pk) == 0
    assert sandbox.summary()["requests"] == 0
    assert statuses() == {("pending", ""): 3}
    Destination.objects.update(enabled=True)
    assert deliver_batch(destination.pk) == 3
    assert statuses() == {("delivered", ""): 3}


def test_a_server_error_is_tried_again_later(sandbox: Sandbox) -> None:
    destination = make_destination()
    make_deliveries(destination, 2)
    sandbox.add_fault("status=500")
    deliver_batch(destination.pk)
    assert {status for status, _ in statuses()} == {"pending"}
    delivery = Delivery.objects.first()
    assert 3 < (delivery.due_at - timezone.now()).total_seconds() < 7
    assert (delivery.attempt_count, delivery.error_stage) == (1, "response")
    assert delivery.attempts.get().outcome == "retryable"
    assert Circuit.objects.get().failure_count == 1


def test_the_circuit_opens_after_three_failures_and_closes_with_an_answer(
    sandbox: Sandbox,
) -> None:
    destination = make_destination()
    sandbox.add_fault("status=503:1")
    for _ in range(3):
        make_deliveries(destination, 1)
        assert deliver_batch(destination.pk) == 1
    assert Circuit.objects.get().hold_until > timezone.now() + timedelta(seconds=3)
    make_deliveries(destination, 1)
    assert deliver_batch(destination.pk) == 0

    sandbox.clear_faults()
    assert deliver_batch(destination.pk, clock=lambda: timezone.now() + timedelta(minutes=2)) > 0
    assert Circuit.objects.get().failure_count == 0


def test_a_budget_that_is_spent_ends_dead(sandbox: Sandbox) -> None:
    destination = make_destination()
    (delivery,) = make_deliveries(destination)
    Delivery.objects.update(attempt_count=dispatch.POLICY.budget_attempts - 1)
    sandbox.add_fault("status=500")
    deliver_batch(destination.pk)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.due_at) == (DeliveryStatus.DEAD, None)
    assert delivery.attempt_count == dispatch.POLICY.budget_attempts


def test_a_delivery_whose_workers_died_on_every_try_is_not_sent_again(sandbox: Sandbox) -> None:
    destination = make_destination()
    (delivery,) = make_deliveries(destination)
    Delivery.objects.update(attempt_count=dispatch.POLICY.budget_attempts)
    deliver_batch(destination.pk)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.error_code) == (DeliveryStatus.DEAD, "worker_lost")
    assert delivery.attempt_count == dispatch.POLICY.budget_attempts
    assert sandbox.summary()["requests"] == 0


def test_a_lost_answer_is_unknown_and_tried_again_under_the_same_event_id(
    sandbox: Sandbox,
) -> None:
    destination = make_destination()
    (delivery,) = make_deliveries(destination)
    sandbox.add_fault("drop=after", for_requests=1)
    deliver_batch(destination.pk)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts.get().outcome) == (DeliveryStatus.PENDING, "unknown")
    assert delivery.error_stage == "transport"
    Delivery.objects.update(due_at=timezone.now() - timedelta(seconds=9))

    deliver_batch(destination.pk)

    delivery.refresh_from_db()
    assert delivery.status == DeliveryStatus.DELIVERED
    assert list(delivery.attempts.order_by("pk").values_list("number", "outcome")) == [
        (1, "unknown"),
        (2, "delivered"),
    ]


def test_a_failed_result_rejects_just_that_event(sandbox: Sandbox) -> None:
    destination = make_destination()
    deliveries = make_deliveries(destination, 3)
    sandbox.add_fault(f"fail={deliveries[1].event.message_id}")
    deliver_batch(destination.pk)
    assert [status for (status,) in Delivery.objects.order_by("pk").values_list("status")] == [
        "delivered",
        "rejected",
        "delivered",
    ]
    batch = Batch.objects.get()
    assert (batch.delivered_count, batch.rejected_count) == (2, 1)


def test_a_rate_limit_holds_the_circuit_and_the_deliveries_back(sandbox: Sandbox) -> None:
    destination = make_destination()
    make_deliveries(destination, 1)
    sandbox.add_fault("status=429")
    sandbox.add_fault("retry_after=77")
    deliver_batch(destination.pk)
    circuit, delivery = Circuit.objects.get(), Delivery.objects.get()
    assert circuit.hold_until > timezone.now() + timedelta(seconds=70)
    assert delivery.due_at > timezone.now() + timedelta(seconds=70)


@pytest.mark.parametrize("status", [429, 503])
def test_a_search_stopped_by_a_rate_limit_leaves_what_it_had_not_decided_waiting_as_long(
    sandbox: Sandbox, status: int
) -> None:
    destination = make_destination()
    deliveries = make_deliveries(destination, 8)
    sandbox.add_fault(f"poison={deliveries[7].event.message_id}")

    def clock() -> datetime:
        if sandbox.summary()["requests"] == 2:  # the whole and its left half; the right one is next
            sandbox.add_fault(f"status={status}")
            sandbox.add_fault("retry_after=900")
        return timezone.now()

    started = timezone.now()
    deliver_batch(destination.pk, clock=clock)

    assert [batch.conversion_count for batch in Batch.objects.order_by("pk")] == [8, 4, 2]
    for delivery in deliveries[:4]:
        delivery.refresh_from_db()
        assert delivery.status == DeliveryStatus.DELIVERED
    for delivery in deliveries[4:]:
        delivery.refresh_from_db()
        assert (delivery.status, delivery.attempt_count) == (DeliveryStatus.PENDING, 1)
        assert delivery.due_at > started + timedelta(seconds=900)
    assert Circuit.objects.get().hold_until > started + timedelta(seconds=890)


def test_a_batch_stays_below_its_size_limit(sandbox: Sandbox, settings: Any) -> None:
    settings.BATCH_MAX_BYTES = 100_000
    destination = make_destination()
    long_text = "x" * 30_000
    make_deliveries(
        destination,
        events=[make_event(properties={"query": long_text, "currency": "USD"}) for _ in range(7)],
    )
    deliver_batch(destination.pk)
    assert statuses() == {("delivered", ""): 7}
    batches = Batch.objects.order_by("pk")
    bodies = [unpack(body) for body in batches.values_list("request_body", flat=True)]
    assert max(map(len, bodies)) < 100_000
    assert [len(orjson.loads(body)["data"]) for body in bodies] == [3, 3, 1]


def test_test_mode_sends_twenty_at_a_time(sandbox: Sandbox) -> None:
    destination = make_destination(test_mode=True)
    make_deliveries(destination, 25)
    assert deliver_batch(destination.pk) == 20
    assert Batch.objects.get().test_mode is True


def test_one_event_that_our_code_trips_over_does_not_hold_up_the_others(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    destination = make_destination()
    broken, fine = make_deliveries(destination, 2)
    Event.objects.filter(pk=broken.event_id).update(body=b"not compressed")
    deliver_batch(destination.pk)
    broken.refresh_from_db()
    fine.refresh_from_db()
    assert fine.status == DeliveryStatus.DELIVERED
    assert (broken.status, broken.error_code) == (DeliveryStatus.PENDING, "transform_failed")
    assert f"Delivery {broken.pk} could not be transformed" in caplog.text


def test_a_worker_that_woke_up_too_late_changes_nothing(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination = make_destination()
    (delivery,) = make_deliveries(destination)
    send = PinterestClient.send

    def send_slowly(self: PinterestClient, body: bytes) -> Any:
        reply = send(self, body)
        # Meanwhile the lease has ended and another worker has settled.
        Delivery.objects.update(
            status=DeliveryStatus.DISCARDED, due_at=None, claim_token=None, error_message="other"
        )
        return reply

    monkeypatch.setattr(PinterestClient, "send", send_slowly)
    deliver_batch(destination.pk)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.error_message) == (DeliveryStatus.DISCARDED, "other")
    assert not Attempt.objects.exists()


def test_a_stopping_worker_gives_back_what_it_has_not_sent(sandbox: Sandbox) -> None:
    destination = make_destination()
    make_deliveries(destination, 3)
    deliver_batch(destination.pk, is_stopping=lambda: True)
    assert {status for status, _ in statuses()} == {"pending"}
    assert set(Delivery.objects.values_list("attempt_count", flat=True)) == {0}
    assert sandbox.summary()["requests"] == 0


def test_a_token_that_cannot_be_decrypted_pauses_the_destination(
    sandbox: Sandbox, settings: Any
) -> None:
    from cryptography.fernet import Fernet

    destination = make_destination()
    make_deliveries(destination)
    settings.TOKEN_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert deliver_batch(destination.pk) == 0
    destination = Destination.objects.get()
    assert destination.paused_code == "token_unreadable"
    assert "TOKEN_ENCRYPTION_KEYS" in destination.paused_reason


def test_only_the_reading_of_events_takes_more_queries_for_a_larger_batch(
    sandbox: Sandbox, django_assert_num_queries: Callable[..., Any]
) -> None:
    destination = make_destination()
    make_deliveries(destination, 5)
    deliver_batch(destination.pk)
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    for size in (5, 300):
        make_deliveries(destination, size)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert deliver_batch(destination.pk) == size
        counts.append(len(queries))
    assert dispatch.LOADED_AT_ONCE == 250
    # 300 events are read in two steps, and so are their people.
    assert counts[1] == counts[0] + 2
    assert counts[0] <= 27
