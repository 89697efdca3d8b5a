"""Alerts are rows first and messages second: what is owed to a channel survives everything."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy

from destinations.models import Destination, Source
from destinations.secrets import Secret, SecretField

SYSTEM = "system"
"""The subject of what concerns the whole installation."""


class Severity(models.TextChoices):
    WARNING = "warning", gettext_lazy("Warning")
    CRITICAL = "critical", gettext_lazy("Critical")


class Alert(models.Model):
    """What is or was wrong, with whom, since when? At most one open for condition and subject.

    ``subject``: ``destination:ID``, ``source:ID`` or ``SYSTEM``. ``since``: when the problem
    started; ``seen_at``: when it was last found; ``clear_since``: since when it wasn't any more.
    ``figures``: the numbers it's about (``evaluators``); the error is the most frequent one.
    """

    condition = models.CharField(max_length=30)
    subject = models.CharField(max_length=40)
    destination = models.ForeignKey(
        Destination, on_delete=models.CASCADE, null=True, related_name="+"
    )
    source = models.ForeignKey(Source, on_delete=models.CASCADE, null=True, related_name="+")
    severity = models.CharField(max_length=10, choices=Severity)
    since = models.DateTimeField()
    fired_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    clear_since = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    figures = models.JSONField(default=dict)
    error_code = models.CharField(max_length=50, blank=True)
    error_status = models.CharField(max_length=10, blank=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                "condition",
                "subject",
                condition=Q(resolved_at__isnull=True),
                name="alert_one_open",
            )
        ]
        indexes = [models.Index("fired_at", name="alert_fired_at")]

    def __str__(self) -> str:
        return f"{self.condition} of {self.subject}"

    @property
    def is_open(self) -> bool:
        return self.resolved_at is None


class AlertRule(models.Model):
    """How a condition differs from its defaults, everywhere (no subject) or for one subject."""

    condition = models.CharField(max_length=30)
    subject = models.CharField(max_length=40, blank=True)
    enabled = models.BooleanField(default=True)
    severity = models.CharField(max_length=10, choices=Severity)
    limits = models.JSONField(default=dict)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint("condition", "subject", name="alert_rule_once"),
        ]

    def __str__(self) -> str:
        return f"{self.condition} of {self.subject or 'all'}"


class Silence(models.Model):
    """Of what is nobody told for a while, and why? The alerts themselves go on."""

    condition = models.CharField(max_length=30)
    subject = models.CharField(max_length=40)
    reason = models.CharField(max_length=500)
    until = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        default_permissions = ()
        indexes = [models.Index("until", name="silence_until")]

    def __str__(self) -> str:
        return f"{self.condition} of {self.subject} until {self.until:%Y-%m-%d %H:%M}"


class Channel(models.Model):
    """Who is told, how, and of what?

    ``options`` and ``secrets`` (encrypted JSON) are what ``channels.SERVICES`` asks for.
    ``repeat_hours``: 0 means no reminders. Nothing is sent to it before ``hold_until``.
    """

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=20)
    enabled = models.BooleanField(default=True)
    options = models.JSONField(default=dict)
    secrets = SecretField(blank=True, default=Secret)
    least_severity = models.CharField(max_length=10, choices=Severity, default=Severity.WARNING)
    language = models.CharField(max_length=10, blank=True)
    repeat_hours = models.PositiveSmallIntegerField(default=24)
    quiet_from = models.TimeField(null=True)
    quiet_until = models.TimeField(null=True)
    zone = models.CharField(max_length=50, default="UTC")
    failure_count = models.PositiveIntegerField(default=0)
    hold_until = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    last_error_at = models.DateTimeField(null=True)
    last_sent_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Message(models.Model):
    """What is one channel to be told of one alert? Its key tells a receiver that it's the same.

    ``number``: which reminder it is, 0 for others. ``due_at``: when it's sent, or when the lease of
    the process that sends it ends; NULL once it's settled.
    """

    class Kind(models.TextChoices):
        FIRED = "fired", gettext_lazy("Alert")
        REPEATED = "repeated", gettext_lazy("Reminder")
        RESOLVED = "resolved", gettext_lazy("Resolved")

    class Status(models.TextChoices):
        PENDING = "pending", gettext_lazy("Waiting")
        SENDING = "sending", gettext_lazy("Being sent")
        SENT = "sent", gettext_lazy("Sent")
        FAILED = "failed", gettext_lazy("Given up")
        CANCELLED = "cancelled", gettext_lazy("Not needed")

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="messages")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="messages")
    kind = models.CharField(max_length=10, choices=Kind)
    number = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    due_at = models.DateTimeField(null=True)
    attempt_count = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)
    answer = models.TextField(blank=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint("alert", "channel", "kind", "number", name="alert_message_once")
        ]
        indexes = [
            models.Index("due_at", name="alert_message_due", condition=Q(due_at__isnull=False)),
            models.Index("channel", F("id").desc(), name="alert_message_of_channel"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """The same for every attempt to send it, and for no other message."""
        return f"alert-{self.alert_id}-{self.kind}-{self.number}-{self.channel_id}"


class VolumeDay(models.Model):
    """How many events or conversions in each quarter of an hour of a day (since 1970, UTC)?"""

    subject = models.CharField(max_length=40)
    day = models.PositiveIntegerField()
    counts = models.JSONField(default=list)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint("day", "subject", name="alert_volume_day_once"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} on day {self.day}"
