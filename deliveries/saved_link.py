"""A view of the log that somebody keeps; the pages are in ``saved_link_pages``."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy


class SavedLink(models.Model):
    """Which view of the log did somebody give a name? Filters only: what is searched for is not kept."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_links"
    )
    name = models.CharField(max_length=80)
    query = models.CharField(
        max_length=2000, help_text=gettext_lazy("The query string, checked and in order.")
    )
    is_shared = models.BooleanField(
        default=False, help_text=gettext_lazy("Everybody who sees the log sees it.")
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint("owner", "name", name="saved_link_once_per_owner"),
        ]

    def __str__(self) -> str:
        return self.name
