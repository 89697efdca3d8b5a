"""What people asked for: verbs over many deliveries, and views of the log that they keep."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext, gettext_lazy

from deliveries.statuses import BulkVerb


class BulkAction(models.Model):
    """What did a person ask for with many deliveries at once, and how far is it?"""

    verb = models.CharField(max_length=10, choices=BulkVerb)
    requested_by = models.CharField(max_length=150, blank=True)
    selection = models.JSONField(
        help_text=gettext_lazy("Filter for the deliveries (or events, for a replay).")
    )
    reason = models.CharField(max_length=500, blank=True)
    retries_undelivered = models.BooleanField(
        default=False,
        help_text=gettext_lazy("Replay: also send events that were never delivered."),
    )
    resends_delivered = models.BooleanField(
        default=False,
        help_text=gettext_lazy("Replay: also resend events that Pinterest already accepted."),
    )
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(
        null=True,
        help_text=gettext_lazy("When it was completed, canceled or stopped after errors."),
    )
    total_count = models.PositiveBigIntegerField(
        help_text=gettext_lazy("Count at the time of the request.")
    )
    total_is_exact = models.BooleanField(
        default=True, db_default=True, help_text=gettext_lazy("If not, the count is a minimum.")
    )
    examined_count = models.PositiveBigIntegerField(default=0)
    changed_count = models.PositiveBigIntegerField(
        default=0, help_text=gettext_lazy("Number of deliveries created or changed.")
    )
    positions = models.JSONField(
        default=dict,
        help_text=gettext_lazy("Remaining work: destination ID → last ID processed."),
    )
    last_id = models.BigIntegerField(help_text=gettext_lazy("Later events aren't included."))
    failure_count = models.PositiveSmallIntegerField(
        default=0, help_text=gettext_lazy("Number of consecutive failed steps.")
    )
    error = models.TextField(blank=True)

    class Meta:
        verbose_name = gettext_lazy("bulk action")
        verbose_name_plural = gettext_lazy("bulk actions")
        indexes = [
            models.Index("id", name="bulk_action_unfinished", condition=Q(finished_at__isnull=True))
        ]

    def __str__(self) -> str:
        return gettext("%(verb)s: %(total_count)s") % {
            "verb": self.get_verb_display(),
            "total_count": number_format(self.total_count, force_grouping=True),
        }

    @property
    def is_finished(self) -> bool:
        return self.finished_at is not None

    @property
    def said_total(self) -> str:
        """``12,408``; ``12,408+`` for at least so many."""
        said = number_format(self.total_count, force_grouping=True)
        return said + ("" if self.total_is_exact else "+")


class SavedLink(models.Model):
    """Which view of the log did somebody give a name? Filters only: what is searched for is not
    kept."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_links"
    )
    name = models.CharField(max_length=80)
    query = models.CharField(
        max_length=2000, help_text=gettext_lazy("The query string, validated and in order.")
    )
    is_shared = models.BooleanField(
        default=False, help_text=gettext_lazy("Visible to everyone who can view the log.")
    )
    created_at = models.DateTimeField(default=timezone.now)
    can_be_removed: bool  # by the viewer: search.saved_views.links_for says so

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint("owner", "name", name="saved_link_once_per_owner"),
        ]

    def __str__(self) -> str:
        return self.name
