"""/metrics: what it says agrees with the log, it costs one row, and nobody reads it unasked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from deliveries.engine.claims import forget_ended_claims
from deliveries.engine.dispatch import deliver_batch
from deliveries.metrics import collecting, families
from deliveries.metrics.collecting import take_snapshot
from deliveries.metrics.families import FAMILIES
from deliveries.metrics.totals import read_totals
from deliveries.models import Circuit, Claim, Delivery, Snapshot, Tally
from deliveries.stats.compaction import merge_tallies
from deliveries.stats.tallies import DELIVERED, append
from destinations.models import Destination
from pinterest_sandbox.sandbox import Sandbox
from tests.deliveries.stats.test_tallies import post_batch
from tests.factories import make_destination, make_event, make_source
from tests.variables import BASE_DIR

pytestmark = pytest.mark.django_db
TOKEN = "a-token-of-many-characters"
MARK = re.compile(r"^\| `(capi_relay_\w+)` \|", re.M)
PROCESS_METRICS = {
    "http_requests_total", "http_request_duration_seconds", "wakeups_total", "tasks_total",
    "task_duration_seconds", "process_cpu_seconds_total", "process_resident_memory_bytes",
    "process_open_fds", "process_threads", "process_start_time_seconds",
}  # fmt: skip


@pytest.fixture
def allowed(settings: Any) -> Client:
    settings.METRICS_ALLOWED_IPS = [ip_network("127.0.0.0/8")]
    settings.METRICS_ON = True
    return Client()


def scrape(client: Client) -> dict[tuple[str, tuple[str, ...]], float]:
    """(name without its prefix, values of labels) → value."""
    response = client.get("/metrics")
    assert response.status_code == 200
    return {
        (
            sample.name.removeprefix("capi_relay_"),
            tuple(sample.labels[name] for name in sorted(sample.labels)),
        ): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def send(destination: Destination) -> None:
    Circuit.objects.update(hold_until=None)
    Delivery.objects.filter(status="pending").update(due_at=timezone.now() - timedelta(minutes=1))
    deliver_batch(destination.pk)


def test_it_is_off_until_somebody_may_read_it(client: Client, settings: Any) -> None:
    assert client.get("/metrics").status_code == 404
    settings.METRICS_ON, settings.METRICS_TOKEN = True, TOKEN
    refused = client.get("/metrics")
    assert (refused.status_code, refused["WWW-Authenticate"]) == (401, "Bearer")
    for wrong in ("", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xe9"):
        answer = client.get("/metrics", headers={"authorization": wrong})
        assert answer.status_code == 401, wrong
    assert client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert client.post("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 405


def test_an_address_is_enough_if_it_is_believed(client: Client, settings: Any) -> None:
    settings.METRICS_ON, settings.METRICS_ALLOWED_IPS = True, [ip_network("10.0.0.0/8")]
    spoofed = {"x-forwarded-for": "10.1.2.3"}
    assert client.get("/metrics", headers=spoofed).status_code == 403
    assert client.get("/metrics", REMOTE_ADDR="10.1.2.3").status_code == 200
    settings.TRUSTED_PROXY_COUNT = 1
    assert client.get("/metrics", headers=spoofed).status_code == 200
    twice = {"x-forwarded-for": "10.1.2.3, 203.0.113.7"}
    assert client.get("/metrics", headers=twice).status_code == 403


def test_the_figures_agree_with_what_happened(
    sandbox: Sandbox, allowed: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_source()
    destination = make_destination(sources=[source], event_map={"Order Completed": "checkout"})
    pk = str(destination.pk)
    post_batch(source, [*(make_event() for _ in range(7)), make_event(context={}), 17])
    send(destination)
    sandbox.add_fault("status=503")
    post_batch(source, [make_event() for _ in range(2)])
    send(destination)
    sandbox.clear_faults()
    send(destination)
    post_batch(source, [make_event() for _ in range(3)])
    assert take_snapshot(timezone.now())
    found = scrape(allowed)
    expected: dict[tuple[str, tuple[str, ...]], float] = {
        ("events_received_total", (str(source.pk),)): 13,
        ("events_invalid_total", ("not_an_object", str(source.pk))): 1,
        ("delivered_total", (pk,)): 9,
        ("rejected_total", ("missing_user_data", pk)): 1,
        ("retryable_total", ("server_error", pk)): 2,
        ("requests_total", ("200", pk)): 2,
        ("requests_total", ("503", pk)): 1,
        ("request_conversions_count", (pk,)): 3,
        ("request_conversions_sum", (pk,)): 11,
        ("request_conversions_bucket", (pk, "5")): 2,
        ("conversions_resent_total", (pk,)): 2,
        ("request_duration_seconds_count", (pk,)): 3,
        ("delivery_latency_seconds_count", (pk,)): 9,
        ("waiting_deliveries", (pk,)): 3,
        ("destination_paused", (pk,)): 0,
        ("circuit_open", (pk,)): 0,
        ("destination_enabled", (pk,)): 1,
        ("destination_info", (pk, destination.name)): 1,
    }
    assert {key: found.get(key) for key in expected} == expected
    assert found["delivery_latency_seconds_sum", (pk,)] > 0


def test_a_lease_that_ended_is_counted_once() -> None:
    destination = make_destination()
    now = timezone.now()
    Claim.objects.create(
        destination=destination, worker="w", expires_at=now - timedelta(seconds=1), delivery_count=1
    )
    assert (forget_ended_claims(now), forget_ended_claims(now)) == (1, 0)
    tally = Tally.objects.get(metric="lease_expired")
    assert (tally.destination_id, tally.count) == (destination.pk, 1)


def test_counters_only_grow_while_tallies_are_merged_and_forgotten() -> None:
    destination = make_destination()
    start = timezone.now().replace(minute=7, second=0, microsecond=0)
    state: dict[str, Any] = {}
    counted, seen = 0, 0
    for step in range(60):
        now = start + timedelta(hours=step * 17, minutes=step * 3)
        append({DELIVERED: step + 1}, now, destination_id=destination.pk)
        counted += step + 1
        if step % 3 == 0:
            merge_tallies(now)
        totals = read_totals(state, now)
        state = totals.to_state()
        assert totals.counts["destination", destination.pk, DELIVERED] == counted
        seen += 1
    assert not Tally.objects.filter(bucket__lt=start.timestamp() + 86_400).exists()
    assert seen == 60


def test_a_scrape_reads_one_row(allowed: Client) -> None:
    make_destination()
    take_snapshot(timezone.now())
    with CaptureQueriesContext(connection) as queries:
        scrape(allowed)
    assert len(queries) == 1
    assert "deliveries_snapshot" in queries[0]["sql"]


def test_a_snapshot_takes_as_many_queries_for_many_destinations() -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert take_snapshot(timezone.now())
        return len(queries)

    make_destination()
    count()
    few = count()
    for _ in range(5):
        make_destination()
    assert count() == few


def test_many_destinations_are_added_up(allowed: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [make_destination() for _ in range(4)]
    for row in rows:
        append({DELIVERED: 10, "rejected:made_up": 1}, timezone.now(), destination_id=row.pk)
    monkeypatch.setattr(collecting, "MAX_SUBJECTS", 2)
    take_snapshot(timezone.now())
    found = scrape(allowed)
    assert found["delivered_total", ("other",)] == 20
    assert found["rejected_total", ("other", "other")] == 2
    assert len([key for key in found if key[0] == "destination_info"]) == 2


def test_what_was_deleted_is_forgotten(allowed: Client) -> None:
    row = make_destination()
    append({DELIVERED: 1}, timezone.now(), destination_id=row.pk)
    take_snapshot(timezone.now())
    Destination.objects.filter(pk=row.pk).delete()
    take_snapshot(timezone.now())
    assert not [key for key in scrape(allowed) if key[0] == "delivered_total"]


def test_what_waits_is_counted_up_to_a_limit(
    allowed: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "MAX_COUNTED", 2)
    source = make_source()
    row = make_destination(sources=[source], event_map={"Order Completed": "checkout"})
    post_batch(source, [make_event() for _ in range(4)])
    take_snapshot(timezone.now())
    found = scrape(allowed)
    assert found["waiting_deliveries", (str(row.pk),)] == 2
    assert found["waiting_count_limit", ()] == 2


def documented() -> set[str]:
    return set(MARK.findall((BASE_DIR / "docs" / "monitoring.md").read_text("utf-8")))


def test_the_documentation_lists_every_metric_and_no_other() -> None:
    own = {name + ("_total" if kind.type == "counter" else "") for name, kind in FAMILIES.items()}
    assert documented() == {f"capi_relay_{name}" for name in own | PROCESS_METRICS}


def test_names_follow_the_conventions() -> None:
    for name, kind in FAMILIES.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name), name
        assert not name.endswith(("_total", "_count", "_sum", "_bucket")), name
        assert kind.help.endswith("."), name
        assert set(kind.labels) <= {
            *("destination", "source", "code", "name", "part", "job", "condition"),
            *("version", "commit", "database"),
        }


PROCESS = """
import sys, time
from pathlib import Path
from deliveries.stats import process_metrics as own
folder = Path(sys.argv[1])
own.note_request("ingest", 200, 0.1)  # before the start: not counted
own.start(folder, sys.argv[2])
for status in (200, 200, 400):
    own.note_request("ingest", status, 0.02)
