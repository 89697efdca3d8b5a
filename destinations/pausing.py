"""Holding a destination back: what its deliveries do then is the business of whoever sends them."""

from __future__ import annotations

from datetime import datetime

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import models, transaction
from django.utils import timezone

from destinations.models import Destination

AUTHOR = "CAPI Relay (automatic)"
"""Who did what no person did: a user who can't sign in, with a name that no form accepts."""


def pause(destination_id: int, code: str, reason: str, now: datetime | None = None) -> bool:
    """Hold everything for this destination; what waits stays pending. False: it was paused."""
    return bool(
        Destination.objects.filter(pk=destination_id, paused_at__isnull=True).update(
            paused_at=now or timezone.now(), paused_code=code, paused_reason=reason
        )
    )


def pause_automatically(
    destination_id: int, code: str, reason: str, now: datetime | None = None
) -> bool:
    """``pause`` by the product itself, which the history then says."""
    with transaction.atomic():
        is_new = pause(destination_id, code, reason, now)
        if is_new:
            note_automatic(Destination.objects.get(pk=destination_id), f"Paused ({code}): {reason}")
    return is_new


def note_automatic(row: models.Model, message: str) -> None:
    """An entry in the history of what nobody did."""
    author, _ = User.objects.get_or_create(
        username=AUTHOR, defaults={"is_active": False, "password": make_password(None)}
    )
    LogEntry.objects.log_actions(
        author.pk, [row], CHANGE, change_message=message, single_object=True
    )


def lift_pause(destination_id: int) -> bool:
    """End a pause; False: there was none. ``deliveries.actions.operations.resume`` sends too."""
    return bool(
        Destination.objects.filter(pk=destination_id, paused_at__isnull=False).update(
            paused_at=None, paused_code="", paused_reason=""
        )
    )
