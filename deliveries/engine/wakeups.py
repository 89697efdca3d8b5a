"""Wakes a worker up. A wake-up that is lost costs one sweep, never an event."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from traceback import walk_tb

from celery import current_app
from django.conf import settings

from deliveries.stats.process_metrics import note_wakeup

logger = logging.getLogger(__name__)

DELIVER_TASK = "deliveries.tasks.deliver"
PRUNE_TASK = "deliveries.tasks.prune"
BULK_TASK = "deliveries.tasks.run_bulk_action"
_last_woken: dict[int, float] = {}


def wake(destination_ids: Iterable[int], *, at_once: bool = False) -> None:
    """Ask for a delivery run of each destination; call it on commit, never inside a transaction.

    A flood of events wakes once for each process, destination and second: a worker that is awake
    drains all it finds. ``at_once`` wakes in any case. Never raises: see ``_send``.
    """
    now = time.monotonic()
    for destination_id in destination_ids:
        if not at_once and now - _last_woken.get(destination_id, -1e9) < settings.SWEEP_SECONDS:
            continue
        _last_woken[destination_id] = now
        _send(DELIVER_TASK, (destination_id,), 60)


def wake_for_bulk(action_ids: Iterable[int]) -> None:
    """Ask for a run of each bulk action, on a queue of their own."""
    for action_id in action_ids:
        _send(BULK_TASK, (action_id,), 10)


def wake_for_prune() -> None:
    """Ask for another run of the retention."""
    _send(PRUNE_TASK, (), 60)


def _send(task: str, arguments: tuple[int, ...], expires_seconds: float) -> None:
    """Send a task; a failure of any kind is logged and forgiven.

    What the task is about is committed by now, and the sweep finds it. An error here would tell a
    sender that its stored events were not accepted, or a person that what they did was not done.
    So it does not matter what failed: the broker, its library, a name service, a setting.
    """
    try:
        current_app.send_task(task, arguments, expires=expires_seconds, retry=False)
        note_wakeup(task, succeeded=True)
    except Exception as error:
        note_wakeup(task, succeeded=False)
        # Only where and what: the text of such an error may hold the broker's password.
        logger.warning(
            "Couldn't wake a worker (%s, raised in %s); the next sweep will find the deliveries.",
            type(error).__name__,
            _raised_in(error),
        )


def _raised_in(error: Exception) -> str:
    """The module whose code raised ``error``, with the line."""
    *_, (frame, line) = walk_tb(error.__traceback__)
    return f"{frame.f_globals.get('__name__', '?')}:{line}"
