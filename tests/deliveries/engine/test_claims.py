"""Claiming: who may take what, and when."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from deliveries.engine.claims import (
    ClaimRules,
    claim,
    destinations_with_due_deliveries,
    forget_ended_claims,
    release,
)
from deliveries.models import Circuit, Claim, Delivery
from deliveries.statuses import DeliveryStatus
from tests.factories import make_deliveries, make_destination

pytestmark = pytest.mark.django_db
RULES = ClaimRules(
    size=10, linger=timedelta(seconds=2), lease=timedelta(seconds=120), concurrency=2
)


def test_a_claim_takes_the_oldest_due_first_and_counts_the_attempt() -> None:
    destination = make_destination()
    younger = make_deliveries(destination, 2, age_seconds=10)
    older = make_deliveries(destination, 2, age_seconds=20)
    now = timezone.now()

    claimed = claim(destination.pk, replace(RULES, size=3), now, "worker")

    assert claimed is not None
    assert claimed.delivery_ids == (older[0].pk, older[1].pk, younger[0].pk)
    taken = Delivery.objects.get(pk=older[0].pk)
    assert (taken.status, taken.attempt_count) == (DeliveryStatus.SENDING, 1)
    assert (taken.claim_token, taken.due_at) == (claimed.token, now + RULES.lease)
    left = Delivery.objects.get(pk=younger[1].pk)
    assert (left.status, left.attempt_count, left.claim_token) == (DeliveryStatus.PENDING, 0, None)


def test_nothing_due_gives_no_claim() -> None:
    destination = make_destination()
    make_deliveries(destination, 3, age_seconds=-30)
    assert claim(destination.pk, RULES, timezone.now(), "worker") is None
    assert not Claim.objects.exists()


def test_a_small_young_queue_lingers_and_a_full_one_does_not() -> None:
    destination = make_destination()
    make_deliveries(destination, 3, age_seconds=1)
    now = timezone.now()
    assert claim(destination.pk, RULES, now, "worker") is None
    assert claim(destination.pk, replace(RULES, size=3), now, "worker") is not None


def test_a_small_queue_is_taken_once_it_has_lingered() -> None:
    destination = make_destination()
    make_deliveries(destination, 3, age_seconds=2.5)
    claimed = claim(destination.pk, RULES, timezone.now(), "worker")
    assert claimed is not None
    assert len(claimed.delivery_ids) == 3


def test_a_live_lease_is_respected_and_an_ended_one_is_claimed_again() -> None:
    destination = make_destination()
    make_deliveries(destination, 2)
    now = timezone.now()
    first = claim(destination.pk, RULES, now, "worker that dies")
    assert first is not None

    assert claim(destination.pk, RULES, now + timedelta(seconds=119), "other") is None

    second = claim(destination.pk, RULES, now + timedelta(seconds=123), "other")
    assert second is not None
    assert second.delivery_ids == first.delivery_ids
    assert set(Delivery.objects.values_list("attempt_count", "claim_token")) == {(2, second.token)}
    assert list(Claim.objects.values_list("token", flat=True)) == [second.token]


def test_a_destination_has_no_more_claims_at_once_than_its_limit() -> None:
    destination = make_destination()
    make_deliveries(destination, 30)
    now = timezone.now()
    assert claim(destination.pk, RULES, now, "a") is not None
    assert claim(destination.pk, RULES, now, "b") is not None
    assert claim(destination.pk, RULES, now, "c") is None


def test_a_failing_destination_gets_one_probe_at_a_time() -> None:
    destination = make_destination()
    make_deliveries(destination, 30)
    Circuit.objects.create(destination=destination, failure_count=3)
    now = timezone.now()
    assert claim(destination.pk, RULES, now, "a") is not None
    assert claim(destination.pk, RULES, now, "b") is None


def test_a_held_circuit_gives_no_claim_until_its_time() -> None:
    destination = make_destination()
    make_deliveries(destination, 3)
    now = timezone.now()
    Circuit.objects.create(destination=destination, hold_until=now + timedelta(seconds=30))
    assert claim(destination.pk, RULES, now, "a") is None
    assert list(destinations_with_due_deliveries(now)) == []
    assert claim(destination.pk, RULES, now + timedelta(seconds=30), "a") is not None


def test_the_sweep_finds_exactly_the_destinations_with_due_deliveries() -> None:
    due, later, paused, off, idle = (make_destination() for _ in range(5))
    make_deliveries(due, 1)
    make_deliveries(later, 1, age_seconds=-60)
    make_deliveries(paused, 1)
    paused.paused_at = timezone.now()
    paused.save()
    make_deliveries(off, 1)
    off.enabled = False
    off.save()
    assert list(destinations_with_due_deliveries(timezone.now())) == [due]
    assert idle.pk != due.pk


def test_release_gives_back_untried_only_what_is_still_ours() -> None:
    destination = make_destination()
    settled, ours = make_deliveries(destination, 2)
    claimed = claim(destination.pk, RULES, timezone.now(), "worker")
    assert claimed is not None
    Delivery.objects.filter(pk=settled.pk).update(
        status=DeliveryStatus.DELIVERED, due_at=None, claim_token=None
    )

    assert release(claimed) == 1

    given_back = Delivery.objects.get(pk=ours.pk)
    assert (given_back.status, given_back.attempt_count) == (DeliveryStatus.PENDING, 0)
    assert given_back.due_at <= timezone.now()
    assert Delivery.objects.get(pk=settled.pk).attempt_count == 1
    assert not Claim.objects.exists()


def test_release_leaves_what_may_have_reached_pinterest_to_the_end_of_the_lease() -> None:
    destination = make_destination()
    untried, sent = make_deliveries(destination, 2)
    claimed = claim(destination.pk, RULES, timezone.now(), "worker")
    assert claimed is not None

    assert release(claimed, in_doubt={sent.pk}) == 1

    untried.refresh_from_db()
    sent.refresh_from_db()
    assert (untried.status, untried.attempt_count) == (DeliveryStatus.PENDING, 0)
    assert (sent.status, sent.attempt_count) == (DeliveryStatus.SENDING, 1)
    assert sent.due_at == claimed.expires_at
    assert not Claim.objects.exists()


def test_claims_are_forgotten_when_their_lease_has_ended_and_not_before() -> None:
    destination = make_destination()
    make_deliveries(destination)
    now = timezone.now()
    claimed = claim(destination.pk, RULES, now, "worker")
    assert claimed is not None
    assert forget_ended_claims(claimed.expires_at - timedelta(seconds=1)) == 0
    assert Claim.objects.count() == 1
    assert forget_ended_claims(claimed.expires_at) == 1
    assert not Claim.objects.exists()


def test_a_claim_costs_a_constant_number_of_queries(
    django_assert_max_num_queries: Callable[..., object],
) -> None:
    destination = make_destination()
    make_deliveries(destination, 200)
    Circuit.objects.create(destination=destination)
    with django_assert_max_num_queries(10):  # of which two open and close the transaction
        assert claim(destination.pk, replace(RULES, size=200), timezone.now(), "w") is not None


@pytest.mark.django_db(transaction=True)
def test_workers_that_claim_side_by_side_never_share_a_delivery() -> None:
    destination = make_destination()
    make_deliveries(destination, 40)
    now = timezone.now()
    rules = replace(RULES, size=10, concurrency=100)
    Circuit.objects.create(destination=destination)
    taken: list[tuple[int, ...]] = []
    start = threading.Barrier(4)

    def work(name: str) -> None:
        start.wait()
        try:
            while (claimed := claim(destination.pk, rules, now, name)) is not None:
                taken.append(claimed.delivery_ids)
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    ids = [delivery_id for part in taken for delivery_id in part]
    assert len(ids) == 40
    assert len(set(ids)) == 40


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_rows_that_another_transaction_has_locked_are_skipped() -> None:
    destination = make_destination()
    deliveries = make_deliveries(destination, 3)
    locked, done = threading.Event(), threading.Event()

    def hold_the_first() -> None:
        with transaction.atomic():
            Delivery.objects.select_for_update().get(pk=deliveries[0].pk)
            locked.set()
            done.wait(30)
        connection.close()

    holder = threading.Thread(target=hold_the_first)
    holder.start()
    assert locked.wait(30)
    try:
        claimed = claim(destination.pk, RULES, timezone.now(), "worker")
    finally:
        done.set()
        holder.join()
    assert claimed is not None
    assert claimed.delivery_ids == (deliveries[1].pk, deliveries[2].pk)
