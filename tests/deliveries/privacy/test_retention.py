"""Retention: each kind of data has its age; what is owed stays."""

from __future__ import annotations

import io
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries import tasks
from deliveries.actions.operations import retry
from deliveries.engine.dispatch import deliver_batch
from deliveries.models import (
    Attempt,
    Batch,
    BulkAction,
    ConsentWait,
    Delivery,
    Event,
    JobCursor,
    Person,
    Refusal,
    SecondChance,
)
from deliveries.privacy import retention
from deliveries.privacy.retention import PruneJob, PruneStep, prune, prune_step
from destinations.models import Destination
from pinterest_sandbox.sandbox import Sandbox
from tests.factories import make_deliveries, make_destination, make_event, make_source

pytestmark = pytest.mark.django_db
NOW = timezone.now()
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP", 4)


def run(now: datetime = NOW) -> dict[str, int]:
    counts, may_go_on = prune(
        bodies_before=now - 30 * DAY,
        log_before=now - 90 * DAY,
        people_before=now - 180 * DAY,
        now=now,
    )
    assert may_go_on is False
    return counts


def make_log(age_days: float, count: int = 1, **fields: Any) -> list[Delivery]:
    """Delivered deliveries of that age, with batch, attempt and bodies."""
    moment = NOW - age_days * DAY
    destination = Destination.objects.first() or make_destination()
    deliveries = make_deliveries(
        destination, count, age_seconds=(timezone.now() - moment).total_seconds()
    )
    for delivery in deliveries:
        batch = Batch.objects.create(
            destination=destination,
            sent_at=moment,
            api_version="v5",
            conversion_count=1,
            request_body=b"\0{}",
            response_body=b"\0{}",
        )
        changes = {"status": "delivered", "due_at": None, "settled_at": moment, **fields}
        Delivery.objects.filter(pk=delivery.pk).update(batch=batch, **changes)
        Attempt.objects.create(
            delivery=delivery, number=1, batch=batch, outcome="delivered", ended_at=moment
        )
    return deliveries


def events(**conditions: Any) -> set[int]:
    return set(Event.objects.filter(**conditions).values_list("pk", flat=True))


def test_bodies_go_at_their_age_and_the_rows_stay() -> None:
    old, young = make_log(31)[0], make_log(29)[0]
    counts = run()
    assert events(body=None) == {old.event_id}
    assert Batch.objects.filter(request_body=None, response_body=None).count() == 1
    assert Batch.objects.get(request_body=None).deliveries.get() == old
    assert events() == {old.event_id, young.event_id}
    assert (
        counts["personal data of events"],
        counts["personal data of batches"],
        counts["events"],
    ) == (1, 1, 0)


def test_filtered_deliveries_go_as_others_do() -> None:
    why = {
        "status": "filtered",
        "error_code": "filtered_by_rule",
        "error_message": "Rule 1 doesn't send it: properties.note is “ann@example.com”.",
    }
    (gone,) = make_log(91, **why)
    (bare,) = make_log(31, **why)
    (whole,) = make_log(29, **why)
    run()
    assert not Delivery.objects.filter(pk=gone.pk).exists()
    bare.refresh_from_db()
    assert (bare.status, bare.error_code, bare.error_message) == ("filtered", why["error_code"], "")
    assert events(body=None) == {bare.event_id}
    whole.refresh_from_db()
    assert whole.error_message == why["error_message"]
    # What says nothing of the event itself stays: why it was not sent.
    denied = "Consent was denied: context.consent.ad_storage is “denied”."
    (kept,) = make_log(31, status="filtered", error_code="consent_denied", error_message=denied)
    run()
    kept.refresh_from_db()
    assert kept.error_message == denied


def test_log_rows_go_at_their_age_with_all_that_is_theirs() -> None:
    make_log(91, 11)
    kept = make_log(89, 2)
    counts = run()
    assert (counts["events"], counts["batches"]) == (11, 11)
    assert set(Delivery.objects.values_list("pk", flat=True)) == {one.pk for one in kept}
    assert events() == {one.event_id for one in kept}
    assert set(Attempt.objects.values_list("delivery_id", flat=True)) == {one.pk for one in kept}
    assert Batch.objects.count() == 2


