"""One run of the alerts: read, judge, keep, and send. By one process at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from deliveries.alerts.conditions import read_rules
from deliveries.alerts.evaluators import judge_all
from deliveries.alerts.figures import read_figures
from deliveries.alerts.machine import Changes, apply
from deliveries.alerts.outbox import forget_old, queue, send_due
from deliveries.alerts.sending import send_message
from deliveries.alerts.volume import note_volume
from deliveries.models import JobCursor, locked_cursor

CURSOR = "alerts"
SLOW_EVERY_SECONDS = 290


def run_alerts(now: datetime, is_over: Callable[[], bool] = lambda: False) -> int:
    """Evaluate, then send what is due; returns how many messages were sent."""
    evaluate(now)
    return send_due(send_message, now, is_over)


def evaluate(now: datetime) -> Changes | None:
    """Judge every condition, and store what changed with the messages that are due for it.

    One transaction, in a constant number of queries; None while another process does it.
    """
    with locked_cursor(CURSOR, now) as cursor:
        if cursor is None:
            return None
        is_slow = int(now.timestamp()) - cursor.position >= SLOW_EVERY_SECONDS
        if is_slow:
            note_volume(now)
            forget_old(now)
            cursor.position = int(now.timestamp())
        rules = read_rules()
        changes = apply(judge_all(read_figures(now, is_slow=is_slow), rules), rules, now)
        queue(changes, now)
        cursor.round_started_at = now
        cursor.save()
    return changes


def is_late(now: datetime, seconds: float) -> bool:
    """Whether nobody has evaluated for so long."""
    last = JobCursor.objects.filter(name=CURSOR).values_list("round_started_at", flat=True).first()
    return last is None or now - last > timedelta(seconds=seconds)
