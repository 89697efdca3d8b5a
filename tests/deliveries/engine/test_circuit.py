"""What a reply means for the next requests: slow down before the 429, probe after failures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from deliveries.engine.circuit import SPARE_REQUESTS, note_reply, probe_delay_seconds
from deliveries.engine.dispatch import deliver_batch
from deliveries.models import Batch, Circuit, Delivery
from destinations.models import Destination
from destinations.pinterest.client import NoReply, Reply
from destinations.pinterest.replies import read_reply
from pinterest_sandbox.sandbox import Sandbox
from tests.factories import make_deliveries, make_destination, make_event

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
PROCESSED = b'{"events":[{"status":"processed"}]}'


@pytest.fixture
def destination() -> Destination:
    found = make_destination()
    Circuit.objects.create(destination=found)
    return found


def reply(status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, named, PROCESSED if status == 200 else b"", 1)


def note(destination: Destination, answer: Reply | NoReply, now: datetime = NOW) -> Circuit:
    note_reply(destination.pk, answer, read_reply(answer, 1), now)
    return Circuit.objects.get()


def held_seconds(circuit: Circuit) -> float | None:
    return None if circuit.hold_until is None else (circuit.hold_until - NOW).total_seconds()


@pytest.mark.parametrize(
    ("remaining", "reset", "seconds"),
    [
        (str(SPARE_REQUESTS + 1), "40", None),
        (str(SPARE_REQUESTS), "40", 40),
        ("0", "40", 40),
        ("3", "", 1),  # without a time for the next allowance
        ("3", "soon", 1),
        ("2", "999999", 3600),
        ("many", "40", None),
    ],
)
def test_a_nearly_spent_allowance_holds_requests_back_until_its_reset(
    destination: Destination, remaining: str, reset: str, seconds: float | None
) -> None:
    circuit = note(destination, reply(x_ratelimit_remaining=remaining, x_ratelimit_reset=reset))
    assert held_seconds(circuit) == seconds
    assert (circuit.failure_count, circuit.last_success_at) == (0, NOW)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 5),
        ({"retry_after": "soon", "x_ratelimit_reset": "?"}, 5),
        ({"retry_after": "0"}, 5),
        ({"retry_after": "2"}, 2),
        ({"x_ratelimit_reset": "7"}, 7),
    ],
)
def test_a_429_holds_back_what_is_due_besides_also_when_it_names_no_time(
    destination: Destination, headers: dict[str, str], seconds: float
) -> None:
    assert held_seconds(note(destination, reply(429, **headers))) == seconds


def test_a_hold_is_never_shortened_by_what_another_worker_is_told(
    destination: Destination,
) -> None:
    note(destination, reply(429, retry_after="90"))
    assert held_seconds(note(destination, reply(429, retry_after="10"))) == 90
    assert held_seconds(note(destination, reply())) == 90


def test_pinterest_never_has_to_say_429(sandbox: Sandbox) -> None:
    """Requests of one claim and of several, up to the last that the allowance has room for."""
    destination = make_destination(test_mode=True)  # twenty a request
    sandbox.add_fault("rate_limit=8/50")
    make_deliveries(destination, 100)
    started = timezone.now()

    while deliver_batch(destination.pk):
        pass

    assert set(Batch.objects.values_list("status_code", flat=True)) == {200}
    assert Batch.objects.count() == 8 - SPARE_REQUESTS
    assert timedelta(seconds=40) < Circuit.objects.get().hold_until - started
    later = timezone.now() + timedelta(seconds=51)
    assert deliver_batch(destination.pk, clock=lambda: later) == 20


def test_a_claim_that_takes_several_requests_stops_when_the_allowance_is_nearly_spent(
    sandbox: Sandbox, settings: object
) -> None:
    settings.BATCH_MAX_BYTES = 1000  # type: ignore[attr-defined]
    destination = make_destination()
    sandbox.add_fault(f"rate_limit={SPARE_REQUESTS + 2}/50")
    make_deliveries(destination, events=[make_event() for _ in range(9)])

    deliver_batch(destination.pk)

    assert set(Batch.objects.values_list("status_code", flat=True)) == {200}
    assert Batch.objects.count() == 2
    untried = Delivery.objects.filter(status="pending")
    assert set(untried.values_list("attempt_count", flat=True)) == {0}
    assert untried.count() == 9 - sum(Batch.objects.values_list("conversion_count", flat=True))


def test_the_wait_before_a_probe_doubles_up_to_a_minute() -> None:
    waits = [probe_delay_seconds(count) for count in range(10)]
    assert waits == [0, 0, 0, 5, 10, 20, 40, 60, 60, 60]
    assert probe_delay_seconds(100_000) == 60


@pytest.mark.parametrize(
    "failure", [reply(500), reply(599), NoReply("read_timeout", "", True, 1)], ids=str
)
def test_failures_in_a_row_open_the_circuit_and_any_answer_closes_it(
    destination: Destination, failure: Reply | NoReply
) -> None:
    counts = [note(destination, failure).failure_count for _ in range(4)]
    assert counts == [1, 2, 3, 4]
    assert held_seconds(Circuit.objects.get()) == 10
    assert Circuit.objects.get().last_success_at is None
    for answer in (reply(), reply(400), reply(429), reply(401)):
        Circuit.objects.update(failure_count=4)
        assert note(destination, answer).failure_count == 0


def test_a_probe_that_fails_costs_one_request_and_the_next_comes_later(sandbox: Sandbox) -> None:
    destination = make_destination(concurrency_limit=4)
    sandbox.add_fault("status=503")
    make_deliveries(destination, 3)
    now = timezone.now()
    Circuit.objects.create(destination=destination, failure_count=3, hold_until=now)

    assert deliver_batch(destination.pk, clock=lambda: now) == 3

    assert sandbox.summary()["requests"] == 1
    circuit = Circuit.objects.get()
    assert (circuit.failure_count, circuit.hold_until) == (4, now + timedelta(seconds=10))
    make_deliveries(destination, 3)
    assert deliver_batch(destination.pk, clock=lambda: now + timedelta(seconds=9)) == 0
    assert sandbox.summary()["requests"] == 1
