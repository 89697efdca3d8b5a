"""The promises to the database: sweep, claim, settle, log, report and prune use their indexes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from benchmarks.log_filling import analyze, fill_closed, fill_due
from deliveries.actions.bulk import TOUCHED, count_preview, run_step, start_bulk_action
from deliveries.engine import dispatch
from deliveries.engine.claims import ClaimRules, claim, destinations_with_due_deliveries, release
from deliveries.engine.settlement import settle
from deliveries.engine.types import Judged
from deliveries.models import Delivery, JobCursor
from deliveries.privacy.retention import PRUNE_JOBS, PruneJob, prune_step
from deliveries.search.block_index import CURSOR, list_contents, list_step
from deliveries.search.counting import count_deliveries
from deliveries.search.selection import Selection
from deliveries.search.status_counts import MAX_COUNTED
from deliveries.stats.health import oldest_due_at
from deliveries.stats.reporting import build_report
from deliveries.statuses import BulkVerb
from destinations.models import Destination, Source
from destinations.pinterest.outcomes import Outcome, OutcomeKind
from tests.deliveries.plans import explained
from tests.deliveries.searching import search_url
from tests.factories import make_destination, make_source

pytestmark = [pytest.mark.postgres, pytest.mark.django_db]

CLOSED, DUE = 300_000, 30_000
RULES = ClaimRules(
    size=1000, linger=timedelta(seconds=2), lease=timedelta(seconds=120), concurrency=4
)


@pytest.fixture(scope="module", autouse=True)
def big_log(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A log that is worth an index, made once and gone after this module."""
    with django_db_blocker.unblock():
        source = make_source()
        destinations = [make_destination(sources=[source]).pk for _ in range(3)]
        fill_closed(source.pk, destinations, CLOSED, timezone.now(), batch_size=20)
        small = make_destination(name="A small one", sources=[source])
        fill_closed(source.pk, [small.pk], 300, timezone.now())
        fill_due(source.pk, destinations, DUE, timezone.now())
        list_contents(timezone.now())
        list_contents(timezone.now() + timedelta(minutes=1))
        analyze()
        yield
        call_command("flush", verbosity=0, interactive=False)
        analyze()


@pytest.fixture
def destination() -> Destination:
    found = Destination.objects.order_by("pk").first()
    assert found is not None
    return found


def test_a_log_as_a_whole_is_seen_when_it_is_read() -> None:
    """The measure itself: reading without an index would be noticed."""
    with explained() as plans:
        list(Delivery.objects.filter(error_message="x"))
    assert plans.scanned_tables == {"deliveries_delivery"}


def test_the_sweep_probes_the_index_of_what_is_due() -> None:
    with explained() as plans:
        assert len(destinations_with_due_deliveries(timezone.now())) == 3
    assert plans.scanned_tables == set()
    assert "delivery_due" in plans.indexes


def test_readiness_probes_the_index_of_what_is_due() -> None:
    with explained() as plans:
        assert oldest_due_at(timezone.now()) is not None
    assert plans.scanned_tables == set()
    assert plans.indexes >= {"delivery_due"}


def test_a_claim_reads_what_is_due_in_order_and_changes_it_by_primary_key(
    destination: Destination,
) -> None:
    with explained() as plans:
        claimed = claim(destination.pk, RULES, timezone.now(), "worker")
    assert claimed is not None
    assert len(claimed.delivery_ids) == 1000
    assert plans.scanned_tables == set()
    assert plans.indexes >= {"delivery_due", "deliveries_delivery_pkey"}
    assert plans.sorted_rows() == 0


def test_loading_settling_and_releasing_a_claim_go_by_primary_key(
    destination: Destination,
) -> None:
    claimed = claim(destination.pk, RULES, timezone.now(), "worker")
    assert claimed is not None
    with explained() as plans:
        assert len([*dispatch._load(claimed)]) == 1000
        settle(
            claimed,
            [Judged(pk, 1, Outcome(OutcomeKind.DELIVERED)) for pk in claimed.delivery_ids[:900]],
            None,
            policy=dispatch.POLICY,
            now=timezone.now(),
            draw_jitter=random.random,
        )
        assert release(claimed) == 100
    assert plans.readers == []
    assert plans.indexes >= {"deliveries_delivery_pkey", "deliveries_event_pkey"}


