"""The states of a delivery: the debt of one event to one destination under one Pinterest name."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy


class DeliveryStatus(models.TextChoices):
    PENDING = "pending", gettext_lazy("Pending")
    """Waits until ``due_at``. A paused destination holds it: nothing is lost, nothing burns."""

    SENDING = "sending", gettext_lazy("Sending")
    """Claimed by a worker; ``due_at`` is when its lease ends."""

    DELIVERED = "delivered", gettext_lazy("Delivered")
    """Pinterest processed it."""

    REJECTED = "rejected", gettext_lazy("Rejected")
    """Can never succeed as it is: our transform or Pinterest said so, with code and message."""

    DEAD = "dead", gettext_lazy("Failed")
    """Retryable failures used up the budget; waits for a person."""

    FILTERED = "filtered", gettext_lazy("Filtered")
    """Not meant for Pinterest: its type, the mapping, the integrations flag or its age."""

    DISCARDED = "discarded", gettext_lazy("Discarded")
    """A person decided not to send it."""


OPEN = frozenset({DeliveryStatus.PENDING, DeliveryStatus.SENDING})
"""Still owed: ``due_at`` is set exactly in these."""

RETRYABLE_BY_A_PERSON = frozenset(
    {
        DeliveryStatus.REJECTED,
        DeliveryStatus.DEAD,
        DeliveryStatus.FILTERED,
        DeliveryStatus.DISCARDED,
    }
)
"""Closed without having been delivered: a person may send these again after a fix."""


class BulkVerb(models.TextChoices):
    """What can be done with many deliveries at once."""

    RETRY = "retry", gettext_lazy("Retry")
    """Send again, with a fresh budget, what was closed without having been delivered."""

    DISCARD = "discard", gettext_lazy("Discard")
    """Decide not to send what waits or failed."""

    REPLAY = "replay", gettext_lazy("Replay")
    """Process past events again with current settings, and add what is missing."""


ENDS_WITHOUT_ATTEMPT = frozenset({DeliveryStatus.FILTERED, DeliveryStatus.DISCARDED})
"""Where a delivery ends although no attempt said so."""
