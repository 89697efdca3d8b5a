"""Verbs over many deliveries: counted, in steps, watched, cancelled, and behind live traffic."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from deliveries import tasks
from deliveries.actions import bulk
from deliveries.actions.bulk import (
    StepResult,
    cancel_bulk_action,
    count_preview,
    run_step,
    start_bulk_action,
    unfinished_bulk_actions,
)
from deliveries.engine import wakeups
from deliveries.engine.claims import ClaimRules, claim
from deliveries.models import BulkAction, Delivery, Event
from deliveries.search import Selection
from deliveries.statuses import BulkVerb
from destinations.models import Destination, EventMapping
from tests.factories import make_deliveries, make_destination, make_event, make_source

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def recorded_wake_ups(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    rung: list[tuple[Any, ...]] = []
    monkeypatch.setattr(wakeups, "_send", lambda task, keys, _: rung.append((task, *keys)))
    return rung


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "STEP", 10)
    monkeypatch.setattr(bulk, "ROOM", 25)


def make_dead(destination: Destination, count: int, **fields: Any) -> list[Delivery]:
    deliveries = make_deliveries(destination, count)
    Delivery.objects.filter(pk__in=[one.pk for one in deliveries]).update(
        **{"status": "dead", "due_at": None, "error_code": "http_500", **fields}
    )
    return deliveries


def statuses(destination: Destination) -> Counter[str]:
    return Counter(
        Delivery.objects.filter(destination=destination).values_list("status", flat=True)
    )


def deliver_all(destination: Destination) -> None:
    Delivery.objects.filter(destination=destination, status="pending").update(
        status="delivered", due_at=None
    )


def run_to_its_end(action: BulkAction) -> None:
    while run_step(action.pk) is StepResult.MORE:
        pass
    action.refresh_from_db()


def test_the_preview_counts_what_the_verb_would_change() -> None:
    destination = make_destination()
    make_dead(destination, 3)
    make_deliveries(destination, 2)
    make_dead(make_destination(), 4)
    selection = Selection(destination_ids=(destination.pk,))
    assert count_preview(BulkVerb.RETRY, selection).count == 3
    assert count_preview(BulkVerb.DISCARD, selection).count == 5
    preview = count_preview(BulkVerb.RETRY, Selection(error_code="http_500"))
    first, last = (
        Delivery.objects.filter(status="dead").order_by(o).first() for o in ("pk", "-pk")
    )
    assert preview.count == 7
    assert (preview.oldest_at, preview.newest_at) == (first.created_at, last.created_at)
    assert count_preview(BulkVerb.RETRY, Selection(error_code="other")).count == 0


def test_a_bulk_retry_goes_in_steps_and_counts(small_steps: None) -> None:
    destination = make_destination()
    make_dead(destination, 23)
    action = start_bulk_action(BulkVerb.RETRY, Selection(), requested_by="alex")
    assert (action.total_count, action.requested_by) == (23, "alex")

    assert run_step(action.pk) is StepResult.MORE
    action.refresh_from_db()
    assert (action.examined_count, action.changed_count) == (10, 10)
    assert action.finished_at is None
    assert run_step(action.pk) is StepResult.MORE
    assert run_step(action.pk) is StepResult.ENDED

    action.refresh_from_db()
    assert (action.examined_count, action.changed_count) == (23, 23)
    assert action.finished_at is not None
    assert action.cancelled_at is None
    assert statuses(destination) == {"pending": 23}
    assert unfinished_bulk_actions() == []


def test_only_what_was_there_when_it_was_asked_for_is_changed(small_steps: None) -> None:
    destination = make_destination()
    make_dead(destination, 3)
    action = start_bulk_action(BulkVerb.RETRY, Selection())
    make_dead(destination, 2)
    run_to_its_end(action)
    assert statuses(destination) == {"pending": 3, "dead": 2}


def test_every_filter_of_the_selection_holds() -> None:
    source = make_source()
    destination = make_destination(sources=[source])
    wanted = make_dead(destination, 1)[0]
    make_dead(destination, 1, error_code="http_503")
    make_dead(destination, 1, status="rejected")
    make_dead(destination, 1, conversion_name="lead")
    make_dead(make_destination(sources=[source]), 1)
    elsewhere = make_dead(destination, 1)[0]
    Event.objects.filter(pk=elsewhere.event_id).update(source=make_source())
    early = make_dead(destination, 1)[0]
    Delivery.objects.filter(pk=early.pk).update(created_at=timezone.now() - HOUR)
    selection = Selection(
        destination_ids=(destination.pk,),
        source_id=source.pk,
        statuses=("dead",),
        conversion_name="checkout",
        error_code="http_500",
        since=timezone.now() - HOUR / 2,
        until=timezone.now(),
    )
    assert Selection.from_json(selection.to_json()) == selection
    action = start_bulk_action(BulkVerb.RETRY, selection)
    run_to_its_end(action)
    assert (action.total_count, action.changed_count) == (1, 1)
    assert [one.pk for one in Delivery.objects.filter(status="pending")] == [wanted.pk]


@pytest.mark.parametrize("stored", [{"where": "1=1"}, {"statuses": ["lost"]}])
def test_a_selection_takes_known_filters_only(stored: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"where|lost"):
        Selection.from_json(stored)


def test_a_bulk_discard_keeps_the_reason(small_steps: None) -> None:
    destination = make_destination()
    make_dead(destination, 12)
    make_deliveries(destination, 3)
    action = start_bulk_action(BulkVerb.DISCARD, Selection(), reason="A load test.")
    run_to_its_end(action)
    assert (action.total_count, action.changed_count) == (15, 15)
    assert set(Delivery.objects.values_list("status", "error_message")) == {
        ("discarded", "A load test.")
    }


def test_a_bulk_retry_adds_no_more_than_the_destination_can_take(small_steps: None) -> None:
    destination = make_destination()
    make_dead(destination, 60)
    action = start_bulk_action(BulkVerb.RETRY, Selection())

    results = [run_step(action.pk) for _ in range(5)]

    assert results == [StepResult.MORE] * 3 + [StepResult.WAITS] * 2
    assert statuses(destination) == {"pending": 25, "dead": 35}
    deliver_all(destination)
    assert run_step(action.pk) is StepResult.MORE
    assert statuses(destination) == {"delivered": 25, "pending": 10, "dead": 25}


def test_a_fresh_event_has_at_most_the_room_of_a_bulk_retry_in_front_of_it(
    small_steps: None,
) -> None:
    destination = make_destination()
    make_dead(destination, 300)
    action = start_bulk_action(BulkVerb.RETRY, Selection())
    while run_step(action.pk) is StepResult.MORE:
        pass
    (fresh,) = make_deliveries(destination, 1, age_seconds=0)
    run_step(action.pk)
    rules = ClaimRules(size=10, linger=timedelta(0), lease=HOUR, concurrency=100)
    batches_in_front = 0
    while fresh.pk not in claim(destination.pk, rules, timezone.now(), "worker").delivery_ids:
        batches_in_front += 1
        run_step(action.pk)  # what it adds now stands behind the fresh one
    assert batches_in_front == 2


def test_a_destination_without_room_does_not_hold_up_the_others(small_steps: None) -> None:
    paused, healthy = make_destination(), make_destination()
    make_dead(paused, 40)
    make_dead(healthy, 40)
    action = start_bulk_action(BulkVerb.RETRY, Selection())
    for _ in range(20):
        run_step(action.pk)
        deliver_all(healthy)
    assert statuses(healthy) == {"delivered": 40}
    assert statuses(paused) == {"pending": 25, "dead": 15}
    action.refresh_from_db()
    assert (list(action.positions), action.finished_at) == ([str(paused.pk)], None)


def test_cancel_ends_an_action_where_it_stands(small_steps: None) -> None:
    destination = make_destination()
    make_dead(destination, 23)
    action = start_bulk_action(BulkVerb.RETRY, Selection())
    run_step(action.pk)
    assert cancel_bulk_action(action.pk) is True
    assert run_step(action.pk) is StepResult.ENDED
    assert cancel_bulk_action(action.pk) is False
    action.refresh_from_db()
    assert (action.changed_count, action.finished_at) == (10, action.cancelled_at)
    assert action.cancelled_at is not None
    assert statuses(destination) == {"pending": 10, "dead": 13}


def test_a_step_that_fails_is_undone_and_given_up_after_a_few_times(
    small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination = make_destination()
    make_dead(destination, 23)
    action = start_bulk_action(BulkVerb.RETRY, Selection())
    run_step(action.pk)

    def fail_half_way(delivery_ids: Any, now: Any) -> int:
        Delivery.objects.filter(pk__in=delivery_ids).update(status="discarded")
        raise RuntimeError("personal data that must not be shown")

    with monkeypatch.context() as patched:
        patched.setattr(bulk, "retry_by_id", fail_half_way)
        results = [run_step(action.pk) for _ in range(5)]

    assert results == [StepResult.WAITS] * 4 + [StepResult.ENDED]
    assert statuses(destination) == {"pending": 10, "dead": 13}
    action.refresh_from_db()
    assert action.error == "RuntimeError: the server's own log has the details."
    assert action.finished_at is not None
    assert action.examined_count == 10


def test_a_lost_database_is_no_fault_of_the_action(
    small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_dead(make_destination(), 3)
    action = start_bulk_action(BulkVerb.RETRY, Selection())

    def lose(delivery_ids: Any, now: Any) -> int:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(bulk, "retry_by_id", lose)
    with pytest.raises(OperationalError):
        run_step(action.pk)
    action.refresh_from_db()
    assert (action.failure_count, action.finished_at) == (0, None)


def test_the_sweep_takes_up_an_action_whose_worker_died(
    small_steps: None, recorded_wake_ups: list[tuple[Any, ...]]
) -> None:
    make_dead(make_destination(), 23)
    action = start_bulk_action(BulkVerb.RETRY, Selection())
    run_step(action.pk)
    recorded_wake_ups.clear()
    tasks.sweep()
    assert (tasks.run_bulk_action.name, action.pk) in recorded_wake_ups
    assert tasks.run_bulk_action(action.pk) == 1
    recorded_wake_ups.clear()
    tasks.sweep()
    assert tasks.run_bulk_action.name not in dict(recorded_wake_ups)


@pytest.mark.django_db(transaction=True)
def test_workers_side_by_side_do_every_step_once(small_steps: None) -> None:
    destination = make_destination()
    make_dead(destination, 23)
    action = start_bulk_action(BulkVerb.RETRY, Selection())
    start = threading.Barrier(4)
    results: list[StepResult] = []

    def work() -> None:
        start.wait()
        try:
            for _ in range(500):
                results.append(run_step(action.pk))
                if results[-1] is StepResult.ENDED:
                    break
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    action.refresh_from_db()
    assert (action.examined_count, action.changed_count) == (23, 23)
    assert statuses(destination) == {"pending": 23}
    assert results.count(StepResult.MORE) == 2
    assert action.failure_count == 0


# --- Replay --------------------------------------------------------------------------------------


def last_hour(*destinations: Destination) -> Selection:
    now = timezone.now()
    ids = tuple(one.pk for one in destinations)
    return Selection(destination_ids=ids, since=now - HOUR, until=now + HOUR)


def test_a_replay_adds_what_todays_event_map_gives_and_keeps_the_others() -> None:
    destination = make_destination(event_map={"Trial Started": "signup"})
    trial, order = make_deliveries(
        destination, events=[make_event(event="Trial Started"), make_event()]
    )
    Delivery.objects.filter(pk=trial.pk).update(
        conversion_name="signup", status="delivered", due_at=None
    )
    Delivery.objects.filter(pk=order.pk).update(status="rejected", due_at=None)
    EventMapping.objects.create(
        destination=destination, source_event_name="Trial Started", pinterest_event_name="lead"
    )

    action = start_bulk_action(BulkVerb.REPLAY, last_hour(destination))
    run_to_its_end(action)

    assert (action.total_count, action.examined_count, action.changed_count) == (2, 2, 1)
    rows = Delivery.objects.order_by("pk").values_list("event_id", "conversion_name", "status")
    assert list(rows) == [
        (trial.event_id, "signup", "delivered"),
        (order.event_id, "checkout", "rejected"),
        (trial.event_id, "lead", "pending"),
    ]
    again = start_bulk_action(BulkVerb.REPLAY, last_hour(destination))
    run_to_its_end(again)
    assert again.changed_count == 0


def test_a_replay_fills_a_destination_that_was_linked_later(small_steps: None) -> None:
    source = make_source()
    make_deliveries(make_destination(sources=[source]), 23)
    late = make_destination(sources=[source])
    action = start_bulk_action(BulkVerb.REPLAY, last_hour(late))
    run_to_its_end(action)
    assert action.changed_count == 23
    assert statuses(late) == {"pending": 23}
    assert set(Delivery.objects.filter(destination=late).values_list("conversion_name")) == {
        ("checkout",)
    }


def test_a_replay_replaces_a_filtered_delivery_that_has_a_name_now() -> None:
    destination = make_destination(unmapped_events="filter")
    (filtered,) = make_deliveries(
        destination, events=[make_event(event="Trial Started")], conversion_name=""
    )
    Delivery.objects.update(status="filtered", due_at=None, error_code="unmapped_event")
    EventMapping.objects.create(
        destination=destination, source_event_name="Trial Started", pinterest_event_name="lead"
    )
    run_to_its_end(start_bulk_action(BulkVerb.REPLAY, last_hour(destination)))
    assert list(Delivery.objects.values_list("event_id", "conversion_name", "status")) == [
        (filtered.event_id, "lead", "pending")
    ]


@pytest.mark.parametrize(
    ("options", "reopened"),
    [
        ({}, set()),
        ({"retries_undelivered": True}, {"rejected", "dead"}),
        ({"resends_delivered": True}, {"delivered"}),
    ],
)
def test_what_a_replay_sends_again_is_the_persons_choice(
    options: dict[str, bool], reopened: set[str]
) -> None:
    destination = make_destination()
    before = dict(
        zip(["rejected", "dead", "delivered"], make_deliveries(destination, 3), strict=True)
    )
    for status, delivery in before.items():
        Delivery.objects.filter(pk=delivery.pk).update(status=status, due_at=None)
    action = start_bulk_action(BulkVerb.REPLAY, last_hour(destination), **options)
    run_to_its_end(action)
    for status, delivery in before.items():
        delivery.refresh_from_db()
        assert delivery.status == ("pending" if status in reopened else status)
    assert action.changed_count == len(reopened)


def test_a_replay_stays_within_its_time_range_and_its_sources() -> None:
    source = make_source()
    make_deliveries(make_destination(sources=[source]), 1, age_seconds=2 * 3600)
    make_deliveries(make_destination(sources=[source]), 2)
    make_deliveries(make_destination(), 1)
    late = make_destination(sources=[source])
    assert count_preview(BulkVerb.REPLAY, last_hour(late)).count == 2
    run_to_its_end(start_bulk_action(BulkVerb.REPLAY, last_hour(late)))
    assert statuses(late) == {"pending": 2}


def test_a_replay_leaves_an_event_without_body_alone() -> None:
    source = make_source()
    make_deliveries(make_destination(sources=[source]), 1)
    Event.objects.update(body=None)
    late = make_destination(sources=[source])
    action = start_bulk_action(BulkVerb.REPLAY, last_hour(late))
    run_to_its_end(action)
    assert (action.examined_count, action.changed_count) == (1, 0)
    assert statuses(late) == {}


def test_a_replay_needs_a_time_range_and_an_enabled_destination() -> None:
    off = make_destination(name="These destinations are off", enabled=False)
    with pytest.raises(ValueError, match="time range"):
        start_bulk_action(BulkVerb.REPLAY, Selection())
    with pytest.raises(ValueError, match="These destinations are off"):
        start_bulk_action(BulkVerb.REPLAY, last_hour(off))
    assert not BulkAction.objects.exists()
