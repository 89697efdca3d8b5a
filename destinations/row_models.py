"""What belongs to one destination: its event map, its event rules, its last connection check.

``destinations.models`` has them all.
"""

from __future__ import annotations

from django.core.validators import MaxLengthValidator, RegexValidator
from django.db import models
from django.db.models.functions import Lower, Trim
from django.utils.translation import gettext_lazy

EVENT_NAME_VALIDATOR = RegexValidator(
    r"^[A-Za-z0-9_-]{1,100}\Z",
    gettext_lazy("Use letters, digits, _ and - only, up to 100 characters."),
)


class EventMapping(models.Model):
    """Under which Pinterest event name does a destination send a source's event?"""

    destination = models.ForeignKey(
        "destinations.Destination", on_delete=models.CASCADE, related_name="event_mappings"
    )
    source_event_name = models.CharField(
        gettext_lazy("your event"),
        max_length=255,
        validators=[MaxLengthValidator(255)],
        help_text=gettext_lazy("Case and surrounding spaces are ignored."),
    )
    pinterest_event_name = models.CharField(
        gettext_lazy("Pinterest event"), max_length=100, validators=[EVENT_NAME_VALIDATOR]
    )

    class Meta:
        verbose_name = gettext_lazy("event mapping")
        verbose_name_plural = gettext_lazy("event mappings")
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(
                "destination",
                Lower(Trim("source_event_name")),
                "pinterest_event_name",
                name="event_mapping_once",
                violation_error_message=gettext_lazy("This mapping already exists."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source_event_name} → {self.pinterest_event_name}"


class EventRuleRow(models.Model):
    """A row of a destination's event rules: it begins a rule, or adds a condition to the one
    above."""

    class Action(models.TextChoices):
        BLOCK = "block", gettext_lazy("Don't send when")
        SEND = "send", gettext_lazy("Send when")
        AND = "and", gettext_lazy("… and")
        OR = "or", gettext_lazy("… or")

    class Operator(models.TextChoices):
        IS = "is", gettext_lazy("is")
        IS_NOT = "is_not", gettext_lazy("isn't")
        IN = "in", gettext_lazy("is one of")
        CONTAINS = "contains", gettext_lazy("contains")
        STARTS_WITH = "starts_with", gettext_lazy("starts with")
        MATCHES = "matches", gettext_lazy("matches")
        EXISTS = "exists", gettext_lazy("exists")
        MISSING = "missing", gettext_lazy("doesn't exist")
        TRUE = "true", gettext_lazy("is true")
        FALSE = "false", gettext_lazy("is false")
        GT = "gt", gettext_lazy("is greater than")
        GE = "ge", gettext_lazy("is at least")
        LT = "lt", gettext_lazy("is less than")
        LE = "le", gettext_lazy("is at most")

    destination = models.ForeignKey(
        "destinations.Destination", on_delete=models.CASCADE, related_name="event_rules"
    )
    position = models.PositiveSmallIntegerField(
        gettext_lazy("row"),
        help_text=gettext_lazy("Leave blank to add it at the end."),
    )
    action = models.CharField(gettext_lazy("action"), max_length=10, choices=Action)
    path = models.CharField(
        gettext_lazy("path in the event"),
        max_length=255,
        help_text=gettext_lazy("For example event, properties.total or context.page.url."),
    )
    operator = models.CharField(gettext_lazy("operator"), max_length=20, choices=Operator)
    value = models.CharField(
        gettext_lazy("value"),
        max_length=500,
        blank=True,
        help_text=gettext_lazy("Separate the values of “is one of” with commas."),
    )

    class Meta:
        verbose_name = gettext_lazy("event rule row")
        verbose_name_plural = gettext_lazy("event rule rows")
        ordering = ("position", "id")

    def __str__(self) -> str:
        words = (self.get_action_display(), self.path, self.get_operator_display(), self.value)
        return " ".join(word for word in words if word)


class ConnectionCheck(models.Model):
    """What did the last check of a destination's token and account come to?"""

    class Verdict(models.TextChoices):
        FINE = "fine", gettext_lazy("Connected")
        BAD_TOKEN = "bad_token", gettext_lazy("Token not accepted")
        FORBIDDEN_ACCOUNT = "forbidden_account", gettext_lazy("No access to account")
        UNKNOWN_ACCOUNT = "unknown_account", gettext_lazy("Account not found")
        UNREACHABLE = "unreachable", gettext_lazy("Not reachable")
        BUSY = "busy", gettext_lazy("Service busy or down")
        UNCLEAR = "unclear", gettext_lazy("Unexpected response")
        UNREADABLE_TOKEN = "unreadable_token", gettext_lazy("Token can't be decrypted")

    destination = models.OneToOneField(
        "destinations.Destination",
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="connection_check",
    )
    checked_at = models.DateTimeField()
    verdict = models.CharField(max_length=20, choices=Verdict)
    detail = models.TextField(blank=True, help_text=gettext_lazy("The service's own message."))
    status_code = models.PositiveSmallIntegerField(
        null=True, help_text=gettext_lazy("NULL means no response was received.")
    )

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} ({self.checked_at:%Y-%m-%d %H:%M})"
