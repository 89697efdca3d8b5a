"""How much is usual at this time of the week? Counts of quarters of an hour, and a judgment.

``note_volume`` keeps the counts for nine weeks (tallies are merged into days after one): a row for
each day and source or destination. What is usual is the median of the same window of the
same weekday in up to eight past weeks; the spread is their median absolute deviation. Both ignore a
week that had an outage or a sale.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from statistics import median

from django.db import connection

from deliveries.alerts.models import VolumeDay
from deliveries.models import JobCursor, Tally
from deliveries.stats.tallies import BUCKET_SECONDS, DELIVERED, RECEIVED

QUARTER = 900
DAY = 86_400
QUARTERS = DAY // QUARTER
WEEKS = 8
LEAST_WEEKS = 3
"""With fewer past weeks nothing is said."""
WINDOWS = (1200, 3600, 9000)
"""Seconds. The first in which enough is usual is compared: the more a source sends, the sooner it's
told of."""
LATE_SECONDS = 60
"""A transaction counts what it did in the five minutes in which it began: it may commit later."""
KEPT_DAYS = WEEKS * 7 + 7
FIRST_LOOK = timedelta(days=8)
"""So far back do tallies still tell hours apart."""

LESS_SPREADS, MORE_SPREADS = 3.0, 6.0
"""So many standard deviations (estimated robustly) away, what happens by chance is rare enough."""
MAD_TO_SIGMA = 1.4826
CLUMPS = 3
"""Visitors send several events each, so counts vary more than those of single events would."""
RELATIVE_SPREAD = 0.08
"""Weeks differ at least by so much, however alike the few that are known happen to be."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What the same window (``seconds``) of past weeks had: ``median``, ``spread`` (one sigma), and
    how many weeks."""

    median: float
    spread: float
    weeks: int
    seconds: int = WINDOWS[0]


def usual_of(counts: Sequence[float], seconds: int = WINDOWS[0]) -> Usual | None:
    """None when too few weeks are known."""
    if len(counts) < LEAST_WEEKS:
        return None
    middle = median(counts)
    deviation = MAD_TO_SIGMA * median(abs(one - middle) for one in counts)
    spread = max(deviation, sqrt(CLUMPS * max(middle, 1)), RELATIVE_SPREAD * middle)
    return Usual(middle, spread, len(counts), seconds)


def judge_volume(count: int, usual: Usual | None, *, less_percent: int, more_percent: int) -> str:
    """ "less", "more", or "" when it's as usual, or when too little is usual to tell."""
    if usual is None:
        return ""
    middle, spread = usual.median, usual.spread
    if (
        less_percent
        and count <= middle * (1 - less_percent / 100)
        and count < middle - LESS_SPREADS * spread
    ):
        return "less"
    if (
        more_percent
        and count >= middle * (1 + more_percent / 100)
        and count > middle + MORE_SPREADS * spread
    ):
        return "more"
    return ""


def window_end(now: datetime) -> int:
    """Unix time at which the newest five minutes end that are wholly counted."""
    return (int(now.timestamp()) - LATE_SECONDS) // BUCKET_SECONDS * BUCKET_SECONDS


