"""Taking a source or destination out of use, back into use, and away.

The log points to both, so they are archived first: off and hidden, with everything that is known of
them but the token. What nothing points to can be deleted.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import transaction

from deliveries.actions.bulk import start_bulk_action
from deliveries.actions.operations import AT_ONCE_LIMIT, discard_by_id
from deliveries.db.id_ranges import CLOCK_SLACK, first_id_since
from deliveries.models import Batch, Delivery, Event, Refusal, Tally
from deliveries.search import Selection
from deliveries.statuses import BulkVerb, DeliveryStatus
from destinations.models import Destination, Source
from destinations.routing import forget_routes
from destinations.secrets import Secret

SETTLES_AFTER = timedelta(minutes=1)
"""An event that was being received while somebody archived its source is stored by then."""

SECONDS = 2.0
"""No other step of the search for references begins after so long."""

WIDTH = 131_072
"""IDs in a step of that search."""

REASON = "The destination was archived."


class Reference(StrEnum):
    """Does the log point to it?"""

    NONE = "none"
    FOUND = "found"
    UNSURE = "unsure"
    """There is too much to look through, or something may still be on its way."""


def archive_source(source: Source, now: datetime) -> bool:
    """Off and out of the lists; its events are refused. False: it was archived already."""
    return _archive(Source.objects.filter(pk=source.pk), now, {})


def archive_destination(destination: Destination, now: datetime, requested_by: str = "") -> bool:
    """Off, out of the lists and without its token; what waits is discarded by a bulk action.

    What waits is not kept for a day that may never come: its events would stay with all that they
    say of people. False: it was archived already.
    """
    changes = {
        "conversion_token": Secret(),
        "paused_at": None,
        "paused_code": "",
        "paused_reason": "",
    }
    with transaction.atomic():
        if not _archive(Destination.objects.filter(pk=destination.pk), now, changes):
            return False
        if Delivery.objects.filter(destination=destination, due_at__isnull=False).exists():
            start_bulk_action(
                BulkVerb.DISCARD,
                Selection(statuses=(DeliveryStatus.PENDING,), destination_ids=(destination.pk,)),
                requested_by=requested_by,
                reason=REASON,
                now=now,
            )
    return True


def restore(row: Source | Destination) -> bool:
    """Back into the lists, still off. False: it was not archived."""
    return bool(
        type(row)
        ._default_manager.filter(pk=row.pk, archived_at__isnull=False)
        .update(archived_at=None)
    )


def discard_left_over(now: datetime) -> int:
    """Discard what came to wait for an archived destination after all: it was being sent, or was
    planned in that second. Up to AT_ONCE_LIMIT for each; returns how many."""
    count = 0
    archived = Destination.objects.filter(
        archived_at__isnull=False, archived_at__lte=now - SETTLES_AFTER
    )
    for pk in archived.values_list("pk", flat=True):
        waiting = Delivery.objects.filter(destination_id=pk, due_at__isnull=False).waiting()
        ids = list(waiting.values_list("pk", flat=True)[:AT_ONCE_LIMIT])
        if ids:
            count += discard_by_id(ids, REASON, now)
    return count


def find_reference(row: Source | Destination, now: datetime) -> Reference:
    """Whether the log, or what is counted of it, points to an archived source or destination."""
    if row.archived_at is None or row.archived_at > now - SETTLES_AFTER:
        return Reference.UNSURE
    if isinstance(row, Destination):
        of_it = {"destination_id": row.pk}
        is_found = Batch.objects.filter(**of_it).exists()
    else:
        of_it = {"source_id": row.pk}
        is_found = Refusal.objects.filter(**of_it).exists()
    if is_found or Tally.objects.filter(level__in=Tally.Level.values, **of_it).exists():
        return Reference.FOUND
    if isinstance(row, Destination):
        return _search(Delivery, "created_at", of_it, row.created_at)
    return _search(Event, "received_at", of_it, row.created_at)


def _search(log: Any, moment: str, of_it: dict[str, int], since: datetime) -> Reference:
    """Newest first, in steps of the primary key: no index begins with a source or destination."""
    started = time.monotonic()
    last = log.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    first = first_id_since(log, moment, since - CLOCK_SLACK)
    while last >= first:
        if time.monotonic() - started > SECONDS:
            return Reference.UNSURE
        step = log.objects.filter(pk__gt=last - WIDTH, pk__lte=last, **of_it)
        if step.exists():
            return Reference.FOUND
        last -= WIDTH
    return Reference.NONE


def _archive(rows: Any, now: datetime, changes: dict[str, Any]) -> bool:
    with transaction.atomic():
        count = rows.filter(archived_at__isnull=True).update(
            archived_at=now, enabled=False, **changes
        )
        transaction.on_commit(forget_routes)
    return bool(count)