@pytest.mark.parametrize("status", ["pending", "sending"])
def test_open_deliveries_and_their_events_are_never_pruned(status: str) -> None:
    token = "00000000-0000-0000-0000-000000000001" if status == "sending" else None
    (owed,) = make_log(400, status=status, due_at=NOW, claim_token=token, settled_at=None)
    make_log(400, 9)
    run()
    assert events() == {owed.event_id}
    assert Event.objects.get().body is not None
    assert Delivery.objects.get().pk == owed.pk


def test_an_event_stays_whole_while_one_of_its_deliveries_is_owed() -> None:
    (sent,) = make_log(400)
    owed = Delivery.objects.create(
        event_id=sent.event_id,
        destination=make_destination(),
        conversion_name="checkout",
        due_at=NOW,
        created_at=NOW - 400 * DAY,
    )
    run()
    assert set(Delivery.objects.values_list("pk", flat=True)) == {sent.pk, owed.pk}
    assert Event.objects.get().body is not None


def test_what_had_to_stay_is_pruned_some_hours_after_it_was_settled() -> None:
    (owed,) = make_log(400, status="pending", due_at=NOW, settled_at=None)
    make_log(400, 9)
    make_log(1)
    run()
    Delivery.objects.filter(pk=owed.pk).update(
        status="delivered", due_at=None, settled_at=NOW - 100 * DAY
    )
    run(NOW + timedelta(hours=5))
    assert owed.event_id in events()
    run(NOW + timedelta(hours=7))
    assert owed.event_id not in events()
    assert len(events()) == 1


def test_a_delivery_that_was_settled_lately_keeps_its_old_event_in_the_log() -> None:
    (replayed,) = make_log(400, settled_at=NOW - DAY)
    run()
    assert events() == {replayed.event_id}
    assert Event.objects.get().body is None


def test_refusals_lose_their_excerpt_and_later_go() -> None:
    source = make_source()
    for age in (91, 31, 29):
        Refusal.objects.create(
            source=source, received_at=NOW - age * DAY, code="x", message="m", excerpt='{"email'
        )
    counts = run()
    assert list(Refusal.objects.order_by("pk").values_list("excerpt", flat=True)) == ["", '{"email']
    assert (counts["personal data of refusals"], counts["refusals"]) == (2, 1)


def test_ended_bulk_actions_go_with_the_log_and_unfinished_ones_stay() -> None:
    fields = {"verb": "retry", "selection": {}, "total_count": 1, "last_id": 1}
    BulkAction.objects.create(finished_at=NOW - 91 * DAY, **fields)
    BulkAction.objects.create(finished_at=None, created_at=NOW - 91 * DAY, **fields)
    assert run()["bulk actions"] == 1
    assert BulkAction.objects.get().finished_at is None


def test_rows_slightly_out_of_order_are_neither_lost_nor_pruned_early() -> None:
    make_log(31)
    (young,) = make_log(29.9)
    make_log(31, 3)
    run()
    assert events(body__isnull=False) == {young.event_id}
    run(NOW + DAY)
    assert events(body__isnull=False) == set()


def test_a_run_that_finds_nothing_old_does_not_grow_with_the_log() -> None:
    make_log(91, 3)
    make_log(1, 3)
    run()
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            run()
        counts.append(len(queries))
        make_log(1, 12)
    assert counts[0] == counts[1]
    assert counts[0] <= len(retention.PRUNE_JOBS) * 5 + 4
    writes = [one["sql"] for one in queries if one["sql"].startswith(("DELETE", "UPDATE"))]
    assert ["bulkaction" in sql for sql in writes] == [True]


def test_a_second_run_goes_on_where_the_first_one_stopped() -> None:
    make_log(31, 10)
    steps = iter([False, True])
    counts, may_go_on = prune(
        bodies_before=NOW - 30 * DAY,
        log_before=NOW - 90 * DAY,
        people_before=NOW - 180 * DAY,
        now=NOW,
        is_over=lambda: next(steps),
    )
    assert (counts["personal data of events"], may_go_on) == (4, True)
    assert run()["personal data of events"] == 6


def test_a_retry_after_the_body_is_gone_is_possible_and_says_so_later() -> None:
    (dead,) = make_log(31, status="dead")
    run()
    assert retry(Delivery.objects.filter(pk=dead.pk)) == 1
    assert Event.objects.get().body is None


