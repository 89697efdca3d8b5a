"""The retry policy: what follows from an outcome, and the whole default schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliveries.engine.retry import NextState, RetryPolicy, ScheduleRow, next_state, schedule_table
from deliveries.statuses import DeliveryStatus
from destinations.pinterest.outcomes import OutcomeKind

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
POLICY = RetryPolicy()
AGAIN = (OutcomeKind.RETRYABLE, OutcomeKind.UNKNOWN)


def test_the_default_schedule_has_13_tries_within_3_hours_48_minutes_50_seconds():
    assert schedule_table(POLICY) == (
        ScheduleRow(1, 0.0, 0.0),
        ScheduleRow(2, 5.0, 5.0),
        ScheduleRow(3, 15.0, 20.0),
        ScheduleRow(4, 30.0, 50.0),
        ScheduleRow(5, 60.0, 110.0),
        ScheduleRow(6, 120.0, 230.0),
        ScheduleRow(7, 300.0, 530.0),
        ScheduleRow(8, 600.0, 1130.0),
        ScheduleRow(9, 900.0, 2030.0),
        ScheduleRow(10, 1800.0, 3830.0),
        ScheduleRow(11, 2700.0, 6530.0),
        ScheduleRow(12, 3600.0, 10130.0),
        ScheduleRow(13, 3600.0, 13730.0),
    )
    assert POLICY.budget_attempts == 13
    assert timedelta(seconds=13730) == timedelta(hours=3, minutes=48, seconds=50)


def test_nine_of_the_tries_fall_into_the_first_hour_while_a_web_event_still_counts_as_one():
    assert sum(row.since_first_seconds <= 3600 for row in schedule_table(POLICY)) == 9


def test_delivered_and_rejected_close_and_keep_the_count():
    assert next_state(OutcomeKind.DELIVERED, 3, POLICY, NOW, 60, 0.5) == NextState(
        "delivered", None, 3
    )
    assert next_state(OutcomeKind.REJECTED, 1, POLICY, NOW, 60, 0.5) == NextState(
        "rejected", None, 1
    )


def test_paused_gives_the_attempt_back_and_is_due_at_once():
    assert next_state(OutcomeKind.PAUSED, 1, POLICY, NOW, 60, 0.9) == NextState("pending", NOW, 0)


def test_paused_never_kills_even_with_the_budget_spent():
    assert next_state(OutcomeKind.PAUSED, 13, POLICY, NOW, None, 0) == NextState("pending", NOW, 12)


@pytest.mark.parametrize("kind", AGAIN)
@pytest.mark.parametrize(
    ("attempts_used", "delay_seconds"), [*enumerate(POLICY.delays_seconds, start=1)]
)
def test_each_failed_try_waits_its_delay(kind, attempts_used, delay_seconds):
    assert next_state(kind, attempts_used, POLICY, NOW, None, 0.5) == NextState(
        "pending", NOW + timedelta(seconds=delay_seconds), attempts_used
    )


@pytest.mark.parametrize("kind", AGAIN)
@pytest.mark.parametrize("attempts_used", [13, 14, 100])
def test_the_last_failed_try_is_the_end_even_if_pinterest_names_a_time(kind, attempts_used):
    assert next_state(kind, attempts_used, POLICY, NOW, 30, 0.5) == NextState(
        "dead", None, attempts_used
    )


def test_a_policy_without_delays_gives_one_try():
    policy = RetryPolicy(delays_seconds=())

    assert next_state(OutcomeKind.UNKNOWN, 1, policy, NOW, None, 0) == NextState("dead", None, 1)


def test_jitter_moves_the_wait_by_a_fifth_to_either_side():
    def wait_seconds(jitter: float) -> float:
        due_at = next_state(OutcomeKind.RETRYABLE, 4, POLICY, NOW, None, jitter).due_at
        return (due_at - NOW).total_seconds()

    assert wait_seconds(0) == 48
    assert wait_seconds(0.5) == 60
    assert wait_seconds(0.999) == pytest.approx(72, abs=0.1)


def test_retry_after_is_a_lower_bound_that_jitter_only_raises():
    early = next_state(OutcomeKind.RETRYABLE, 1, POLICY, NOW, 100, 0.0)
    late = next_state(OutcomeKind.RETRYABLE, 1, POLICY, NOW, 100, 0.5)

    assert early.due_at == NOW + timedelta(seconds=100)
    assert late.due_at == NOW + timedelta(seconds=110)


def test_a_retry_after_shorter_than_the_delay_changes_nothing():
    assert next_state(OutcomeKind.RETRYABLE, 8, POLICY, NOW, 1, 0.5).due_at == NOW + timedelta(
        minutes=15
    )


def test_a_retry_after_of_a_year_counts_as_an_hour():
    assert next_state(OutcomeKind.RETRYABLE, 1, POLICY, NOW, 31_536_000, 0).due_at == (
        NOW + timedelta(hours=1)
    )


@pytest.mark.parametrize("nonsense", [0.0, -5.0, float("nan")])
def test_a_retry_after_that_is_no_wait_is_ignored(nonsense):
    step = next_state(OutcomeKind.RETRYABLE, 1, POLICY, NOW, nonsense, 0.5)

    assert step.due_at == NOW + timedelta(seconds=5)


@given(
    kind=st.sampled_from(OutcomeKind),
    attempts_used=st.integers(1, 50),
    retry_after=st.none() | st.floats(),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_every_step_is_a_known_status_and_due_exactly_when_open(
    kind, attempts_used, retry_after, jitter
):
    step = next_state(kind, attempts_used, POLICY, NOW, retry_after, jitter)

    assert step.status in DeliveryStatus.values
    assert (step.due_at is not None) == (step.status == DeliveryStatus.PENDING)
    assert step.attempts_used in (attempts_used, attempts_used - 1)
    if step.due_at is not None:
        assert NOW <= step.due_at <= NOW + timedelta(seconds=3600 * 1.2)


@pytest.mark.parametrize(
    ("attempts_used", "jitter"), [(0, 0.5), (-1, 0.5), (1, 1.0), (1, -0.1), (1, float("nan"))]
)
def test_a_caller_that_miscounts_is_told(attempts_used, jitter):
    with pytest.raises(ValueError, match=r"attempt|jitter"):
        next_state(OutcomeKind.RETRYABLE, attempts_used, POLICY, NOW, None, jitter)


@pytest.mark.parametrize(
    "settings",
    [
        {"delays_seconds": (5.0, -1.0)},
        {"delays_seconds": (float("inf"),)},
        {"jitter_share": 1.0},
        {"max_retry_after_seconds": float("nan")},
    ],
)
def test_a_policy_that_cannot_work_is_refused(settings):
    with pytest.raises(ValueError, match="must be"):
        RetryPolicy(**settings)
