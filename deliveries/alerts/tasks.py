"""Celery's entry point of the alerts."""

from __future__ import annotations

import time

from celery import shared_task
from django.utils import timezone

from deliveries.alerts.run import run_alerts

RUN_SECONDS = 25
"""A run sends nothing more after this long; the next one goes on."""


@shared_task
def alerts() -> int:
    """Evaluate every condition, and send messages for a while; returns how many were sent."""
    started = time.monotonic()
    return run_alerts(timezone.now(), lambda: time.monotonic() - started > RUN_SECONDS)