def test_people_are_forgotten_when_no_event_came_for_long() -> None:
    for age in (181, 179, *[200] * 9):
        Person.objects.create(
            key=uuid.uuid4(),
            entries=b"",
            is_device=False,
            is_shared=False,
            seen_on=(NOW - age * DAY).date(),
            version=1,
        )
    assert run()["people"] == 10
    assert Person.objects.get().seen_on == (NOW - 179 * DAY).date()


def test_notes_of_waiting_deliveries_go_after_a_while() -> None:
    for number, age in enumerate((9, 9, 9, 9, 9, 9, 7)):
        SecondChance.objects.create(
            key=uuid.uuid4(), delivery_id=number, created_at=NOW - age * DAY
        )
    assert run()["second chances"] == 6
    assert SecondChance.objects.get().delivery_id == 6


def test_notes_of_what_waits_for_consent_go_after_a_while() -> None:
    for number, age in enumerate((9, 9, 7)):
        moment = NOW - age * DAY
        ConsentWait.objects.create(
            delivery_id=number,
            key=uuid.uuid4(),
            destination_id=1,
            created_at=moment,
            said_at=moment,
            is_firm=False,
        )
    assert run()["waits for consent"] == 2
    assert ConsentWait.objects.get().delivery_id == 2


def test_the_command_prunes_to_the_end_and_says_what() -> None:
    make_log(91, 6)
    said = io.StringIO()
    call_command("prune", stdout=said)
    assert "events: 6\n" in said.getvalue()
    assert "invalid events: 0\n" in said.getvalue()
    assert "refusals" not in said.getvalue()
    assert not Event.objects.exists()


def test_the_task_prunes_by_the_settings(settings: Any) -> None:
    settings.BODY_RETENTION_DAYS = 5
    settings.LOG_RETENTION_DAYS = 10
    make_log(11)
    make_log(6)
    make_log(4)
    assert tasks.prune() > 0
    assert Event.objects.count() == 2
    assert Event.objects.filter(body=None).count() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_workers_do_not_wait_for_each_other() -> None:
    make_log(31, 3)
    job = retention.PRUNE_JOBS[0]
    JobCursor.objects.create(name=job.name)
    locked, done = threading.Event(), threading.Event()

    def hold_the_cursor() -> None:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT 1 FROM deliveries_prunemark FOR UPDATE")
            locked.set()
            done.wait(30)
            cursor.execute("ROLLBACK")
        connection.close()

    holder = threading.Thread(target=hold_the_cursor)
    holder.start()
    assert locked.wait(30)
    try:
        step = prune_step(job, NOW - 30 * DAY, NOW)
    finally:
        done.set()
        holder.join()
    assert (step.pruned_count, step.may_go_on) == (0, False)
    assert prune_step(job, NOW - 30 * DAY, NOW).pruned_count == 3


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("job", retention.PRUNE_JOBS, ids=lambda job: job.name)
def test_neither_ingest_nor_delivery_waits_for_a_step(
    job: PruneJob, client: Client, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_log(101, 3)
    destination = Destination.objects.get()
    source = destination.sources.get()
    Refusal.objects.create(received_at=NOW - 101 * DAY, excerpt="x", source=source)
    JobCursor.objects.create(name=job.name)
    changed, may_commit = threading.Event(), threading.Event()
    save = JobCursor.save

    def save_late(cursor: JobCursor) -> None:
        changed.set()
        assert may_commit.wait(30)
        save(cursor)

    def take_a_step() -> PruneStep:
        try:
            return prune_step(job, NOW - 100 * DAY, NOW)
        finally:
            connection.close()

    monkeypatch.setattr(JobCursor, "save", save_late)
    with ThreadPoolExecutor(1) as pool:
        step = pool.submit(take_a_step)
        assert changed.wait(30)  # its rows are changed and locked, and it has not committed
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '2s'")
            event = make_event()
            answer = client.post(
                "/v1/track",
                orjson.dumps(event),
                content_type="application/json",
                query_params={"writeKey": source.write_key},
            )
            assert answer.status_code == 200
            later = timezone.now() + timedelta(minutes=1)
            assert deliver_batch(destination.pk, clock=lambda: later) == 1
        finally:
            may_commit.set()
        assert step.result().pruned_count > 0
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 0")
    fresh = Delivery.objects.get(event__message_id=event["messageId"])
    assert fresh.status == "delivered"
