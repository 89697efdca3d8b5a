"""Write keys beside those that sources have now. ``destinations.models`` has them all."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy

KEY_ENDING = 4
"""So many of a key's last characters are shown."""


class FormerWriteKey(models.Model):
    """With which key did SDKs send a source's events before, and until when may they?"""

    source = models.ForeignKey(
        "destinations.Source", on_delete=models.CASCADE, related_name="former_keys"
    )
    digest = models.CharField(
        max_length=64, unique=True, help_text=gettext_lazy("A hash of the key, which isn't stored.")
    )
    ending = models.CharField(max_length=KEY_ENDING)
    replaced_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-replaced_at", "-id")

    def __str__(self) -> str:
        return f"Former key …{self.ending}"


class UnknownWriteKey(models.Model):
    """Which keys that no source has did requests come with? A few hundred at most are kept."""

    digest = models.CharField(
        max_length=64, unique=True, help_text=gettext_lazy("A hash of the key, which isn't stored.")
    )
    beginning = models.CharField(max_length=KEY_ENDING)
    count = models.BigIntegerField()
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(db_index=True)
    address = models.CharField(
        max_length=50, blank=True, help_text=gettext_lazy("The sender's network, masked.")
    )

    def __str__(self) -> str:
        return f"Unknown key {self.beginning}…"
