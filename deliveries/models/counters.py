"""What is kept beside the log so that nobody reads all of it: sums, search keys, contents."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import connection, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy

from deliveries.models.log import Event
from destinations.models import Destination, Source


class Tally(models.Model):
    """How many of what, in which five minutes? What the home page adds up, instead of the log.

    Rows are only ever added: two transactions that count the same thing never wait for each
    other. ``stats.compaction`` replaces many rows by their sum.
    """

    class Level(models.IntegerChoices):
        APPENDED = 0
        MERGED = 1
        HOURLY = 2
        DAILY = 3

    level = models.PositiveSmallIntegerField(choices=Level, default=Level.APPENDED)
    bucket = models.BigIntegerField(
        help_text=gettext_lazy(
            "Unix time at which its five minutes, hour or day start, depending on the level."
        )
    )
    destination = models.ForeignKey(
        Destination,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
        db_index=False,
    )
    source = models.ForeignKey(
        Source,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
        db_index=False,
    )
    metric = models.CharField(max_length=64)
    count = models.BigIntegerField()

    class Meta:
        verbose_name_plural = gettext_lazy("tallies")
        indexes = [models.Index("level", "bucket", name="tally_bucket")]

    def __str__(self) -> str:
        return f"{self.metric}: {self.count}"


class SearchKey(models.Model):
    """By which order, email address or user ID can an event be found? Keyed hashes, no values."""

    digest = models.BigIntegerField(
        help_text=gettext_lazy("8 bytes of a keyed hash (deliveries.search.search_keys).")
    )
    event = models.ForeignKey(
        Event, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )

    class Meta:
        indexes = [models.Index("digest", name="search_key_digest")]

    def __str__(self) -> str:
        return f"Key of event {self.event_id}"


class LogContents(models.Model):
    """Which kinds of deliveries are in a block of the log, and where
    (deliveries.search.block_index)?"""

    block = models.BigIntegerField(
        help_text=gettext_lazy("Number of the first block of delivery IDs.")
    )
    destination = models.ForeignKey(
        Destination,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
        db_index=False,
    )
    source = models.ForeignKey(
        Source, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+", db_index=False
    )
    event_name = models.CharField(
        max_length=255, null=True, help_text=gettext_lazy("NULL means any.")
    )
    conversion_name = models.CharField(
        max_length=100, null=True, help_text=gettext_lazy("NULL means any.")
    )
    places = models.BinaryField(
        null=True,
        help_text=gettext_lazy(
            "Two bytes per delivery from the block's start; NULL means too many."
        ),
    )

    class Meta:
        verbose_name_plural = gettext_lazy("log contents")
        indexes = [models.Index("block", name="log_contents_block")]

    def __str__(self) -> str:
        return f"Contents of block {self.block}"


class SeenEvent(models.Model):
    """Which event does a source send: how often, and what is in it (deliveries.catalog)?

    No value of an event is kept here: what it says is read from the sample, as long as that is.
    """

    source = models.ForeignKey(
        Source, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+", db_index=False
    )
    type = models.CharField(
        max_length=20, blank=True, help_text=gettext_lazy("Blank for all names beyond the limit.")
    )
    name = models.CharField(
        max_length=255,
        blank=True,
        help_text=gettext_lazy("Blank for calls that aren't told apart by name."),
    )
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    count = models.BigIntegerField(help_text=gettext_lazy("Since it was first seen."))
    hours = models.JSONField(
        default=dict, help_text=gettext_lazy("Hours since 1970, UTC → events; the last day.")
    )
    days = models.JSONField(
        default=dict, help_text=gettext_lazy("Days since 1970, UTC → events; the last 30.")
    )
    looked_at_count = models.PositiveIntegerField(
        default=0, help_text=gettext_lazy("Events whose content was looked at, lately.")
    )
    shares = models.JSONField(
        default=dict, help_text=gettext_lazy("What of interest → how many of those have it.")
    )
    properties = models.JSONField(
        default=dict, help_text=gettext_lazy("Property → its types → how many of those.")
    )
    sample = models.ForeignKey(
        Event,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
        db_index=False,
    )

    class Meta:
        default_permissions = ()
        verbose_name = gettext_lazy("seen event")
        verbose_name_plural = gettext_lazy("seen events")
        constraints = [
            models.UniqueConstraint(
                fields=("source", "type", "name"), name="seen_event_once_per_source"
            )
        ]

    def __str__(self) -> str:
        return self.name or self.type or "other names"


class Snapshot(models.Model):
    """What was collected in the background, for readers that must not wait (deliveries.metrics).

    ``text`` is what they get; ``state`` what the next collection goes on from.
    """

    name = models.CharField(max_length=30, primary_key=True)
    taken_at = models.DateTimeField()
    text = models.TextField(blank=True)
    state = models.JSONField(default=dict)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} at {self.taken_at:%Y-%m-%d %H:%M:%S}"


class JobCursor(models.Model):
    """How far has a maintenance job come? Its row is the lock under which steps are made."""

    name = models.CharField(max_length=30, primary_key=True)
    position = models.BigIntegerField(
        default=0, help_text=gettext_lazy("Rows up to this ID have been processed.")
    )
    kept_from = models.BigIntegerField(
        null=True,
        help_text=gettext_lazy("The first row of this run that had to stay; it's checked again."),
    )
    newest_id = models.BigIntegerField(
        null=True, help_text=gettext_lazy("The newest ID when the run started.")
    )
    round_started_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "deliveries_prunemark"  # as it was called: older workers still run on it

    def __str__(self) -> str:
        return f"{self.name} up to {self.position}"


@contextmanager
def locked_cursor(name: str, now: datetime) -> Iterator[JobCursor | None]:
    """A job's cursor, locked for one step; None while another worker makes one.

    The step is one transaction; whoever changes the cursor saves it.
    """
    JobCursor.objects.get_or_create(name=name, defaults={"round_started_at": now})
    with transaction.atomic():
        yield (
            JobCursor.objects.select_for_update(
                skip_locked=connection.features.has_select_for_update_skip_locked
            )
            .filter(pk=name)
            .first()
        )
