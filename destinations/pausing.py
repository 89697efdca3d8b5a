"""Holding a destination back: what its deliveries do then is the business of whoever sends them."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from destinations.models import Destination


def pause(destination_id: int, code: str, reason: str, now: datetime | None = None) -> bool:
    """Hold everything for this destination; what waits stays pending. False: it was paused."""
    return bool(
        Destination.objects.filter(pk=destination_id, paused_at__isnull=True).update(
            paused_at=now or timezone.now(), paused_code=code, paused_reason=reason
        )
    )


def lift_pause(destination_id: int) -> bool:
    """End a pause; False: there was none. ``deliveries.actions.operations.resume`` sends too."""
    return bool(
        Destination.objects.filter(pk=destination_id, paused_at__isnull=False).update(
            paused_at=None, paused_code="", paused_reason=""
        )
    )
