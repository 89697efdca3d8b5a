"""What the conditions are judged by: narrow figures, in a constant number of queries.

Nothing here grows with the log: tallies of some minutes, the small indexes of what is due and what
failed, and a row each for destinations, circuits, and heartbeats.
"""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from deliveries.alerts.conditions import MAX_WINDOW_MINUTES
from deliveries.alerts.volume import read_days, window_end
from deliveries.models import Circuit, Delivery, Heartbeat, Tally
from deliveries.stats.figures import Waiting, read_waiting
from deliveries.stats.health import BEAT_OF_PRUNE, SWEEP, reaches_broker
from deliveries.stats.tallies import BUCKET_SECONDS, DELIVERED, RECEIVED, REFUSED
from destinations.models import ConnectionCheck, Destination, FormerWriteKey, Source

MAX_DEAD = 10_000
"""Failed deliveries are counted up to here, newest first; more is "10,000+"."""

DEAD, REJECTED = "dead:", "rejected:"


@dataclass(frozen=True, slots=True)
class Dead:
    """Failed deliveries of one destination; ``oldest_at``: when the first of them failed."""

    count: int
    oldest_at: datetime
    error_code: str


@dataclass(slots=True)
class Figures:
    """All that a judgment may know. ``tallies``: subject → bucket → metric → count.

    ``slow`` holds what is only read every five minutes; None in between.
    """

    now: datetime
    destinations: Mapping[int, Destination]
    sources: Mapping[int, Source]
    circuits: Mapping[int, Circuit] = field(default_factory=dict)
    checks: Mapping[int, ConnectionCheck] = field(default_factory=dict)
    waiting: Mapping[int, Waiting] = field(default_factory=dict)
    tallies: Mapping[str, Mapping[int, Counter[str]]] = field(default_factory=dict)
    dead: Mapping[int, Dead] = field(default_factory=dict)
    dead_is_whole: bool = True
    """Whether ``dead`` has all there are: else none can be said to have no failed deliveries."""
    swept_at: datetime | None = None
    reaches_broker: bool | None = None
    """None while the worker is at work: then nobody asked."""
    slow: SlowFigures | None = None

    def window(self, subject: str, minutes: int) -> Counter[str]:
        """Metric → count of the last so many minutes."""
        begin = window_begin(self.now, minutes)
        total: Counter[str] = Counter()
        for bucket, counts in self.tallies.get(subject, {}).items():
            if bucket >= begin:
                total.update(counts)
        return total


@dataclass(frozen=True, slots=True)
class SlowFigures:
    """``match``: destination → (delivered, with email) of the last day, and of the week before."""

    match: Mapping[int, tuple[tuple[int, int], tuple[int, int]]]
    volume_days: Mapping[str, Mapping[int, Sequence[int]]]
    volume_end: int
    free_share: float
    free_bytes: int
    pruned_at: datetime | None
    keys: Mapping[int, tuple[datetime, str]]
    """Source → when the first of its old keys that were used today expires, and its ending."""


