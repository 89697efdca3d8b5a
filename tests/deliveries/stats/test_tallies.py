"""The tallies: they agree with the log, cost one statement, and survive being merged."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.engine.dispatch import deliver_batch
from deliveries.engine.retry import RetryPolicy
from deliveries.engine.settlement import settle
from deliveries.models import Circuit, Delivery, Event, Refusal, Tally
from deliveries.stats import compaction
from deliveries.stats.compaction import merge_tallies
from deliveries.stats.figures import SPANS, read_figures
from deliveries.stats.tallies import (
    MATCH_BITS,
    append,
    bucket_of,
    latency_step,
    longest_of_step,
    read_matchable,
)
from destinations.models import Destination, Source
from pinterest_sandbox.sandbox import Sandbox
from tests.deliveries.ingest.sender import basic
from tests.factories import make_deliveries, make_destination, make_event, make_source

pytestmark = pytest.mark.django_db


def tallied(**only: Any) -> Counter[str]:
    counts: Counter[str] = Counter()
    for metric, count in Tally.objects.filter(**only).values_list("metric", "count"):
        counts[metric] += count
    return counts


def of_log(destination: Destination) -> Counter[str]:
    """What the tallies of status and error code ought to be."""
    counts: Counter[str] = Counter()
    for status, code in Delivery.objects.filter(destination=destination).values_list(
        "status", "error_code"
    ):
        counts[status if status == "delivered" else f"{status}:{code}"] += 1
    return counts


def of_codes(counts: Counter[str]) -> Counter[str]:
    return Counter(
        {
            metric: count
            for metric, count in counts.items()
            if metric == "delivered" or metric.startswith(("rejected:", "dead:", "filtered:"))
        }
    )


def total(counts: Counter[str], beginning: str) -> int:
    return sum(count for metric, count in counts.items() if metric.startswith(beginning))


def post_batch(source: Source, events: list[Any]) -> None:
    response = Client().post(
        "/v1/batch",
        orjson.dumps({"batch": events}),
        content_type="application/json",
        headers={"authorization": basic(source.write_key)},
    )
    assert (response.status_code, response.content) == (200, b"OK")


def send_all(destination: Destination) -> None:
    """Let every delivery be due, batch after batch, until nothing is left to send."""
    for _ in range(20):
        Circuit.objects.update(hold_until=None)
        Delivery.objects.filter(status="pending").update(
            due_at=timezone.now() - timedelta(minutes=1)
        )
        if not deliver_batch(destination.pk):
            return
    raise AssertionError("It never ends.")


def test_after_a_mixed_run_the_tallies_agree_with_the_log(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deliveries.engine.dispatch.POLICY", RetryPolicy((1.0, 1.0)))
    source = make_source()
    destination = make_destination(
        sources=[source], max_age_hours=1, event_map={"Order Completed": "checkout"}
    )
    good = [make_event() for _ in range(8)]
    bare = [make_event(context={}) for _ in range(2)]
    old = make_event(timestamp="2024-01-01T00:00:00Z")
    alias = make_event(type="alias", previousId="x")
    nameless = make_event(event="")
    poison = make_event(messageId="poisonous")
    sandbox.add_fault("poison=poisonous")
    post_batch(source, [*good, *bare, old, alias, nameless, poison, 17])
    post_batch(source, good[:3])  # the sender repeats itself
    send_all(destination)

    sandbox.clear_faults()
    sandbox.add_fault("status=503")
    post_batch(source, [make_event() for _ in range(4)])
    send_all(destination)

    of_destination = tallied(destination=destination)
    assert of_codes(of_destination) == of_log(destination)
    assert of_log(destination) == {
        "delivered": 8,
        "rejected:missing_user_data": 2,
        "rejected:event_name_missing": 1,
        "rejected:invalid_request": 1,
        "filtered:event_too_old": 1,
        "filtered:unsupported_type": 1,
        "dead:server_error": 4,
    }
    assert of_destination["retryable:server_error"] == 4 * 2  # the third try was the last
    assert tallied(source=source) == {
        "received": 18,
        "refused": 1,
        "refusal:not_an_object": 1,
    }
    assert (Event.objects.count(), Refusal.objects.count()) == (18, 1)
    assert total(of_destination, "latency:") == 8
    matches = [of_destination[f"match:{key}"] for key in MATCH_BITS]
    assert dict(zip(MATCH_BITS, matches, strict=True)) == {
        "em": 8,
        "ph": 0,
        "external_id": 8,
        "click_id": 0,
        "hashed_maids": 0,
        "ip_ua": 0,
        "of_app": 0,
        "of_offline": 0,
    }


def test_a_paused_destination_tallies_nothing(sandbox: Sandbox) -> None:
    destination = make_destination()
    make_deliveries(destination, 3)
    sandbox.add_fault("status=401")
    deliver_batch(destination.pk)
    counts = tallied()
    assert (counts.pop("request:401"), counts.pop("sent"), counts.pop("size:5")) == (1, 3, 1)
    assert all(metric.startswith("request_") for metric in counts)


def test_deliveries_that_passed_to_another_worker_are_not_counted_here(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination = make_destination()
    lost, _ = make_deliveries(destination, 2)

    def lose(*args: Any, **options: Any) -> int | None:
        Delivery.objects.filter(pk=lost.pk).update(claim_token=uuid.uuid4())
        return settle(*args, **options)

    monkeypatch.setattr("deliveries.engine.dispatch.settle", lose)
    deliver_batch(destination.pk)
    assert tallied()["delivered"] == 1
    assert total(tallied(), "latency:") == 1


def test_settling_costs_one_more_statement_whatever_it_counts(sandbox: Sandbox) -> None:
    destination = make_destination()
    bare = [make_event(context={}, userId="x") for _ in range(40)]
    make_deliveries(destination, events=[*(make_event() for _ in range(200)), *bare])
    with CaptureQueriesContext(
        connection,
    ) as queries:
        deliver_batch(destination.pk)
    inserts = [query for query in queries if 'INTO "deliveries_tally"' in query["sql"]]
    assert len(inserts) == 2  # what the transform rejected is settled before the batch is sent
    assert tallied()["delivered"] == 200


@pytest.mark.parametrize("seconds", [0.0, 0.0005, 0.002, 0.7, 1, 3.3, 59, 86_400 * 20])
def test_a_latency_is_in_the_step_that_bounds_it(seconds: float) -> None:
    step = latency_step(seconds)
    assert seconds <= longest_of_step(step) * (1 + 1e-9)
    assert step == 0 or seconds > longest_of_step(step - 1) * (1 - 1e-9)


def test_the_latency_counts_from_the_reception_in_any_time_zone(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        destination = make_destination()
        make_deliveries(destination, 1, age_seconds=60)
        deliver_batch(destination.pk)
    finally:
        monkeypatch.undo()
        time.tzset()
    (metric,) = [metric for metric in tallied() if metric.startswith("latency:")]
    assert 60 < longest_of_step(int(metric.partition(":")[2])) < 60 * 1.5


@pytest.mark.parametrize(
    ("fields", "bits"),
    [
        ({"user_data": {"em": ["x"]}, "action_source": "web"}, 1),
        ({"user_data": {"client_ip_address": "1.1.1.1"}, "action_source": "web"}, 0),
        (
            {
                "user_data": {"client_ip_address": "1.1.1.1", "client_user_agent": "x"},
                "action_source": "web",
            },
            32,
        ),
        ({"user_data": {"hashed_maids": ["x"], "ph": ["y"]}, "action_source": "app_ios"}, 82),
        ({"user_data": {"external_id": ["x"], "click_id": "y"}, "action_source": "offline"}, 140),
    ],
)
def test_what_a_match_may_use_is_read_from_the_conversion(
    fields: dict[str, Any], bits: int
) -> None:
    assert read_matchable(fields) == bits


def test_merging_keeps_every_sum_and_leaves_one_row_for_each_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compaction, "STEP", 7)
    now = timezone.now()
    for minutes in (0, 0, 0, 6, 6, 7):
        for destination_id in (1, 2):
            append(
                {"delivered": 3, "rejected:x": 1},
                now - timedelta(minutes=minutes),
                destination_id=destination_id,
            )
        append({"received": 5}, now - timedelta(minutes=minutes), source_id=9)
    before, buckets = tallied(), set(Tally.objects.values_list("bucket", flat=True))

    assert merge_tallies(now) > 0

    assert tallied() == before == {"delivered": 36, "rejected:x": 12, "received": 30}
    assert set(Tally.objects.values_list("bucket", flat=True)) == buckets
    assert set(Tally.objects.values_list("level", flat=True)) == {Tally.Level.MERGED}
    assert Tally.objects.count() == len(buckets) * 5
    assert merge_tallies(now) == 0

    append({"delivered": 1}, now, destination_id=1)  # a straggler finds its row
    merge_tallies(now)
    assert Tally.objects.count() == len(buckets) * 5
    assert tallied()["delivered"] == 37


def test_old_tallies_are_by_the_hour_then_by_the_day_and_after_a_month_they_are_gone() -> None:
    now = datetime.fromisoformat("2026-03-20T12:34:56+00:00")
    this_morning = now.replace(hour=8, minute=0, second=0)
    last_week = now.replace(day=10, hour=0, minute=0, second=0)
    for minutes in (0, 5, 55):
        append({"delivered": 1}, this_morning + timedelta(minutes=minutes), destination_id=1)
    for hours in (0, 1, 23):
        append({"delivered": 2}, last_week + timedelta(hours=hours), destination_id=1)
    append({"delivered": 10}, now - timedelta(days=32), destination_id=1)
    append({"delivered": 100}, now - timedelta(hours=2), destination_id=1)
    merge_tallies(now)
    level = Tally.Level
    assert list(Tally.objects.order_by("bucket").values_list("level", "bucket", "count")) == [
        (level.DAILY, bucket_of(last_week), 6),
        (level.HOURLY, bucket_of(this_morning), 3),
        (level.MERGED, bucket_of(now - timedelta(hours=2)), 100),
    ]
    append({"delivered": 1}, last_week + timedelta(hours=3), destination_id=1)
    merge_tallies(now)
    assert Tally.objects.get(level=level.DAILY).count == 7


def test_no_range_of_the_home_page_needs_finer_tallies_than_there_are() -> None:
    now = datetime.fromisoformat("2026-03-20T23:59:59+00:00")
    for hours in range(31 * 24):
        append({"delivered": 1}, now - timedelta(hours=hours), destination_id=1)
    before = {span.key: read_figures(span, now).total.slots for span in SPANS}
    merge_tallies(now)
    assert {span.key: read_figures(span, now).total.slots for span in SPANS} == before


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_mergers_at_once_count_nothing_twice() -> None:
    now = timezone.now()
    for _ in range(300):
        append({"delivered": 1, "latency:9": 1}, now, destination_id=1)
    errors: list[BaseException] = []

    def merge() -> None:
        try:
            merge_tallies(now)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=merge) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert tallied() == {"delivered": 300, "latency:9": 300}
