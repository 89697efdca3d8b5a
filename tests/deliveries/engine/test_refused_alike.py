"""A batch refused in the same words all the way: the account is asked, then one or the other
blamed."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import orjson
import pytest
from django.utils import timezone

from deliveries.db.compression import unpack
from deliveries.engine import dispatch
from deliveries.engine.dispatch import deliver_batch
from deliveries.models import Batch, Circuit, Delivery
from deliveries.statuses import DeliveryStatus
from destinations.models import Destination
from destinations.pinterest.client import NoReply, Reply
from destinations.pinterest.isolation import Isolation
from pinterest_sandbox.sandbox import Sandbox
from tests.factories import make_deliveries, make_destination, make_event

pytestmark = pytest.mark.django_db


def statuses() -> Counter[tuple[str, str]]:
    return Counter(Delivery.objects.values_list("status", "error_code"))


def test_refused_alike_all_the_way_is_the_destination_and_nobody_is_blamed(
    sandbox: Sandbox,
) -> None:
    destination = make_destination()
    make_deliveries(destination, 8)
    sandbox.add_fault("status=400")

    deliver_batch(destination.pk)

    destination.refresh_from_db()
    assert destination.paused_code == "all_refused_alike"
    assert {status for status, _ in statuses()} == {"pending"}
    assert set(Delivery.objects.values_list("attempt_count", flat=True)) == {0}


def make_mixed(
    destination: Destination, count: int, *, fresh: tuple[int, ...] = ()
) -> list[Delivery]:
    """Deliveries of events that are 30 days old, and of today's at the positions ``fresh``."""
    old, today = (timezone.now() - timedelta(days=30)).isoformat(), timezone.now().isoformat()
    events = [make_event(timestamp=today if n in fresh else old) for n in range(count)]
    return make_deliveries(destination, events=events)


def test_refused_alike_by_an_account_that_accepts_a_test_event_is_the_events(
    sandbox: Sandbox,
) -> None:
    destination = make_destination()
    make_mixed(destination, 40, fresh=(37,))
    sandbox.add_fault("max_age=7")

    deliver_batch(destination.pk)

    destination.refresh_from_db()
    assert destination.paused_at is None
    assert statuses() == {("rejected", "invalid_request"): 39, ("delivered", ""): 1}
    assert set(Delivery.objects.values_list("attempt_count", flat=True)) == {1}
    for delivery in Delivery.objects.filter(status=DeliveryStatus.REJECTED):
        assert delivery.error_message == "Invalid request: event_time is too far in the past"
        sent = orjson.loads(unpack(delivery.batch.request_body))["data"]
        assert [one["event_id"] for one in sent] == [delivery.event.message_id]
        assert delivery.attempts.get().outcome == "rejected"
    assert sum(Batch.objects.values_list("rejected_count", flat=True)) == 39
    # The question is no batch, and the made-up event is recorded nowhere.
    asked = len(sandbox.requests()) - Batch.objects.count()
    assert asked == 1
    assert sandbox.summary()["events_processed"] == 1


def test_more_bad_events_than_one_search_can_judge_are_rejected_by_the_next_ones(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "Isolation", partial(Isolation, max_requests=25))
    destination = make_destination()
    make_mixed(destination, 40)
    sandbox.add_fault("max_age=7")

    runs = 0
    while deliver_batch(destination.pk):
        runs += 1

    assert runs > 1
    assert statuses() == {("rejected", "invalid_request"): 40}
    assert set(Delivery.objects.values_list("attempt_count", flat=True)) == {1}


@pytest.mark.parametrize(
    ("reply", "held"),
    [
        (Reply(503, {}, b"", 1), False),
        (Reply(429, {"retry-after": "40"}, b"", 1), True),
        (NoReply("read_timeout", "", True, 1), False),
        (Reply(200, {}, b"<html>", 1), False),
    ],
)
def test_without_a_clear_answer_about_the_account_all_are_tried_later_and_nothing_is_paused(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, reply: Reply | NoReply, held: bool
) -> None:
    monkeypatch.setattr(dispatch, "send_dummy", lambda *_: reply)
    destination = make_destination()
    make_mixed(destination, 4)
    sandbox.add_fault("max_age=7")
    started = timezone.now()

    deliver_batch(destination.pk)

    destination.refresh_from_db()
    assert destination.paused_at is None
    assert statuses() == {("pending", "account_unclear"): 4}
    assert set(Delivery.objects.values_list("attempt_count", flat=True)) == {1}
    first_due = min(Delivery.objects.values_list("due_at", flat=True))
    assert first_due > started + timedelta(seconds=40 if held else 3)
    hold_until = Circuit.objects.get(destination=destination).hold_until
    assert (hold_until is not None and hold_until > started + timedelta(seconds=39)) is held


def test_the_account_is_not_asked_when_the_lease_would_not_last(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unexpected(*_: Any) -> None:
        raise AssertionError("The account was asked.")

    monkeypatch.setattr(dispatch, "send_dummy", unexpected)
    destination = make_destination()
    make_mixed(destination, 2)
    sandbox.add_fault("max_age=7")
    answers = iter([True] * 3)
    monkeypatch.setattr(dispatch.BatchRun, "lease_lasts", lambda _: next(answers, False))

    deliver_batch(destination.pk)

    destination.refresh_from_db()
    assert destination.paused_at is None
    assert statuses() == {("pending", ""): 2}
    assert set(Delivery.objects.values_list("attempt_count", flat=True)) == {0}
