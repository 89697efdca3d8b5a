"""How many requests are left and when more may come, read from headers that promise no form."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

MAX_HOLD_SECONDS: Final = 3600.0
"""No header holds a destination back for longer: a wrong one would silence it."""

# Anything this large is a Unix time (as other platforms send it), not a number of seconds to wait.
_FIRST_UNIX_TIME: Final = 1_000_000_000

_LEADING_NUMBER: Final = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*(?:;|$)")


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """None where a header is missing or unreadable; seconds lie between 0 and 3600."""

    retry_after_seconds: float | None
    remaining_requests: int | None
    reset_seconds: float | None


def read_rate_headers(headers: Mapping[str, str]) -> RateHeaders:
    """Read Retry-After and X-RateLimit-Remaining/-Reset, whatever the case of their names.

    Points in time are measured against the reply's own Date header, so the clock of this machine
    does not matter; without one they are unreadable.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    answered_at = _read_date(lowered.get("date", ""))
    remaining = _read_numbers(lowered.get("x-ratelimit-remaining", ""))
    resets = _read_numbers(lowered.get("x-ratelimit-reset", ""))
    return RateHeaders(
        retry_after_seconds=_read_retry_after(lowered.get("retry-after", ""), answered_at),
        remaining_requests=int(min(remaining)) if remaining else None,
        reset_seconds=_seconds_until(max(resets), answered_at) if resets else None,
    )


def _read_retry_after(text: str, answered_at: float | None) -> float | None:
    numbers = _read_numbers(text)
    if numbers:
        return _seconds_until(max(numbers), answered_at)
    moment = _read_date(text)
    if moment is None or answered_at is None:
        return None
    return _cap(moment - answered_at)


def _read_numbers(text: str) -> list[float]:
    """Read ``120, 100;w=60;name="x"`` as [120, 100]: each member's leading number."""
    matches = (_LEADING_NUMBER.match(member) for member in text[:1000].split(","))
    return [float(match.group(1)) for match in matches if match is not None]


def _seconds_until(number: float, answered_at: float | None) -> float | None:
    if number < _FIRST_UNIX_TIME:
        return _cap(number)
    if answered_at is None:
        return None
    return _cap(number - answered_at)


def _read_date(text: str) -> float | None:
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text[:100])
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _cap(seconds: float) -> float:
    return 0.0 if math.isnan(seconds) else min(max(seconds, 0.0), MAX_HOLD_SECONDS)
