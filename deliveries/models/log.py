"""What came in, what is owed, what was sent, what was tried.

Rows of the log refer to each other without foreign key constraints in the database
(``db_constraint=False``): they are written in one transaction by one function each, in bulk, and
pruned in small steps; a constraint would look up and lock one parent row for every row written,
on the path that decides the speed.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from deliveries.querysets import DeliveryQuerySet, EventQuerySet
from deliveries.statuses import OPEN, RETRYABLE_BY_A_PERSON, DeliveryStatus
from destinations.models import Destination, Source
from destinations.pinterest.outcomes import OutcomeKind, Stage

OUTCOME_CHOICES = [(kind.value, kind.value.capitalize()) for kind in OutcomeKind]
GIVEN_A_SECOND_CHANCE = "requeued"
"""The outcome of an attempt that no worker made: memory gained what the delivery had lacked."""
_ALSO_IN_THE_INDEX = ("destination", "event", "conversion_name", "created_at", "settled_at")
STAGE_CHOICES = [(stage.value, stage.value.capitalize()) for stage in Stage]


class Event(models.Model):
    """What did a source send us? One track, page, screen, identify … call, stored as received."""

    source = models.ForeignKey(
        Source,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
        db_index=False,  # events are found by their ids
    )
    message_id = models.CharField(gettext_lazy("message ID"), max_length=255)
    type = models.CharField(max_length=20)
    name = models.CharField(max_length=255, blank=True)
    received_at = models.DateTimeField(default=timezone.now)
    body = models.BinaryField(
        null=True,
        help_text=gettext_lazy(
            "The event as JSON, compressed if large; NULL after its retention period."
        ),
    )

    objects = EventQuerySet.as_manager()

    class Meta:
        constraints = [
            # message_id first: one index both absorbs repeats and serves the log's search.
            models.UniqueConstraint("message_id", "source", name="event_once_per_source"),
        ]

    def __str__(self) -> str:
        return f"{self.name or self.type} ({self.message_id})"


class Refusal(models.Model):
    """What reached ingest and could not become an event, and why?"""

    source = models.ForeignKey(
        Source, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    received_at = models.DateTimeField(default=timezone.now, db_index=True)
    code = models.CharField(max_length=50)
    field = models.CharField(max_length=255, blank=True)
    message = models.TextField()
    excerpt = models.TextField(blank=True, help_text=gettext_lazy("The first part of the content."))

    class Meta:
        verbose_name = gettext_lazy("invalid event")
        verbose_name_plural = gettext_lazy("invalid events")

    def __str__(self) -> str:
        return f"{self.code} ({self.received_at:%Y-%m-%d %H:%M})"


class Batch(models.Model):
    """What exactly did one HTTP request ask Pinterest, and what did Pinterest answer?"""

    destination = models.ForeignKey(
        Destination,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
        db_index=False,  # batch_of_destination begins with it
    )
    sent_at = models.DateTimeField(default=timezone.now)
    duration_ms = models.PositiveIntegerField(default=0)
    api_version = models.CharField(gettext_lazy("API version"), max_length=2)
    test_mode = models.BooleanField(default=False)
    conversion_count = models.PositiveIntegerField()
    delivered_count = models.PositiveIntegerField(default=0)
    rejected_count = models.PositiveIntegerField(default=0)
    retryable_count = models.PositiveIntegerField(
        default=0, help_text=gettext_lazy("Outcomes retryable and unknown.")
    )
    was_split = models.BooleanField(
        default=False,
        help_text=gettext_lazy(
            "Rejected as a whole and sent again in parts to isolate invalid events."
        ),
    )
    status_code = models.PositiveSmallIntegerField(
        null=True, help_text=gettext_lazy("NULL means no response was received.")
    )
    error_code = models.CharField(max_length=50, blank=True)
    error_message = models.TextField(blank=True)
    request_id = models.CharField(gettext_lazy("Pinterest request ID"), max_length=200, blank=True)
    rate_limit_headers = models.JSONField(default=dict)
    request_body = models.BinaryField(
        null=True, help_text=gettext_lazy("Exact JSON, compressed if large.")
    )
    response_body = models.BinaryField(
        null=True, help_text=gettext_lazy("Exact bytes, compressed if large.")
    )

    class Meta:
        verbose_name = gettext_lazy("batch")
        verbose_name_plural = gettext_lazy("batches")
        indexes = [models.Index("destination", F("id").desc(), name="batch_of_destination")]

    def __str__(self) -> str:
        return gettext("Batch %(number)s") % {"number": self.pk}


class Delivery(models.Model):
    """What do we owe, and to whom? This event, to that destination, under that Pinterest name."""

    event = models.ForeignKey(
        Event,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="deliveries",
        db_index=False,  # delivery_once begins with it
    )
    destination = models.ForeignKey(
        Destination,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
        db_index=False,  # a claim and a settlement would write to it: see delivery_due
    )
    conversion_name = models.CharField(gettext_lazy("Pinterest event"), max_length=100, blank=True)
    status = models.CharField(max_length=10, choices=DeliveryStatus, default=DeliveryStatus.PENDING)
    due_at = models.DateTimeField(
        null=True,
        help_text=gettext_lazy(
            "For pending, the earliest time to send; for sending, when the lease ends."
        ),
    )
    claim_token = models.UUIDField(null=True)
    attempt_count = models.PositiveSmallIntegerField(
        default=0, help_text=gettext_lazy("Counted when claimed, before the request is sent.")
    )
    created_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True)
    batch = models.ForeignKey(
        Batch,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="deliveries",
        db_index=False,  # delivery_in_batch
    )
    batch_position = models.PositiveSmallIntegerField(null=True)
    conversion_event_id = models.CharField(
        gettext_lazy("event ID"),
        max_length=256,
        blank=True,
        help_text=gettext_lazy("Blank if it's the same as the message ID."),
    )
    completed = models.TextField(
        blank=True,
        default="",
        db_default="",  # ingest, and workers of the release before, name no such column
        help_text=gettext_lazy("What identity memory added, as write_completed writes it."),
    )
    error_stage = models.CharField(max_length=10, blank=True, choices=STAGE_CHOICES)
    error_code = models.CharField(max_length=50, blank=True)
    error_field = models.CharField(max_length=255, blank=True)
    error_message = models.TextField(blank=True)
    warnings = models.JSONField(
        default=list, help_text=gettext_lazy("[{code, field, message}] from the transform.")
    )

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = gettext_lazy("delivery")
        verbose_name_plural = gettext_lazy("deliveries")
        permissions = [
            ("operate_delivery", "Can retry, discard and replay deliveries"),
            ("view_personal_data", "Can see personal data in events, requests and answers"),
        ]
        constraints = [
            models.UniqueConstraint(
                "event", "destination", "conversion_name", name="delivery_once"
            ),
            models.CheckConstraint(
                condition=Q(status__in=sorted(OPEN), due_at__isnull=False)
                | (~Q(status__in=sorted(OPEN)) & Q(due_at__isnull=True)),
                name="delivery_due_iff_open",
            ),
            models.CheckConstraint(
                condition=Q(status=DeliveryStatus.SENDING, claim_token__isnull=False)
                | (~Q(status=DeliveryStatus.SENDING) & Q(claim_token__isnull=True)),
                name="delivery_claimed_iff_sending",
            ),
        ]
        indexes = [
            # What the sweep and every claim read: small, because closed deliveries are not in it.
            models.Index(
                "destination", "due_at", name="delivery_due", condition=Q(due_at__isnull=False)
            ),
            # The failures a person looks for are few among the delivered many. What else the log
            # is filtered by stands behind the key: counting and filtering read the index alone.
            models.Index(
                "status",
                F("id").desc(),
                *_ALSO_IN_THE_INDEX,
                "error_code",
                name="delivery_failed",
                condition=Q(status__in=sorted(RETRYABLE_BY_A_PERSON)),
            ),
            models.Index(
                "error_code",
                F("id").desc(),
                *_ALSO_IN_THE_INDEX,
                "status",
                name="delivery_with_error",
                condition=~Q(error_code=""),
            ),
            # Narrow: a sender whose every event is repaired writes to it for every delivery.
            models.Index(F("id").desc(), name="delivery_warned", condition=~Q(warnings=[])),
            models.Index(
                "batch",
                "batch_position",
                name="delivery_in_batch",
                condition=Q(batch__isnull=False),
            ),
            models.Index(
                "conversion_event_id",
                name="delivery_event_id",
                condition=~Q(conversion_event_id=""),
            ),
        ]

    def __str__(self) -> str:
        return gettext("Delivery %(number)s") % {"number": self.pk}


class Attempt(models.Model):
    """What did one request do to one delivery?"""

    delivery = models.ForeignKey(
        Delivery, on_delete=models.DO_NOTHING, db_constraint=False, related_name="attempts"
    )
    number = models.PositiveSmallIntegerField()
    batch = models.ForeignKey(
        Batch,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
        db_index=False,  # read through the delivery
    )
    batch_position = models.PositiveSmallIntegerField(null=True)
    outcome = models.CharField(max_length=10, choices=OUTCOME_CHOICES)
    error_stage = models.CharField(max_length=10, blank=True, choices=STAGE_CHOICES)
    error_code = models.CharField(max_length=50, blank=True)
    error_field = models.CharField(max_length=255, blank=True)
    error_message = models.TextField(blank=True)
    ended_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return gettext("Attempt %(number)s: %(outcome)s") % {
            "number": self.number,
            "outcome": self.outcome,
        }
