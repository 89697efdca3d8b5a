"""What the catalog says of some sources: a row for each name, however its senders spell it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from deliveries.catalog.counting import BEYOND, NAMED
from deliveries.catalog.looking import SHARES
from deliveries.db.compression import unpack
from deliveries.models import Event, SeenEvent
from deliveries.privacy.masking import HIDDEN, mask
from destinations.pinterest.rule_gate import fold_event_name

RESENT_DAYS = 7
"""Pinterest takes what is so old; today is the first of these days."""

_COLUMNS = (
    *("pk", "source_id", "type", "name", "first_seen_at", "last_seen_at"),
    *("hours", "days", "looked_at_count", "shares"),
)


@dataclass(slots=True)
class SeenName:
    """One event, whatever its case and from whichever of the sources.

    ``pk``: of the row that came most often lately; ``name`` is its spelling. ``week_count`` is
    that of the last RESENT_DAYS, today among them. ``shares``: percent of ``looked_at_count``.
    """

    pk: int
    kinds: tuple[str, ...]
    name: str
    first_seen_at: datetime
    last_seen_at: datetime
    day_count: int = 0
    week_count: int = 0
    month_count: int = 0
    looked_at_count: int = 0
    shares: dict[str, int] = field(default_factory=dict)
    rows: tuple[int, ...] = ()
    source_ids: tuple[int, ...] = ()
    spellings: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return self.kinds[0]

    @property
    def is_pattern(self) -> bool:
        """Whether it stands for names that differ in numbers, addresses or hashes."""
        return HIDDEN in self.name

    @property
    def is_named(self) -> bool:
        return self.kind in NAMED


@dataclass(frozen=True, slots=True)
class PropertyUse:
    """A property, the types it has, most frequent first, and in how many percent it is."""

    name: str
    types: tuple[str, ...]
    percent: int


@dataclass(frozen=True, slots=True)
class Inside:
    """What was seen in the events of one name: ``sample`` is the newest, masked, as JSON; "" once
    it is no longer stored."""

    looked_at_count: int
    properties: tuple[PropertyUse, ...]
    sample: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """All names of some sources, most frequent first, and how many events have names beyond the
    limit."""

    names: list[SeenName]
    beyond_count: int = 0


def read_catalog(source_ids: Collection[int], now: datetime) -> Catalog:
    """One query."""
    grouped: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    beyond = 0
    for row in SeenEvent.objects.filter(source_id__in=source_ids).values(*_COLUMNS):
        if row["type"] == BEYOND:
            beyond += _since(row["days"], now, 30)
        elif row["type"] in NAMED:
            grouped[("", fold_event_name(row["name"]))].append(row)
        else:
            grouped[(row["type"], "")].append(row)
    names = [_together(rows, now) for rows in grouped.values()]
    names.sort(key=lambda one: (-one.month_count, one.name, one.kind))
    return Catalog(names, beyond)


def read_inside(name: SeenName) -> Inside:
    """Two queries."""
    looked_at, newest = 0, 0
    properties: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for count, kinds, sample_id in SeenEvent.objects.filter(pk__in=name.rows).values_list(
        "looked_at_count", "properties", "sample_id"
    ):
        looked_at += count
        newest = max(newest, sample_id or 0)
        for key, types in kinds.items():
            properties[key].update(types)
    body = Event.objects.body_of(newest)
    sample = mask(orjson.loads(unpack(body))) if body is not None else None
    return Inside(
        looked_at,
        tuple(
            PropertyUse(
                key,
                tuple(kind for kind, _ in types.most_common()),
                _percent(types.total(), looked_at),
            )
            for key, types in sorted(
                properties.items(), key=lambda one: (-one[1].total(), one[0].casefold())
            )
        ),
        orjson.dumps(sample, option=orjson.OPT_INDENT_2).decode() if sample else "",
    )


def resent_from(now: datetime) -> datetime:
    """Where the time range of ``week_count`` begins: a midnight, UTC."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=RESENT_DAYS - 1)


def _together(rows: Sequence[dict[str, Any]], now: datetime) -> SeenName:
    main = max(rows, key=lambda row: (_since(row["days"], now, 30), row["last_seen_at"]))
    looked_at = sum(row["looked_at_count"] for row in rows)
    shares: Counter[str] = Counter()
    for row in rows:
        shares.update(row["shares"])
    return SeenName(
        pk=main["pk"],
        kinds=tuple(dict.fromkeys([main["type"], *(row["type"] for row in rows)])),
        name=main["name"],
        first_seen_at=min(row["first_seen_at"] for row in rows),
        last_seen_at=max(row["last_seen_at"] for row in rows),
        day_count=sum(_within_a_day(row["hours"], now) for row in rows),
        week_count=sum(_since(row["days"], now, RESENT_DAYS) for row in rows),
        month_count=sum(_since(row["days"], now, 30) for row in rows),
        looked_at_count=looked_at,
        shares={name: _percent(shares[name], looked_at) for name in SHARES} if looked_at else {},
        rows=tuple(row["pk"] for row in rows),
        source_ids=tuple(sorted({row["source_id"] for row in rows})),
        spellings=tuple(sorted({row["name"] for row in rows})),
    )


def _since(days: dict[str, int], now: datetime, number: int) -> int:
    first = int(now.timestamp()) // 86_400 - number
    return _sum(days, first)


def _within_a_day(hours: dict[str, int], now: datetime) -> int:
    return _sum(hours, int(now.timestamp()) // 3600 - 24)


def _sum(counts: dict[str, int], after: int) -> int:
    return sum(count for text, count in counts.items() if int(text) > after)


def _percent(part: int, whole: int) -> int:
    """A whole percentage; 0 and 100 only where it is none or all."""
    if not whole:
        return 0
    return min(99, max(1, round(part * 100 / whole))) if 0 < part < whole else part * 100 // whole