DELIVERY_LOG = "/admin/deliveries/delivery/"


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("", "deliveries_delivery_pkey"),
        ("status=dead", "delivery_failed"),
        ("status=rejected", "delivery_failed"),
        ("status=pending", None),
        ("status=delivered", "deliveries_delivery_pkey"),
        ("destination={small}", "deliveries_delivery_pkey"),
        ("destination={small}&status=delivered", "deliveries_delivery_pkey"),
        ("destination=999999", None),
        ("source={source}", "deliveries_event_pkey"),
        ("source={source}&status=dead", "delivery_failed"),
        ("source={source}&error_code=http_503", "delivery_with_error"),
        ("source=999999", None),
        ("source_event=Order+Completed", "deliveries_event_pkey"),
        ("source_event=Order+Completed&destination={small}", "deliveries_event_pkey"),
        ("source_event=Never+Sent", None),
        ("pinterest_event=lead", "deliveries_delivery_pkey"),
        ("batch=10", "delivery_in_batch"),
        ("since={yesterday}T00:00&until={yesterday}T00:10", "deliveries_delivery_pkey"),
        ("error_code=http_503&settled_since={yesterday}T00:00", "delivery_with_error"),
        ("error_code=http_503", "delivery_with_error"),
        ("status=dead&destination={destination}", "delivery_failed"),
        ("pinterest_event=checkout", "deliveries_delivery_pkey"),
        ("day={yesterday}", "deliveries_delivery_pkey"),
        ("day={yesterday}&status=delivered", "deliveries_delivery_pkey"),
        ("event=10", "delivery_once"),
        ("before=100000", "deliveries_delivery_pkey"),
        ("before=100000&status=dead", "delivery_failed"),
    ],
)
def test_every_filter_of_the_log_has_its_index(
    destination: Destination, query: str, index: str | None
) -> None:
    browser = Client()
    browser.force_login(User.objects.create_superuser("admin"))
    yesterday = (timezone.now() - timedelta(days=1)).date().isoformat()
    small = Destination.objects.get(name="A small one").pk
    filled = query.format(
        destination=destination.pk,
        small=small,
        source=Source.objects.get().pk,
        yesterday=yesterday,
    )
    url = f"{DELIVERY_LOG}?{filled}"
    with explained() as plans:
        assert browser.get(url).status_code == 200
    assert plans.scanned_tables == set()
    assert index is None or index in plans.indexes
    # What is open may be sorted, as far as the tabs count it.
    assert plans.sorted_rows() <= (2 * MAX_COUNTED if index else 2 * DUE)


@pytest.mark.parametrize(
    ("term", "index"),
    [("closed-5000", "event_once_per_source"), ("an-event-id", "delivery_event_id")],
)
def test_every_search_of_the_log_has_its_index(term: str, index: str) -> None:
    browser = Client()
    browser.force_login(User.objects.create_superuser("admin"))
    url = search_url(browser, term)
    with explained() as plans:
        assert browser.get(url).status_code == 200
    assert plans.scanned_tables == set()
    assert index in plans.indexes


@pytest.mark.parametrize("log", ["batch", "refusal"])
def test_the_other_logs_are_paged_by_an_index(log: str) -> None:
    browser = Client()
    browser.force_login(User.objects.create_superuser("admin"))
    with explained() as plans:
        assert browser.get(f"/admin/deliveries/{log}/").status_code == 200
    assert plans.scanned_tables <= {"deliveries_refusal"}  # which is empty here


def test_the_contents_of_a_block_are_read_by_primary_key() -> None:
    JobCursor.objects.filter(pk=CURSOR).update(position=3)
    with explained() as plans:
        assert list_step(timezone.now() + timedelta(minutes=2)) == 1
    assert plans.scanned_tables == set()
    assert plans.indexes >= {"deliveries_delivery_pkey", "deliveries_event_pkey"}


