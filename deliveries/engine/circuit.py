"""What a reply says about a destination: hold back, probe with one request, or send normally."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F
from django.db.models.functions import Coalesce, Greatest

from deliveries.models import Circuit
from destinations.pinterest.client import NoReply, Reply
from destinations.pinterest.replies import Reading

CIRCUIT_OPENS_AT = 3
"""After this many failed requests in a row a destination gets one probing request at a time."""

FIRST_PROBE_SECONDS = 5.0
SLOWEST_PROBE_SECONDS = 60.0
SPARE_REQUESTS = 5
"""Slow down while so many requests are still allowed: other workers have some in flight."""

RATE_LIMITED_SECONDS = 5.0
"""After a 429 that names no time: what is due besides would only earn the next one."""

_MOST = 2**31 - 1
"""What the column of an integer holds."""


def note_reply(
    destination_id: int, reply: Reply | NoReply, reading: Reading, now: datetime
) -> None:
    """Remember what this reply means for the next requests of the destination (one UPDATE)."""
    circuit = Circuit.objects.filter(destination_id=destination_id)
    hold_seconds = reading.retry_after_seconds or 0.0
    if isinstance(reply, NoReply) or reply.status >= 500:
        failure_count = (circuit.values_list("failure_count", flat=True).first() or 0) + 1
        hold_seconds = max(hold_seconds, probe_delay_seconds(failure_count))
        circuit.update(failure_count=F("failure_count") + 1, **_held(now, hold_seconds))
        return
    if reply.status == 429:
        hold_seconds = hold_seconds or RATE_LIMITED_SECONDS
    if is_nearly_spent(reading):
        hold_seconds = max(hold_seconds, reading.reset_seconds or 1.0)
    changes = {"last_success_at": now} if reply.status < 300 else {}
    left = None if reading.remaining_requests is None else min(reading.remaining_requests, _MOST)
    circuit.update(failure_count=0, remaining_requests=left, **changes, **_held(now, hold_seconds))


def is_nearly_spent(reading: Reading) -> bool:
    """Whether so few requests are left that the next ones had better wait for new ones."""
    left = reading.remaining_requests
    return left is not None and left <= SPARE_REQUESTS


def probe_delay_seconds(failure_count: int) -> float:
    """How long to leave a destination alone after this many failures in a row."""
    if failure_count < CIRCUIT_OPENS_AT:
        return 0.0
    doublings = min(failure_count - CIRCUIT_OPENS_AT, 10)
    return float(min(FIRST_PROBE_SECONDS * 2**doublings, SLOWEST_PROBE_SECONDS))


def _held(now: datetime, seconds: float) -> dict[str, object]:
    """An update of ``hold_until`` that never shortens what another worker was told."""
    if seconds <= 0:
        return {}
    until = now + timedelta(seconds=min(seconds, 3600))
    return {"hold_until": Greatest(Coalesce(F("hold_until"), until), until)}
