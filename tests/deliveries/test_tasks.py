"""Celery's entry points, and the wake-ups that call them."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import pytest
from celery import current_app
from kombu.exceptions import EncodeError, OperationalError
from redis.exceptions import RedisError

from deliveries import tasks
from deliveries.engine import wakeups
from deliveries.models import Delivery
from deliveries.statuses import DeliveryStatus
from pinterest_sandbox.sandbox import Sandbox
from tests.factories import make_deliveries, make_destination


class RecordingApp:
    """Takes the place of the broker: what would be sent, in order."""

    def __init__(self, error: Exception | None = None) -> None:
        self.sent: list[tuple[str, tuple[Any, ...]]] = []
        self.error = error

    def send_task(self, name: str, args: tuple[Any, ...], **options: Any) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append((name, args))


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> RecordingApp:
    app = RecordingApp()
    monkeypatch.setattr(wakeups, "current_app", app)
    monkeypatch.setattr(wakeups, "_last_woken", {})
    return app


def test_a_wake_up_runs_the_task_that_delivers(broker: RecordingApp) -> None:
    wakeups.wake([7])
    assert broker.sent == [(tasks.deliver.name, (7,))]


def test_workers_understand_what_the_release_before_sends() -> None:
    """During a deploy both run: a task may be added, but not renamed, nor want more arguments."""
    for name, arguments in {
        "deliver": (1,),
        "run_bulk_action": (1,),
        "sweep": (),
        "prune": (),
        "merge_tallies": (),
        "index_events": (),
        "list_contents": (),
        "check_connections": (),
    }.items():
        task = current_app.tasks[f"deliveries.tasks.{name}"]
        signature(task.run).bind(*arguments)


def test_a_flood_of_events_rings_once_for_each_destination(broker: RecordingApp) -> None:
    for _ in range(1000):
        wakeups.wake([7, 8])
    assert broker.sent == [(tasks.deliver.name, (7,)), (tasks.deliver.name, (8,))]


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("redis://:password@host refused"),
        OSError(28, "No space left on device: password"),
        ModuleNotFoundError("No module named 'packaging', password"),
        UnicodeError("label empty or too long: password"),
        EncodeError("password is not JSON serializable"),
        RedisError("AUTH password called without any password"),
        KeyError("password"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize(
    "wake_up",
    [
        lambda: wakeups.wake([7]),
        lambda: wakeups.wake([7], at_once=True),
        lambda: wakeups.wake_for_bulk([7]),
        wakeups.wake_for_prune,
    ],
    ids=["wake", "wake_at_once", "wake_bulk", "wake_prune"],
)
def test_a_wake_up_that_fails_in_any_way_is_logged_and_forgiven(
    broker: RecordingApp,
    caplog: pytest.LogCaptureFixture,
    wake_up: Callable[[], None],
    error: Exception,
) -> None:
    broker.error = error
    wake_up()
    assert type(error).__name__ in caplog.text
    assert f"raised in {__name__}:" in caplog.text
    assert "the next sweep will find the deliveries" in caplog.text
    assert "password" not in caplog.text


@pytest.mark.django_db
def test_the_sweep_wakes_a_worker_for_every_destination_with_something_due(
    broker: RecordingApp,
) -> None:
    due = make_destination()
    make_deliveries(due, 1)
    make_destination()
    assert tasks.sweep() == 1
    assert broker.sent == [(tasks.deliver.name, (due.pk,))]


@pytest.mark.django_db
def test_a_run_drains_what_is_due_and_ends(broker: RecordingApp, sandbox: Sandbox) -> None:
    destination = make_destination(test_mode=True)  # twenty a batch
    make_deliveries(destination, 45)
    assert tasks.deliver(destination.pk) == 45
    assert set(Delivery.objects.values_list("status", flat=True)) == {DeliveryStatus.DELIVERED}


@pytest.mark.django_db
def test_a_long_run_hands_over_and_queues_up_again(
    broker: RecordingApp, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "RUN_SECONDS", 0)
    destination = make_destination(test_mode=True)
    make_deliveries(destination, 45)
    assert tasks.deliver(destination.pk) == 20
    assert broker.sent == [(tasks.deliver.name, (destination.pk,))]
