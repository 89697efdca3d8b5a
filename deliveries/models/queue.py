"""Who works on what right now, and what each destination's requests have come to."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy

from destinations.models import Destination


class Claim(models.Model):
    """Which worker holds deliveries of a destination right now, and until when?"""

    token = models.UUIDField(primary_key=True, default=uuid.uuid4)
    destination = models.ForeignKey(
        Destination, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    worker = models.CharField(max_length=200)
    claimed_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    delivery_count = models.PositiveIntegerField()

    def __str__(self) -> str:
        return str(self.token)


class Circuit(models.Model):
    """Does a destination answer right now? Its row is the lock under which claims are made."""

    destination = models.OneToOneField(
        Destination, on_delete=models.CASCADE, primary_key=True, related_name="circuit"
    )
    failure_count = models.PositiveIntegerField(
        default=0, help_text=gettext_lazy("Consecutive requests with no response or a 5xx.")
    )
    hold_until = models.DateTimeField(
        null=True,
        help_text=gettext_lazy(
            "Nothing is claimed before this time: rate limit or the circuit's next probe."
        ),
    )
    last_success_at = models.DateTimeField(null=True)
    remaining_requests = models.PositiveIntegerField(
        null=True, help_text=gettext_lazy("What the last response said; NULL if nothing.")
    )

    class Meta:
        db_table = "deliveries_lane"  # as it was called: older workers still run on it

    def __str__(self) -> str:
        return f"Circuit of {self.destination_id}"


class Heartbeat(models.Model):
    """When was a part of the system last seen at work?"""

    name = models.CharField(max_length=30, primary_key=True)
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "deliveries_pulse"  # as it was called: older workers still run on it

    def __str__(self) -> str:
        return f"{self.name} at {self.seen_at:%Y-%m-%d %H:%M:%S}"