own.note_wakeup("deliveries.tasks.deliver", True)
own.note_task("deliveries.tasks.sweep", False, 0.2)
"""


def test_processes_of_a_folder_add_up(tmp_path: Path) -> None:
    from deliveries.stats.process_metrics import read_all, remove_old

    for role in ("web", "worker"):
        subprocess.run(
            [sys.executable, "-c", PROCESS, str(tmp_path), role], check=True, cwd=BASE_DIR
        )
    text = families.render(read_all(tmp_path, time.time()))
    samples = {
        (sample.name.removeprefix("capi_relay_"), sample.labels.get("status")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.endswith("requests_total")
    }
    assert samples == {("http_requests_total", "200"): 4, ("http_requests_total", "400"): 2}
    names = {
        re.sub(r"_(bucket|sum|count)$", "", sample.name).removeprefix("capi_relay_")
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert names == PROCESS_METRICS
    memory = [line for line in text.splitlines() if line.startswith("capi_relay_process_resident")]
    assert len(memory) == 2
    # A minute later they're known to have ended; a day later their files go.
    later = families.render(read_all(tmp_path, time.time() + 90))
    assert "capi_relay_process_" not in later
    assert 'capi_relay_http_requests_total{kind="ingest",status="200"} 4.0' in later
    for path in tmp_path.glob("*.db"):
        os.utime(path, (1, 1))
    remove_old(tmp_path)
    assert not list(tmp_path.glob("*.db"))


def test_a_snapshot_is_left_to_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import contextmanager

    @contextmanager
    def taken(name: str, now: Any) -> Any:
        yield None

    monkeypatch.setattr(collecting, "locked_cursor", taken)
    assert take_snapshot(timezone.now()) is False
    assert not Snapshot.objects.exists()