def count_in_window(days: Mapping[int, Sequence[int]], end: int, seconds: int) -> float | None:
    """What ``days`` (day → counts of quarters) have in the ``seconds`` before ``end``; quarters
    count by their part in it. None when a day isn't known."""
    begin = end - seconds
    total = 0.0
    for quarter in range(begin // QUARTER, (end - 1) // QUARTER + 1):
        counts = days.get(quarter // QUARTERS)
        if counts is None:
            return None
        share = (min(end, (quarter + 1) * QUARTER) - max(begin, quarter * QUARTER)) / QUARTER
        total += counts[quarter % QUARTERS] * share
    return total


def usual_at(days: Mapping[int, Sequence[int]], end: int, at_least: int) -> Usual | None:
    """From one subject's days, for the shortest window before ``end`` in which ``at_least`` so much
    is usual; None if it's less in all of them, or too few weeks are known."""
    for seconds in WINDOWS:
        weeks = (
            count_in_window(days, end - week * 7 * DAY, seconds) for week in range(1, WEEKS + 1)
        )
        usual = usual_of([count for count in weeks if count is not None], seconds)
        if usual is not None and usual.median >= at_least:
            return usual
    return None


def read_days(end: int) -> dict[str, dict[int, list[int]]]:
    """Subject → the days with the windows before ``end`` in past weeks; one query."""
    wanted = {
        moment // DAY - week * 7
        for week in range(1, WEEKS + 1)
        for moment in (end - 1, end - WINDOWS[-1])
    }
    found: defaultdict[str, dict[int, list[int]]] = defaultdict(dict)
    for subject, day, counts in VolumeDay.objects.filter(day__in=wanted).values_list(
        "subject", "day", "counts"
    ):
        found[subject][day] = counts
    return dict(found)


def volume_of(buckets: Mapping[int, Counter[str]], subject: str, end: int, seconds: int) -> int:
    """What the subject's tallies have in the ``seconds`` before ``end``."""
    return sum(
        count
        for bucket, counts in buckets.items()
        if end - seconds <= bucket < end
        for metric, count in counts.items()
        if is_volume(subject, metric)
    )


def is_volume(subject: str, metric: str) -> bool:
    """A source's volume is what it sends; a destination's, what came to an end there."""
    if subject.startswith("source:"):
        return metric == RECEIVED
    return metric == DELIVERED or metric.startswith(("rejected:", "dead:"))


# --- Keeping -------------------------------------------------------------------------------------

CURSOR = "alerts: volume"


def note_volume(now: datetime) -> None:
    """Add the quarters that ended since the last call; call it under the lock of the alerts."""
    end = (int(now.timestamp()) - LATE_SECONDS) // QUARTER * QUARTER
    cursor, _ = JobCursor.objects.get_or_create(name=CURSOR, defaults={"round_started_at": now})
    begin = max(cursor.position, int((now - FIRST_LOOK).timestamp()) // QUARTER * QUARTER)
    if begin >= end:
        return
    _add(_read_quarters(begin, end), begin, end)
    VolumeDay.objects.filter(day__lt=end // DAY - KEPT_DAYS).delete()
    cursor.position = end
    cursor.save(update_fields=["position"])


def _read_quarters(begin: int, end: int) -> dict[str, Counter[int]]:
    """Subject → quarter (since 1970) → count. An hour that was merged is spread evenly."""
    statement = f"""
        SELECT level, destination_id, source_id, bucket, metric, CAST(SUM(count) AS bigint)
        FROM {connection.ops.quote_name(Tally._meta.db_table)}
        WHERE level IN (0, 1, 2) AND bucket >= %s AND bucket < %s
            AND (metric IN (%s, %s) OR metric LIKE %s OR metric LIKE %s)
        GROUP BY level, destination_id, source_id, bucket, metric
    """
    found: defaultdict[str, Counter[int]] = defaultdict(Counter)
    parameters: list[int | str] = [
        begin - 3600 + QUARTER,
        end,
        RECEIVED,
        DELIVERED,
        "rejected:%",
        "dead:%",
    ]
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        for level, destination_id, source_id, bucket, metric, count in cursor.fetchall():
            subject = (
                f"destination:{destination_id}"
                if destination_id is not None
                else f"source:{source_id}"
            )
            if not is_volume(subject, metric):
                continue
            first = bucket // QUARTER
            if level != Tally.Level.HOURLY:
                found[subject][first] += count
                continue
            for position in range(4):
                found[subject][first + position] += (count * (position + 1) // 4) - (
                    count * position // 4
                )
    return found


def _add(found: Mapping[str, Mapping[int, int]], begin: int, end: int) -> None:
    quarters = range(begin // QUARTER, end // QUARTER)
    days = range(quarters[0] // QUARTERS, quarters[-1] // QUARTERS + 1)
    known = set(VolumeDay.objects.values_list("subject", flat=True).distinct())
    subjects: Iterable[str] = known | set(found)
    rows = {(row.subject, row.day): row for row in VolumeDay.objects.filter(day__in=list(days))}
    old = list(rows.values())
    for subject in subjects:
        for day in days:
            row = rows.setdefault(
                (subject, day), VolumeDay(subject=subject, day=day, counts=[0] * QUARTERS)
            )
            for quarter in range(
                max(quarters[0], day * QUARTERS), min(quarters[-1] + 1, (day + 1) * QUARTERS)
            ):
                row.counts[quarter % QUARTERS] = found.get(subject, {}).get(quarter, 0)
    VolumeDay.objects.bulk_create([row for row in rows.values() if row._state.adding])
    VolumeDay.objects.bulk_update(old, ["counts"], batch_size=200)
