"""What a worker does when the database goes away, or takes nothing any more, under its hands."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, InterfaceError, OperationalError
from django.utils import timezone

from deliveries.engine import dispatch
from deliveries.engine.dispatch import deliver_batch
from deliveries.models import Attempt, Batch, Claim, Delivery
from destinations.pinterest.client import PinterestClient
from pinterest_sandbox.sandbox import Sandbox
from tests.deliveries.no_room import read_only
from tests.factories import make_deliveries, make_destination

pytestmark = pytest.mark.django_db(transaction=True)


def statuses() -> Counter[tuple[str, str]]:
    return Counter(Delivery.objects.values_list("status", "error_code"))


def test_an_answer_is_settled_once_the_database_is_back(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination = make_destination()
    make_deliveries(destination, 3)
    failures = [OperationalError("server closed the connection"), InterfaceError("closed")]
    settle = dispatch.settle

    def settle_at_last(*arguments: Any, **options: Any) -> int | None:
        if failures:
            raise failures.pop()
        return settle(*arguments, **options)

    monkeypatch.setattr(dispatch, "settle", settle_at_last)
    monkeypatch.setattr(dispatch, "DATABASE_PAUSE", timedelta(milliseconds=1))
    deliver_batch(destination.pk)
    assert failures == []
    assert statuses() == {("delivered", ""): 3}
    assert sandbox.summary()["requests"] == 1


def test_a_connection_lost_after_the_commit_settles_nothing_twice(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination = make_destination()
    make_deliveries(destination, 3)
    settle = dispatch.settle
    calls = []

    def settle_and_lose_the_connection(*arguments: Any, **options: Any) -> int | None:
        calls.append(settle(*arguments, **options))
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(dispatch, "settle", settle_and_lose_the_connection)
    monkeypatch.setattr(dispatch, "DATABASE_PAUSE", timedelta(milliseconds=1))
    deliver_batch(destination.pk)
    assert len(calls) == 1
    assert statuses() == {("delivered", ""): 3}
    assert (Batch.objects.count(), Attempt.objects.count()) == (1, 3)


def test_what_was_sent_and_cannot_be_settled_keeps_its_try_until_the_lease_ends(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.BATCH_MAX_BYTES = 1000  # several requests of one claim
    destination = make_destination()
    make_deliveries(destination, 5)

    def fail_to_settle(*arguments: Any, **options: Any) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(dispatch, "settle", fail_to_settle)
    with pytest.raises(RuntimeError):
        deliver_batch(destination.pk)
    sent_count = sandbox.summary()["events_processed"]
    assert 0 < sent_count < 5
    assert Counter(Delivery.objects.values_list("status", "attempt_count")) == {
        ("sending", 1): sent_count,
        ("pending", 0): 5 - sent_count,
    }
    assert not Claim.objects.exists()


def test_a_worker_whose_database_takes_nothing_sends_nothing(sandbox: Sandbox) -> None:
    destination = make_destination()
    make_deliveries(destination, 3)
    with read_only(), pytest.raises(DatabaseError):
        deliver_batch(destination.pk)
    assert sandbox.summary()["requests"] == 0
    assert deliver_batch(destination.pk) == 3
    assert statuses() == {("delivered", ""): 3}
    assert set(Delivery.objects.values_list("attempt_count", flat=True)) == {1}


def test_a_database_that_takes_nothing_any_more_after_the_request_costs_a_resend_and_no_event(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.READ_TIMEOUT_SECONDS = settings.CONNECT_TIMEOUT_SECONDS = 0.5
    settings.LEASE_SECONDS = 2
    destination = make_destination()
    make_deliveries(destination, 3)
    send = PinterestClient.send

    with ExitStack() as until_later:

        def send_and_then(self: PinterestClient, body: bytes) -> Any:
            reply = send(self, body)
            until_later.enter_context(read_only())
            return reply

        with monkeypatch.context() as patched:
            patched.setattr(PinterestClient, "send", send_and_then)
            with pytest.raises(DatabaseError):
                deliver_batch(destination.pk)

    assert statuses() == {("sending", ""): 3}
    later = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS + 5)
    assert deliver_batch(destination.pk, clock=lambda: later) == 3
    assert statuses() == {("delivered", ""): 3}
    assert set(Delivery.objects.values_list("attempt_count", flat=True)) == {2}
    assert sandbox.summary()["requests"] == 2