def test_the_preview_of_a_destination_that_gets_nothing_looks_at_the_newest_events_only() -> None:
    quiet = make_destination()
    browser = Client()
    browser.force_login(User.objects.create_superuser("admin"))
    with explained() as plans:
        assert (
            browser.get(
                reverse("admin:destinations_destination_preview", args=[quiet.pk])
            ).status_code
            == 200
        )
    assert plans.scanned_tables == set()


def test_the_report_of_a_day_reads_that_days_rows_only() -> None:
    with explained() as plans:
        report = build_report(timezone.now() - timedelta(days=1))
    assert sum(report["totals"].values()) >= DUE
    assert "deliveries_delivery" not in plans.scanned_tables
    assert "deliveries_delivery_pkey" in plans.indexes


@pytest.mark.parametrize("job", PRUNE_JOBS, ids=lambda job: job.name)
def test_a_step_of_the_retention_goes_by_primary_key(
    job: PruneJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of a table with few rows, a whole step is better read from one end to the other.
    monkeypatch.setattr("deliveries.privacy.retention.STEP", 100)
    now = timezone.now()
    with explained() as plans:
        step = prune_step(job, now - timedelta(days=40), now)
    assert plans.scanned_tables <= {"deliveries_refusal"}
    if job.model.objects.exists():
        assert step.pruned_count > 0 or job.name == "personal data of events"  # half have none here
        assert f"{job.model._meta.db_table}_pkey" in plans.indexes
    if job.name == "events":
        assert plans.indexes >= {"delivery_once", "deliveries_delivery_pkey"}


def test_an_idle_run_of_the_retention_reads_one_step_of_each_walk() -> None:
    now = timezone.now()
    with explained() as plans:
        for job in PRUNE_JOBS:
            assert prune_step(job, now - timedelta(days=400), now).pruned_count == 0
    assert plans.scanned_tables <= {"deliveries_refusal"}
    assert max(plans.row_counts) <= 1000


def test_a_bulk_retry_counts_and_steps_through_the_undelivered(
    destination: Destination,
) -> None:
    Delivery.objects.filter(due_at__isnull=False).delete()  # room
    selection = Selection(destination_ids=(destination.pk,), statuses=("dead",))
    with explained() as plans:
        count = count_preview(BulkVerb.RETRY, selection).count
    assert count == CLOSED / 100 / 3
    assert plans.scanned_tables == set()
    assert "delivery_failed" in plans.indexes
    action = start_bulk_action(BulkVerb.RETRY, selection)
    with explained() as steps:
        run_step(action.pk)
    action.refresh_from_db()
    assert action.changed_count == count
    assert steps.scanned_tables == set()


@pytest.mark.parametrize("verb", [BulkVerb.RETRY, BulkVerb.DISCARD])
@pytest.mark.parametrize("by", ["all", "source", "destination", "error", "days"])
def test_counting_for_a_bulk_verb_reads_no_table_of_the_log_whole(
    destination: Destination, verb: BulkVerb, by: str
) -> None:
    now = timezone.now()
    selection = {
        "all": Selection(),
        "source": Selection(source_id=Source.objects.get().pk),
        "destination": Selection(destination_ids=(destination.pk,)),
        "error": Selection(error_code="http_503"),
        "days": Selection(since=now - timedelta(days=9), until=now - timedelta(days=7)),
    }[by]
    with explained() as plans:
        counted = count_deliveries(selection, TOUCHED[verb], seconds=60)
    assert plans.scanned_tables == set()
    expected = selection.deliveries(TOUCHED[verb])
    assert (counted.count, counted.is_exact) == (expected.count(), True)
    assert counted.oldest_at is not None
    assert counted.oldest_at < counted.newest_at


def test_a_replay_reads_its_time_range_by_primary_key(destination: Destination) -> None:
    Delivery.objects.filter(due_at__isnull=False).delete()
    now = timezone.now()
    selection = Selection(
        destination_ids=(destination.pk,),
        since=now - timedelta(days=2),
        until=now - timedelta(days=1),
    )
    action = start_bulk_action(BulkVerb.REPLAY, selection)
    with explained() as plans:
        run_step(action.pk)
    action.refresh_from_db()
    assert action.examined_count == 1000
    assert plans.scanned_tables == set()
    assert plans.indexes >= {"deliveries_event_pkey", "delivery_once"}
