"""What is remembered of people, and which deliveries wait for it, or for their consent."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy


class Person(models.Model):
    """What is known of one user, or of one device? Digests, never a plain email or name."""

    key = models.UUIDField(
        primary_key=True,
        help_text=gettext_lazy("16 bytes of a keyed hash of the identity space and the ID."),
    )
    entries = models.BinaryField(
        help_text=gettext_lazy("Fields as destinations.pinterest.identity encodes them.")
    )
    user = models.ForeignKey(
        "self",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
        help_text=gettext_lazy("The user who signed in on this device, or replaced this user."),
    )
    is_device = models.BooleanField()
    is_shared = models.BooleanField(
        help_text=gettext_lazy("Several users signed in on this device.")
    )
    seen_on = models.DateField(
        db_index=True, help_text=gettext_lazy("The day of the last event, in UTC.")
    )
    version = models.PositiveIntegerField(
        help_text=gettext_lazy("Grows with each change: whoever read an older one reads again.")
    )

    def __str__(self) -> str:
        return str(self.key)


class SecondChance(models.Model):
    """Which rejected delivery can be sent once more is known of a person?

    With a negative number for the delivery: enough is known now of whom others wait for.
    """

    key = models.UUIDField()
    delivery_id = models.BigIntegerField()
    created_at = models.DateTimeField(default=timezone.now)
    given_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint("key", "delivery_id", name="second_chance_once")]

    def __str__(self) -> str:
        return f"Second chance of delivery {self.delivery_id}"


class ConsentWait(models.Model):
    """Which filtered delivery may be sent once its person grants consent, and have they?"""

    delivery_id = models.BigIntegerField(primary_key=True)
    key = models.UUIDField(
        db_index=True, help_text=gettext_lazy("Of the event's user, or device if it has no user.")
    )
    destination_id = models.BigIntegerField()
    created_at = models.DateTimeField(help_text=gettext_lazy("When the event was received."))
    said_at = models.DateTimeField(help_text=gettext_lazy("When the event happened."))
    denied_at = models.DateTimeField(
        null=True, help_text=gettext_lazy("The last denial; NULL if the event says nothing.")
    )
    is_firm = models.BooleanField(
        help_text=gettext_lazy(
            "Denied with a secret write key: a public key's grant doesn't count."
        )
    )
    granted_by = models.CharField(
        max_length=255,
        blank=True,
        help_text=gettext_lazy("Message ID of the newer event that grants consent."),
    )
    opened_at = models.DateTimeField(
        null=True, help_text=gettext_lazy("When it was queued for that; it's done once.")
    )

    def __str__(self) -> str:
        return f"Consent for delivery {self.delivery_id}"
