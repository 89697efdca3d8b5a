"""Events that no destination gets: how many each source sent, and since when. From tallies.

An event is unrouted when its source has no destination that is on at the time. It is stored like
any other, so that a replay can send it once there is one; that takes it off these counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.db.models import Exists, OuterRef

from deliveries.db.id_ranges import first_id_since, id_range
from deliveries.models import Delivery, Event, Tally
from deliveries.stats.tallies import UNROUTED

LOOKED_BACK = timedelta(days=30)
"""As far back as the tallies go."""

SENDABLE_FOR = timedelta(days=7)
"""Pinterest accepts no older events."""

WIDTH = 8192
"""Event IDs that are looked at in a step of ``newest_unrouted``."""


@dataclass(frozen=True, slots=True)
class Unrouted:
    """Events of a source that are unrouted now. ``since``: when the first came in, or earlier."""

    count: int
    sendable_count: int
    """Those of the last seven days."""
    since: datetime


def read_unrouted(now: datetime) -> dict[int, Unrouted]:
    """What each source has, by its ID; sources that have none are not in it. One query."""
    statement = f"""
        SELECT source_id, CAST(SUM(count) AS bigint),
            CAST(SUM(CASE WHEN bucket >= %s THEN count ELSE 0 END) AS bigint),
            MIN(CASE WHEN count > 0 THEN bucket END)
        FROM {connection.ops.quote_name(Tally._meta.db_table)}
        WHERE level IN (0, 1, 2, 3) AND bucket >= %s AND metric = %s
        GROUP BY source_id
    """
    sendable_from = int((now - SENDABLE_FOR).timestamp())
    begin = int((now - LOOKED_BACK).timestamp())
    with connection.cursor() as cursor:
        cursor.execute(statement, [sendable_from, begin, UNROUTED])
        return {
            int(source_id): Unrouted(count, max(0, recent), datetime.fromtimestamp(bucket, UTC))
            for source_id, count, recent, bucket in cursor.fetchall()
            if count > 0 and bucket is not None
        }


def newest_unrouted(
    source_id: int, since: datetime, limit: int, has_time: Callable[[], bool]
) -> tuple[list[Event], int | None]:
    """The newest unrouted events of a source, without bodies, as far back as ``since``.

    Goes through the events by their IDs while ``has_time()``. Returns them, and how far it came:
    the lowest ID it looked at, or None if it saw all.
    """
    found: list[Event] = []
    for low, high in _windows(first_id_since(Event, "received_at", since)):
        owed = Delivery.objects.filter(event_id=OuterRef("pk"))
        found += (
            Event.objects.defer("body")
            .filter(~Exists(owed), source_id=source_id, pk__gte=low, pk__lte=high)
            .order_by("-pk")[: limit - len(found)]
        )
        if len(found) == limit:
            return found, None
        if not has_time():
            return found, low
    return found, None


def _windows(first: int) -> Iterator[tuple[int, int]]:
    _, high = id_range(Event, "received_at", None, None)
    while high >= first:
        low = max(first, high - WIDTH + 1)
        yield low, high
        high = low - 1
