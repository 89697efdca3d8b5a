"""/readyz: one look that says whether the whole works, and if not, which part does not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from deliveries import tasks
from deliveries.models import Circuit, Heartbeat
from deliveries.stats import health
from tests.factories import make_deliveries, make_destination

pytestmark = pytest.mark.django_db


def look() -> tuple[int, dict[str, Any]]:
    answer = Client().get("/readyz")
    return answer.status_code, answer.json()


@pytest.fixture
def worker_seen() -> None:
    Heartbeat.objects.create(name=health.SWEEP, seen_at=timezone.now())


@pytest.mark.usefixtures("worker_seen")
def test_ready_says_how_every_part_is() -> None:
    make_deliveries(make_destination(), 1, age_seconds=20)
    status, answer = look()
    assert (status, answer["ready"]) == (200, True)
    assert set(answer) == {"ready", "database", "broker", "storage", "oldest_due", "worker"}
    assert answer["database"]["ok"]
    assert answer["broker"]["ok"]
    assert 20 <= answer["oldest_due"]["seconds"] < 60
    assert answer["oldest_due"]["limit_seconds"] == 900
    assert answer["worker"]["seconds"] < 30


@pytest.mark.usefixtures("worker_seen")
def test_a_probe_may_ask_by_address_and_without_tls(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    answer = Client(headers={"Host": "10.1.2.3:8000"}).get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert "no-cache" in answer["Cache-Control"]


@pytest.mark.usefixtures("worker_seen")
def test_nothing_due_is_fine() -> None:
    make_deliveries(make_destination(), 1, age_seconds=-60)
    status, answer = look()
    assert (status, answer["oldest_due"]["seconds"]) == (200, None)


@pytest.mark.usefixtures("worker_seen")
def test_a_delivery_that_waits_too_long_is_not_ready() -> None:
    make_deliveries(make_destination(), 1, age_seconds=901)
    make_deliveries(make_destination(), 1, age_seconds=10)
    status, answer = look()
    assert (status, answer["oldest_due"]["ok"]) == (503, False)
    assert answer["worker"]["ok"]


@pytest.mark.usefixtures("worker_seen")
def test_what_waits_for_a_person_or_for_pinterest_is_not_our_failure() -> None:
    make_deliveries(make_destination(paused_at=timezone.now()), 1, age_seconds=2000)
    make_deliveries(make_destination(enabled=False), 1, age_seconds=2000)
    held = make_destination()
    make_deliveries(held, 1, age_seconds=2000)
    Circuit.objects.create(destination=held, hold_until=timezone.now() + timedelta(seconds=30))
    assert look()[0] == 200


def test_workers_that_are_away_are_not_ready_until_one_sweeps() -> None:
    status, answer = look()
    assert (status, answer["worker"]["seconds"]) == (503, None)
    tasks.sweep()
    assert look()[0] == 200
    Heartbeat.objects.update(seen_at=timezone.now() - timedelta(seconds=61))
    status, answer = look()
    assert (status, answer["worker"]["ok"]) == (503, False)
    tasks.sweep()
    assert look()[0] == 200


def test_the_heartbeat_is_written_every_few_seconds_only() -> None:
    now = timezone.now()
    health.note_sweep(now)
    health.note_sweep(now + timedelta(seconds=4))
    assert Heartbeat.objects.get().seen_at == now
    health.note_sweep(now + timedelta(seconds=5))
    assert Heartbeat.objects.get().seen_at == now + timedelta(seconds=5)


@pytest.mark.usefixtures("worker_seen")
def test_a_broker_that_is_away_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise ConnectionRefusedError("redis://:password@host")

    monkeypatch.setattr(health, "_ask_broker", refuse)
    status, answer = look()
    assert (status, answer["broker"]) == (503, {"ok": False, "error": "ConnectionRefusedError"})


@pytest.mark.usefixtures("worker_seen")
def test_a_real_broker_that_refuses_is_noticed_within_seconds() -> None:
    from celery import current_app

    usual = current_app.conf.broker_url
    current_app.conf.broker_url = "redis://127.0.0.1:1/0"
    try:
        started = timezone.now()
        status, answer = look()
    finally:
        current_app.conf.broker_url = usual
    assert (status, answer["broker"]["ok"]) == (503, False)
    assert timezone.now() - started < timedelta(seconds=5)


def test_a_database_that_is_away_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise DatabaseError("FATAL: password authentication failed")

    monkeypatch.setattr(health, "_ask_database", fail)
    status, answer = look()
    assert (status, answer["ready"]) == (503, False)
    assert answer["database"] == {"ok": False, "error": "DatabaseError"}
    assert "worker" not in answer
