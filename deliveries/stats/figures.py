"""The figures of the home page, added up from tallies in one query; the log is never counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.db import connection
from django.utils.translation import gettext_lazy

from deliveries.models import Delivery, Tally
from deliveries.stats.tallies import (
    COUNTED_WITH_CODE,
    DELIVERED,
    LATENCY,
    MATCH,
    RECEIVED,
    REFUSED,
    REMEMBERED,
    WARNING,
    longest_of_step,
)

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

MAX_COUNTED = 10_000
"""What waits is counted up to here for each destination; more is "10,000+"."""


@dataclass(frozen=True, slots=True)
class Span:
    """A time range of the home page: ``slot_count`` slots of ``slot_seconds``, the last is now."""

    key: str
    short: StrOrPromise
    words: StrOrPromise
    slot_seconds: int
    slot_count: int

    def starts(self, now: datetime) -> list[datetime]:
        """When each slot begins; they begin at whole multiples of their length, in UTC."""
        last = int(now.timestamp()) // self.slot_seconds
        first = last - self.slot_count + 1
        return [
            datetime.fromtimestamp(slot * self.slot_seconds, UTC) for slot in range(first, last + 1)
        ]


SPANS = (
    Span("1h", gettext_lazy("1 h"), gettext_lazy("the last hour"), 300, 12),
    Span("24h", gettext_lazy("24 h"), gettext_lazy("the last 24 hours"), 3600, 24),
    Span("7d", gettext_lazy("7 d"), gettext_lazy("the last 7 days"), 6 * 3600, 28),
    Span("30d", gettext_lazy("30 d"), gettext_lazy("the last 30 days"), 24 * 3600, 30),
)
DEFAULT_SPAN = SPANS[1]


@dataclass(slots=True)
class Flow:
    """What happened to conversions, for one destination or for all of them."""

    counts: Counter[str] = field(default_factory=Counter)
    slots: defaultdict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Position of a slot → ``delivered`` and ``failed`` (rejected and dead)."""

    def add(self, metric: str, slot: int | None, count: int) -> None:
        self.counts[metric] += count
        if slot is not None:
            self.slots[slot][DELIVERED if metric == DELIVERED else "failed"] += count

    @property
    def delivered(self) -> int:
        return self.counts[DELIVERED]

    @property
    def rejected(self) -> int:
        return self._with_code("rejected:")

    @property
    def dead(self) -> int:
        return self._with_code("dead:")

    @property
    def filtered(self) -> int:
        return self._with_code("filtered:")

    @property
    def delivered_share(self) -> float | None:
        """Of what came to an end and was meant for Pinterest; None if nothing did."""
        ended = self.delivered + self.rejected + self.dead
        return self.delivered / ended if ended else None

    def latency_seconds(self, share: float) -> float | None:
        """So long or less took ``share`` of the delivered ones, from receipt; None without any."""
        steps = sorted(
            (int(metric.removeprefix(LATENCY)), count)
            for metric, count in self.counts.items()
            if metric.startswith(LATENCY)
        )
        rest = share * sum(count for _, count in steps)
        for step, count in steps:
            rest -= count
            if rest <= 0:
                return longest_of_step(step)
        return None

    def match_count(self, key: str) -> int:
        return self.counts[MATCH + key]

    def remembered_count(self, key: str) -> int:
        """Those of ``match_count`` that have the key from identity memory."""
        return self.counts[REMEMBERED + key]

    def warnings(self) -> list[tuple[str, int]]:
        """(warning code, delivered ones that have it), most frequent first."""
        found = [
            (metric.removeprefix(WARNING), count)
            for metric, count in self.counts.items()
            if metric.startswith(WARNING) and count > 0
        ]
        return sorted(found, key=lambda one: (-one[1], one[0]))

    def codes(self) -> list[tuple[str, str, int]]:
        """(status, error code, count), most frequent first within each status."""
        found = []
        for status, beginning in COUNTED_WITH_CODE.items():
            codes = (
                (status, metric.removeprefix(beginning), count)
                for metric, count in self.counts.items()
                if metric.startswith(beginning) and count > 0
            )
            found += sorted(codes, key=lambda one: (-one[2], one[1]))
        return found

    def _with_code(self, beginning: str) -> int:
        found = (count for metric, count in self.counts.items() if metric.startswith(beginning))
        return sum(count for count in found if count > 0)


@dataclass(frozen=True, slots=True)
class Figures:
    """All that the tallies say about a span."""

    starts: Sequence[datetime]
    received: int
    refused: int
    total: Flow
    of_destination: Mapping[int, Flow]


def read_figures(span: Span, now: datetime) -> Figures:
    """Add up the tallies of a span; one query, which returns some hundred rows."""
    starts = span.starts(now)
    begin = int(starts[0].timestamp())
    statement = f"""
        SELECT destination_id, metric,
            CASE WHEN metric = %s OR metric LIKE %s OR metric LIKE %s
                THEN (bucket - %s) / %s END AS slot,
            CAST(SUM(count) AS bigint)
        FROM {connection.ops.quote_name(Tally._meta.db_table)}
        WHERE level IN (0, 1, 2, 3) AND bucket >= %s
        GROUP BY destination_id, metric, slot
    """
    total = Flow()
    of_destination: defaultdict[int, Flow] = defaultdict(Flow)
    with connection.cursor() as cursor:
        cursor.execute(
            statement, [DELIVERED, "rejected:%", "dead:%", begin, span.slot_seconds, begin]
        )
        for destination_id, metric, slot, count in cursor.fetchall():
            total.add(metric, slot, count)
            if destination_id is not None:
                of_destination[destination_id].add(metric, slot, count)
    return Figures(
        starts, total.counts[RECEIVED], total.counts[REFUSED], total, dict(of_destination)
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for one destination; ``count`` ends at ``MAX_COUNTED`` + 1."""

    count: int = 0
    oldest_at: datetime | None = None
    """When the oldest of those counted came in."""
    due_at: datetime | None = None
    """The earliest moment at which one of them may be sent."""


def read_waiting(destination_ids: Iterable[int]) -> dict[int, Waiting]:
    """Count what is open through the small index of the due, soonest first; one query."""
    ids = list(destination_ids)
    if not ids:
        return {}
    table = connection.ops.quote_name(Delivery._meta.db_table)
    one = f"""
        SELECT %s AS destination, COUNT(*), MIN(created_at), MIN(due_at) FROM (
            SELECT created_at, due_at FROM {table}
            WHERE destination_id = %s AND due_at IS NOT NULL
            ORDER BY due_at LIMIT {MAX_COUNTED + 1}
        ) AS counted
    """
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join([one] * len(ids)), [pk for pk in ids for _ in "12"])
        return {
            int(pk): Waiting(count, _moment(oldest), _moment(due))
            for pk, count, oldest, due in cursor.fetchall()
        }


def _moment(value: datetime | str | None) -> datetime | None:
    """SQLite's aggregates give times as text, in UTC."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value
