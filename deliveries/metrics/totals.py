"""Counters that only ever grow, made of tallies that are merged and forgotten.

What happened before ``edge`` (an hour) is kept as sums in the snapshot's state; what happened since
is added up from the tallies. The edge follows three hours behind, which is when tallies become
hourly: an hour is always wholly on one side of it. Workers that are away for more than a week lose
the hours of the day on which they stopped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from deliveries.models import Tally
from deliveries.stats.tallies import COMPLETED, MATCH, REMEMBERED, SECOND_CHANCE, UNROUTED

HOUR = 3600
BEHIND = 3 * HOUR
NOT_COUNTED = (MATCH, REMEMBERED, COMPLETED, SECOND_CHANCE, UNROUTED)
"""Beginnings of metrics that aren't exported; a replay even takes back what is unrouted."""

Key = tuple[str, int, str]
"""("destination" or "source", ID, metric of the tallies)."""


@dataclass(slots=True)
class Totals:
    """``base``: all before ``edge`` (Unix time); ``counts``: all there is."""

    edge: int
    base: Counter[Key] = field(default_factory=Counter)
    counts: Counter[Key] = field(default_factory=Counter)

    def to_state(self) -> dict[str, Any]:
        return {"edge": self.edge, "base": [[*key, count] for key, count in self.base.items()]}


def read_totals(state: dict[str, Any], now: datetime) -> Totals:
    """Everything up to now. ``state``: what ``to_state`` gave last time, {} the first time."""
    moment = int(now.timestamp())
    new_edge = (moment - BEHIND) // HOUR * HOUR
    edge = int(state.get("edge", new_edge))
    base: Counter[Key] = Counter()
    for kind, pk, metric, count in state.get("base", ()):
        base[kind, pk, metric] = count
    recent: Counter[Key] = Counter()
    for is_over, key, count in _read_since(edge, max(new_edge, edge)):
        if is_over:
            base[key] += count
        else:
            recent[key] += count
    return Totals(max(new_edge, edge), base, base + recent)


def forget_others(totals: Totals, destination_ids: set[int], source_ids: set[int]) -> None:
    """Drop what is counted for rows that were deleted."""
    kept = {"destination": destination_ids, "source": source_ids}
    for counter in (totals.base, totals.counts):
        for key in [key for key in counter if key[1] not in kept[key[0]]]:
            del counter[key]


def _read_since(edge: int, new_edge: int) -> Iterable[tuple[bool, Key, int]]:
    statement = f"""
        SELECT CASE WHEN bucket < %s THEN 1 ELSE 0 END AS is_over, destination_id, source_id,
            metric, CAST(SUM(count) AS bigint)
        FROM {connection.ops.quote_name(Tally._meta.db_table)}
        WHERE level IN (0, 1, 2, 3) AND bucket >= %s
        GROUP BY is_over, destination_id, source_id, metric
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, [new_edge, edge])
        for is_over, destination_id, source_id, metric, count in cursor.fetchall():
            if metric.startswith(NOT_COUNTED):
                continue
            if destination_id is not None:
                yield bool(is_over), ("destination", destination_id, metric), int(count)
            elif source_id is not None:
                yield bool(is_over), ("source", source_id, metric), int(count)