def window_begin(now: datetime, minutes: int) -> int:
    """Unix time at which the buckets of the last ``minutes`` begin, the one of now included."""
    return (int(now.timestamp()) // BUCKET_SECONDS + 1) * BUCKET_SECONDS - minutes * 60


def subject_of(row: Destination | Source) -> str:
    return f"{'destination' if isinstance(row, Destination) else 'source'}:{row.pk}"


def read_figures(now: datetime, *, is_slow: bool) -> Figures:
    """Nine queries, and five more when ``is_slow``."""
    destinations = Destination.objects.active().in_bulk()
    tallies = _read_tallies(now)
    dead, is_whole = _read_dead()
    beats = dict(
        Heartbeat.objects.filter(name__in=[SWEEP, BEAT_OF_PRUNE]).values_list("name", "seen_at")
    )
    swept_at = beats.get(SWEEP)
    is_late = swept_at is not None and now - swept_at > timedelta(seconds=60)
    return Figures(
        now,
        destinations,
        Source.objects.active().in_bulk(),
        Circuit.objects.in_bulk(),
        ConnectionCheck.objects.in_bulk(),
        read_waiting(destinations),
        tallies,
        dead,
        is_whole,
        swept_at,
        reaches_broker() if is_late else None,
        _read_slow(now, tallies, beats.get(BEAT_OF_PRUNE)) if is_slow else None,
    )


def _read_tallies(now: datetime) -> dict[str, dict[int, Counter[str]]]:
    """What came in and came to an end, by five minutes, of the longest time range of a rule."""
    statement = f"""
        SELECT destination_id, source_id, bucket, metric, CAST(SUM(count) AS bigint)
        FROM {connection.ops.quote_name(Tally._meta.db_table)}
        WHERE level IN (0, 1) AND bucket >= %s AND (
            metric IN (%s, %s, %s) OR metric LIKE %s OR metric LIKE %s OR metric LIKE %s
        )
        GROUP BY destination_id, source_id, bucket, metric
    """
    begin = window_begin(now, MAX_WINDOW_MINUTES)
    found: defaultdict[str, dict[int, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            [begin, RECEIVED, REFUSED, DELIVERED, f"{REJECTED}%", f"{DEAD}%", "retryable:%"],
        )
        for destination_id, source_id, bucket, metric, count in cursor.fetchall():
            if destination_id is not None:
                found[f"destination:{destination_id}"][bucket][metric] += count
            elif source_id is not None:
                found[f"source:{source_id}"][bucket][metric] += count
    return dict(found)


def _read_dead() -> tuple[dict[int, Dead], bool]:
    """From the index of failures alone, newest first."""
    rows = list(
        Delivery.objects.filter(status="dead")
        .order_by("-pk")
        .values_list("destination_id", "settled_at", "created_at", "error_code")[: MAX_DEAD + 1]
    )
    counts: Counter[int] = Counter()
    codes: defaultdict[int, Counter[str]] = defaultdict(Counter)
    oldest: dict[int, datetime] = {}
    for destination_id, settled_at, created_at, code in rows:
        counts[destination_id] += 1
        codes[destination_id][code] += 1
        moment = settled_at or created_at
        oldest[destination_id] = min(oldest.get(destination_id, moment), moment)
    return {
        pk: Dead(count, oldest[pk], codes[pk].most_common(1)[0][0]) for pk, count in counts.items()
    }, len(rows) <= MAX_DEAD


def _read_slow(
    now: datetime, tallies: Mapping[str, Mapping[int, Counter[str]]], pruned_at: datetime | None
) -> SlowFigures:
    disk = shutil.disk_usage(settings.DATA_DIR)
    end = window_end(now)
    used = FormerWriteKey.objects.filter(
        expires_at__gt=now, last_used_at__gt=now - timedelta(days=1)
    ).order_by("-expires_at")
    return SlowFigures(
        _read_match(now),
        read_days(end),
        end,
        disk.free / disk.total,
        disk.free,
        pruned_at,
        {one.source_id: (one.expires_at, one.ending) for one in used},
    )


def _read_match(now: datetime) -> dict[int, tuple[tuple[int, int], tuple[int, int]]]:
    statement = f"""
        SELECT destination_id, metric, CASE WHEN bucket >= %s THEN 1 ELSE 0 END AS is_new,
            CAST(SUM(count) AS bigint)
        FROM {connection.ops.quote_name(Tally._meta.db_table)}
        WHERE level IN (0, 1, 2) AND bucket >= %s AND metric IN (%s, %s)
            AND destination_id IS NOT NULL
        GROUP BY destination_id, metric, is_new
    """
    new = int((now - timedelta(days=1)).timestamp())
    old = int((now - timedelta(days=8)).timestamp())
    found: defaultdict[int, Counter[tuple[str, int]]] = defaultdict(Counter)
    with connection.cursor() as cursor:
        cursor.execute(statement, [new, old, DELIVERED, "match:em"])
        for destination_id, metric, is_new, count in cursor.fetchall():
            found[destination_id][metric, int(is_new)] += count
    return {
        pk: (
            (counts[DELIVERED, 1], counts["match:em", 1]),
            (counts[DELIVERED, 0], counts["match:em", 0]),
        )
        for pk, counts in found.items()
    }
