"""Destinations whose deliveries lose more on the way than they did: shares of warnings compared."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection

from deliveries.models import Tally
from deliveries.stats.tallies import DELIVERED, WARNED

RECENT = timedelta(hours=24)
BEFORE = timedelta(days=7)
MIN_DELIVERED = 50
"""Of fewer in either time nothing is said."""
MIN_RISE = 0.1
"""In the share of deliveries with warnings; and it has to be at least twice what it was."""


class Rise(NamedTuple):
    """Shares of the delivered ones with warnings, and since when the recent one is counted."""

    recent: float
    before: float
    since: datetime


def read_rising_warnings(now: datetime) -> dict[int, Rise]:
    """Destination ID → how its share of warnings has risen, for those where it has; one query."""
    since = now - RECENT
    statement = f"""
        SELECT destination_id, metric,
            CASE WHEN bucket >= %s THEN 1 ELSE 0 END AS is_recent, CAST(SUM(count) AS bigint)
        FROM {connection.ops.quote_name(Tally._meta.db_table)}
        WHERE level IN (0, 1, 2, 3) AND bucket >= %s AND metric IN (%s, %s)
            AND destination_id IS NOT NULL
        GROUP BY destination_id, metric, is_recent
    """
    begin = int((since - BEFORE).timestamp())
    found: defaultdict[int, dict[tuple[str, bool], int]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(statement, [int(since.timestamp()), begin, DELIVERED, WARNED])
        for destination_id, metric, is_recent, count in cursor.fetchall():
            found[destination_id][metric, bool(is_recent)] = count
    return {
        destination_id: rise
        for destination_id, counts in found.items()
        if (rise := _rise(counts, since)) is not None
    }


def _rise(counts: dict[tuple[str, bool], int], since: datetime) -> Rise | None:
    shares = []
    for is_recent in (True, False):
        delivered = counts.get((DELIVERED, is_recent), 0)
        if delivered < MIN_DELIVERED:
            return None
        shares.append(counts.get((WARNED, is_recent), 0) / delivered)
    recent, before = shares
    if recent - before < MIN_RISE or recent < 2 * before:
        return None
    return Rise(recent, before, since)
