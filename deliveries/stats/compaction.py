"""Tallies that many transactions appended, replaced by their sums, in short transactions.

Readers add up whatever rows there are, so it never matters how far this has come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from deliveries.db.bulk_sql import insert_rows
from deliveries.models import Tally
from deliveries.stats.tallies import COLUMNS

STEP = 5000
"""Rows in a step, which is one short transaction."""

KEPT = timedelta(days=31)

Level = Tally.Level


@dataclass(frozen=True, slots=True)
class Coarsening:
    """Rows of ``level`` become rows of ``into``, by ``seconds``, when they are ``after`` old.

    ``after`` is a little longer than the range of the home page that needs the finer ones.
    """

    level: int
    into: int
    seconds: int
    after: timedelta


COARSENINGS = (
    Coarsening(Level.MERGED, Level.HOURLY, 3600, timedelta(hours=3)),
    Coarsening(Level.HOURLY, Level.DAILY, 86_400, timedelta(days=8)),
)


def merge_tallies(now: datetime, is_over: Callable[[], bool] = lambda: False) -> int:
    """Merge what was appended, then old figures into hours and days, then forget the oldest.

    Returns how many rows went away. Safe to run twice at a time, and to stop anywhere.
    """
    count = 0
    while not is_over() and (gone := _merge_appended()):
        count += gone
    for one in COARSENINGS:
        while not is_over() and (gone := _coarsen(one, now)):
            count += gone
    while not is_over() and (gone := _forget(int((now - KEPT).timestamp()))):
        count += gone
    return count


def _merge_appended() -> int:
    """One step for the oldest five minutes with appended rows: those, and their sums so far."""
    bucket = _oldest(Level.APPENDED)
    if bucket is None:
        return 0
    return _replace_by_sums(
        Tally.objects.filter(level=Level.APPENDED, bucket=bucket), Level.MERGED, bucket
    )


def _coarsen(one: Coarsening, now: datetime) -> int:
    """One step for the oldest hour (day) that is wholly old enough."""
    oldest = _oldest(one.level)
    if oldest is None:
        return 0
    bucket = oldest // one.seconds * one.seconds
    end = bucket + one.seconds
    if end > (now - one.after).timestamp():
        return 0
    finer = Tally.objects.filter(level=one.level, bucket__gte=bucket, bucket__lt=end)
    return _replace_by_sums(finer, one.into, bucket)


def _oldest(level: int) -> int | None:
    rows = Tally.objects.filter(level=level).order_by("bucket")
    found: int | None = rows.values_list("bucket", flat=True).first()
    return found


def _replace_by_sums(rows: QuerySet[Tally], level: int, bucket: int) -> int:
    """Add some of ``rows`` to the sums that ``bucket`` has at ``level``."""
    with transaction.atomic():
        taken = _take(rows)
        if not taken:  # another worker is at it
            return 0
        earlier = _take(Tally.objects.filter(level=level, bucket=bucket))
        sums: Counter[tuple[int | None, int | None, str]] = Counter()
        for _, destination_id, source_id, metric, count in taken + earlier:
            sums[destination_id, source_id, metric] += count
        Tally.objects.filter(id__any_of=[pk for pk, *_ in taken + earlier]).delete()
        insert_rows(
            Tally, COLUMNS, [(int(level), bucket, *key, count) for key, count in sums.items()]
        )
    return len(taken)


def _take(rows: QuerySet[Tally]) -> list[tuple[Any, ...]]:
    return list(
        rows.order_by("pk")
        .select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
        .values_list("pk", "destination_id", "source_id", "metric", "count")[:STEP]
    )


def _forget(before: int) -> int:
    old = list(
        Tally.objects.filter(level__in=Level.values, bucket__lt=before).values_list(
            "pk", flat=True
        )[:STEP]
    )
    return Tally.objects.filter(id__any_of=old).delete()[0] if old else 0
