"""What would have fired in the last 30 days? Recalculated from the counts that are kept.

Counts are kept by the hour for eight days and by the day before that (``stats.compaction``), so
this is coarser than the alerts are. Conditions that leave no counts say how often they did fire.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection

from deliveries.alerts.models import Alert, VolumeDay
from deliveries.alerts.volume import DAY, count_in_window, judge_volume, usual_at
from deliveries.models import Tally

LOOKED_BACK = timedelta(days=30)
MAX_SUBJECTS = 20
"""So many sources and destinations are recalculated for the volume; a single one always is."""

Slots = Mapping[int, Counter[str]]
"""Unix time of an hour or day → what was counted in it."""


@dataclass(frozen=True, slots=True)
class Firing:
    """One alert that there would have been: of whom, and from when to when."""

    subject: str
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Past:
    """``is_recalculated``: by the limits that were asked about; else as it really was."""

    firings: Sequence[Firing]
    is_recalculated: bool
    is_partial: bool = False


def look_back(condition: str, subject: str, limits: Mapping[str, int], now: datetime) -> Past:
    """Two queries at most. ``subject``: blank for all."""
    if condition == "volume":
        return _volume(subject, limits, now)
    judge = _JUDGES.get(condition)
    if judge is None:
        rows = Alert.objects.filter(condition=condition, fired_at__gte=now - LOOKED_BACK)
        if subject:
            rows = rows.filter(subject=subject)
        return Past(
            [
                Firing(one.subject, one.fired_at, one.resolved_at or now)
                for one in rows.order_by("fired_at")
            ],
            is_recalculated=False,
        )
    firings = [
        firing
        for one, slots in _read_slots(now).items()
        if subject in ("", one)
        for firing in _merge(one, judge(slots, limits))
    ]
    return Past(sorted(firings, key=lambda one: one.begin), is_recalculated=True)


def _read_slots(now: datetime) -> dict[str, dict[int, Counter[str]]]:
    statement = f"""
        SELECT destination_id, source_id,
            CASE WHEN level = 3 THEN bucket ELSE bucket / 3600 * 3600 END AS slot,
            CASE WHEN metric LIKE %s THEN 'rejected' WHEN metric LIKE %s THEN 'dead'
                ELSE metric END AS what,
            CAST(SUM(count) AS bigint)
        FROM {connection.ops.quote_name(Tally._meta.db_table)}
        WHERE level IN (0, 1, 2, 3) AND bucket >= %s AND bucket <= %s AND (
            metric IN ('received', 'refused', 'delivered', 'match:em')
            OR metric LIKE %s OR metric LIKE %s
        )
        GROUP BY destination_id, source_id, slot, what
    """
    begin = int((now - LOOKED_BACK).timestamp())
    found: defaultdict[str, defaultdict[int, Counter[str]]] = defaultdict(
        lambda: defaultdict(Counter)
    )
    with connection.cursor() as cursor:
        cursor.execute(
            statement, ["rejected:%", "dead:%", begin, int(now.timestamp()), "rejected:%", "dead:%"]
        )
        for destination_id, source_id, slot, what, count in cursor.fetchall():
            if destination_id is not None:
                found[f"destination:{destination_id}"][slot][what] += count
            elif source_id is not None:
                found[f"source:{source_id}"][slot][what] += count
    return {subject: dict(slots) for subject, slots in found.items()}


def _undelivered(slots: Slots, limits: Mapping[str, int]) -> Iterator[int]:
    for slot, counts in slots.items():
        failed = counts["rejected"] + counts["dead"]
        ended = counts["delivered"] + failed
        if ended >= limits["at_least"] and failed * 100 > limits["percent"] * ended:
            yield slot


def _invalid(slots: Slots, limits: Mapping[str, int]) -> Iterator[int]:
    for slot, counts in slots.items():
        total = counts["received"] + counts["refused"]
        if total >= limits["at_least"] and counts["refused"] * 100 > limits["percent"] * total:
            yield slot


def _dead(slots: Slots, limits: Mapping[str, int]) -> Iterator[int]:
    for slot, counts in slots.items():
        if counts["dead"] >= limits["at_least"]:
            yield slot


def _match_quality(slots: Slots, limits: Mapping[str, int]) -> Iterator[int]:
    days: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for slot, counts in slots.items():
        days[slot // DAY].update(counts)
    for day, counts in days.items():
        before: Counter[str] = Counter()
        for past in range(day - 7, day):
            before.update(days.get(past, Counter()))
        if min(counts["delivered"], before["delivered"]) < limits["at_least"]:
            continue
        share = counts["match:em"] * 100 / counts["delivered"]
        if before["match:em"] * 100 / before["delivered"] - share > limits["points"]:
            yield day * DAY


_JUDGES: dict[str, Callable[[Slots, Mapping[str, int]], Iterator[int]]] = {
    "undelivered": _undelivered,
    "invalid": _invalid,
    "dead": _dead,
    "match_quality": _match_quality,
}


def _volume(subject: str, limits: Mapping[str, int], now: datetime) -> Past:
    rows = VolumeDay.objects.order_by("subject")
    if subject:
        rows = rows.filter(subject=subject)
    subjects = list(rows.values_list("subject", flat=True).distinct()[: MAX_SUBJECTS + 1])
    days: defaultdict[str, dict[int, list[int]]] = defaultdict(dict)
    for one, day, counts in VolumeDay.objects.filter(
        subject__in=subjects[:MAX_SUBJECTS]
    ).values_list("subject", "day", "counts"):
        days[one][day] = counts
    hours = range(
        int((now - LOOKED_BACK).timestamp()) // 3600 * 3600, int(now.timestamp()) - 3600, 3600
    )
    firings = []
    for one, its_days in days.items():
        found = []
        for end in hours:
            usual = usual_at(its_days, end, limits["at_least"])
            if usual is None:
                continue
            count = count_in_window(its_days, end, usual.seconds)
            if count is None:
                continue
            if judge_volume(
                round(count),
                usual,
                less_percent=limits["less_percent"],
                more_percent=limits["more_percent"],
            ):
                found.append(end - 3600)
        firings += _merge(one, iter(found))
    return Past(
        sorted(firings, key=lambda one: one.begin), True, is_partial=len(subjects) > MAX_SUBJECTS
    )


def _merge(subject: str, slots: Iterator[int]) -> list[Firing]:
    """Hours and days in a row are one alert."""
    firings: list[Firing] = []
    for slot in sorted(slots):
        begin = datetime.fromtimestamp(slot, UTC)
        if firings and begin - firings[-1].end < timedelta(hours=1):
            firings[-1] = Firing(subject, firings[-1].begin, begin + timedelta(hours=1))
        else:
            firings.append(Firing(subject, begin, begin + timedelta(hours=1)))
    return firings
