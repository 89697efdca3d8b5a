"""When a delivery is tried again, and when it has been tried enough. No ORM, clock or settings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from destinations.pinterest.outcomes import OutcomeKind

DEFAULT_DELAYS_SECONDS = (
    5.0,
    15.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    900.0,
    1800.0,
    2700.0,
    3600.0,
    3600.0,
)
"""Front-loaded, 3 h 48 min 50 s in all: an event that is an hour late counts as an offline one."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait after the first, second … failed attempt; then the delivery is dead.

    ``jitter_share`` moves each wait by up to this share to either side, so that what failed
    together does not come back together. A Retry-After counts up to
    ``max_retry_after_seconds``.
    """

    delays_seconds: tuple[float, ...] = DEFAULT_DELAYS_SECONDS
    jitter_share: float = 0.2
    max_retry_after_seconds: float = 3600.0

    def __post_init__(self) -> None:
        if not all(math.isfinite(delay) and delay >= 0 for delay in self.delays_seconds):
            raise ValueError("Each delay must be a number of seconds, zero or more.")
        if not 0 <= self.jitter_share < 1:
            raise ValueError("The jitter share must be at least 0 and less than 1.")
        if not (math.isfinite(self.max_retry_after_seconds) and self.max_retry_after_seconds >= 0):
            raise ValueError("The longest Retry-After must be a number of seconds, zero or more.")

    @property
    def budget_attempts(self) -> int:
        """How many attempts a delivery has in all."""
        return len(self.delays_seconds) + 1


@dataclass(frozen=True, slots=True)
class NextState:
    """What becomes of a delivery: a value of DeliveryStatus, its due_at (None when closed)."""

    status: str
    due_at: datetime | None
    attempts_used: int


class ScheduleRow(NamedTuple):
    """One attempt: its number, the wait before it, and how long after the first it comes."""

    attempt: int
    delay_seconds: float
    since_first_seconds: float


def next_state(
    kind: OutcomeKind,
    attempts_used: int,
    policy: RetryPolicy,
    now: datetime,
    retry_after_seconds: float | None,
    jitter: float,
) -> NextState:
    """Say what follows from the outcome of an attempt.

    ``attempts_used`` counts that attempt already (it was booked when the delivery was claimed).
    ``jitter`` is a number in [0, 1) drawn by the caller: 0.5 means the plain delay.
    DELIVERED and REJECTED close. PAUSED gives the attempt back and is due at once: the
    destination's pause is what holds it. RETRYABLE and UNKNOWN wait, never less than
    ``retry_after_seconds``, until the budget is spent. Raises ValueError for a count or jitter out
    of range.
    """
    if attempts_used < 1:
        raise ValueError(f"At least 1 attempt must be used, not {attempts_used}.")
    if not 0 <= jitter < 1:
        raise ValueError(f"The jitter must be in [0, 1), not {jitter}.")
    if kind is OutcomeKind.DELIVERED:
        return NextState("delivered", None, attempts_used)
    if kind is OutcomeKind.REJECTED:
        return NextState("rejected", None, attempts_used)
    if kind is OutcomeKind.PAUSED:
        return NextState("pending", now, attempts_used - 1)
    if attempts_used >= policy.budget_attempts:
        return NextState("dead", None, attempts_used)
    wait = _wait_seconds(attempts_used, policy, retry_after_seconds, jitter)
    return NextState("pending", now + timedelta(seconds=wait), attempts_used)


def _wait_seconds(
    attempts_used: int, policy: RetryPolicy, retry_after_seconds: float | None, jitter: float
) -> float:
    delay = policy.delays_seconds[attempts_used - 1]
    wait = delay * (1 + policy.jitter_share * (2 * jitter - 1))
    if retry_after_seconds is None or not retry_after_seconds > 0:
        return wait
    # A lower bound is spread upwards only: earlier would be too early.
    floor = min(retry_after_seconds, policy.max_retry_after_seconds)
    return max(wait, floor * (1 + policy.jitter_share * jitter))


def schedule_table(policy: RetryPolicy) -> tuple[ScheduleRow, ...]:
    """List every attempt of the policy, without jitter."""
    rows = [ScheduleRow(1, 0.0, 0.0)]
    for attempt, delay in enumerate(policy.delays_seconds, start=2):
        rows.append(ScheduleRow(attempt, delay, rows[-1].since_first_seconds + delay))
    return tuple(rows)
