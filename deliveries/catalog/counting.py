"""Keeping the catalog up: a task of the lowest priority reads what came in, in small steps.

The database counts the names of the events in a range of IDs; of their content only a sample is
read. Nothing is done for it while a sender waits. Anybody who has a public key can make up names,
so a source has at most MAX_NAMES of them, and a name that differs only in numbers, addresses or
hashes is one name.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
from django.conf import settings
from django.db.models import Case, Count, Exists, F, Max, Min, OuterRef, Q, Value, When

from deliveries.catalog.looking import MAX_PROPERTIES, Look, look_at
from deliveries.db.bulk_sql import insert_rows, update_rows
from deliveries.db.compression import unpack
from deliveries.db.unix_hours import UnixHour
from deliveries.models import Event, SeenEvent, locked_cursor
from deliveries.privacy.masking import without_personal_text
from deliveries.querysets import small_body
from destinations.models import EventMapping, Source
from destinations.pinterest.event_names import ECOMMERCE_NAMES, standard_name

STEP = 32_768
"""IDs of events in a step."""

SETTLING = timedelta(seconds=20)
"""A row may be committed so long after a row with a higher ID was seen. Shorter than the time
between two runs, so that each of them takes in what the one before it saw."""

MAX_NAMES = 1000
"""Names that are told apart for a source. What is beyond them is counted together."""

MAX_GROUPS = 2000
"""Names that are read in a step, the most frequent ones."""

SAMPLES = 100
"""Events spread over a step whose content is looked at; as many again of names with few looks."""

ENOUGH_LOOKS = 100
FADING = 1000
"""After so many looks all numbers of them are halved: a share is about the latest 500 to 1,000."""

GIVE_WAY = timedelta(hours=1)
HOURS_KEPT = 25
DAYS_KEPT = 30
CURSOR = "event catalog"

NAMED = ("track", "screen")
"""Types whose events are told apart by name: what becomes of the others doesn't depend on it."""
UNNAMED = ("page", "identify", "group", "alias")
OTHER_TYPE = "other"
BEYOND = ""
"""The type of the row that counts all names beyond MAX_NAMES."""


class Key(NamedTuple):
    """What makes a row of the catalog."""

    source_id: int
    type: str
    name: str


@dataclass(slots=True)
class Tally:
    """What a step found of one name."""

    first: datetime
    last: datetime
    newest_id: int
    hours: Counter[int] = field(default_factory=Counter)
    looks: list[tuple[int, Look]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return self.hours.total()

    def add(self, other: Tally) -> None:
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        self.newest_id = max(self.newest_id, other.newest_id)
        self.hours += other.hours


class Counts(NamedTuple):
    """How often and when: of each name that came, in the order of the columns."""

    id: int
    first_seen_at: datetime
    last_seen_at: datetime
    count: int  # type: ignore[assignment]  # as the column is called
    hours: dict[str, int]
    days: dict[str, int]


class Contents(NamedTuple):
    """What is in them: of the names that were looked into."""

    id: int
    looked_at_count: int
    shares: dict[str, int]
    properties: dict[str, dict[str, int]]
    sample_id: int | None


NOTHING_SEEN = Contents(0, 0, {}, {}, None)


def catalog_step(now: datetime) -> int:
    """Take in the next events; returns how many IDs, 0 when none is old enough.

    What came in is read before the transaction that writes: on SQLite nobody else can write
    meanwhile. Of two workers that read the same, the second finds the cursor moved and stops.
    """
    found = _next_ids(now)
    if found is None:
        return 0
    position, first, last = found
    changes = _work_out(first, last, now)
    with locked_cursor(CURSOR, now) as cursor:
        if cursor is None or cursor.position != position:
            return 0
        changes.write()
        cursor.position = last
        cursor.save()
    return last - first + 1


def catalog_events(now: datetime, is_over: Callable[[], bool] = lambda: False) -> int:
    """Go on until all is taken in, or ``is_over``; returns how many IDs were gone through.

    Names that nobody sent for as long as the log is kept are forgotten, and those of a source that
    was deleted.
    """
    total = 0
    while not is_over() and (count := catalog_step(now)):
        total += count
    forgotten = now - timedelta(days=settings.LOG_RETENTION_DAYS)
    SeenEvent.objects.filter(
        Q(last_seen_at__lt=forgotten) | ~Exists(Source.objects.filter(pk=OuterRef("source_id")))
    ).delete()
    return total


def _next_ids(now: datetime) -> tuple[int, int, int] | None:
    """(the cursor's position, first, last) of the next events that are settled; None without
    any."""
    with locked_cursor(CURSOR, now) as cursor:
        if cursor is None:
            return None
        if cursor.newest_id is not None:
            if now - cursor.round_started_at < SETTLING:
                return None
            events = Event.objects.filter(pk__gt=cursor.position, pk__lte=cursor.newest_id)
            first = events.order_by("pk").values_list("pk", flat=True).first()
            if first is not None:
                return cursor.position, first, min(first + STEP - 1, cursor.newest_id)
        cursor.newest_id, cursor.round_started_at = _newest_id(), now
        cursor.save()
    return None


def _newest_id() -> int:
    return Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


@dataclass(slots=True)
class Changes:
    """What a step writes: rows that leave, rows that change, and new ones."""

    leaving: list[int]
    counted: list[Counts]
    seen: list[Contents]
    new: list[tuple[Any, ...]]

    def write(self) -> None:
        """At most four statements."""
        if self.leaving:
            SeenEvent.objects.filter(pk__any_of=self.leaving).delete()
        update_rows(SeenEvent, "id", Counts._fields[1:], self.counted)
        update_rows(SeenEvent, "id", Contents._fields[1:], self.seen)
        columns = (*Key._fields, *Counts._fields[1:], *Contents._fields[1:])
        insert_rows(SeenEvent, columns, self.new)


def _work_out(first: int, last: int, now: datetime) -> Changes:
    """A constant number of queries, whatever came in."""
    tallies = _count(first, last)
    known = {
        Key(source_id, kind, name): (pk, count, seen)
        for pk, source_id, kind, name, count, seen in SeenEvent.objects.filter(
            source_id__in={key.source_id for key in tallies}
        ).values_list("pk", "source_id", "type", "name", "count", "last_seen_at")
    }
    leaving = _make_room(tallies, known, now)
    _look(tallies, _looks_of(known, tallies), first, last)
    there = {known[key][0]: tally for key, tally in tallies.items() if key in known}
    looked_into = [pk for pk, tally in there.items() if tally.looks]
    rows = SeenEvent.objects.filter(pk__any_of=list(there)).values_list(*Counts._fields)
    contents = SeenEvent.objects.filter(pk__any_of=looked_into).values_list(*Contents._fields)
    return Changes(
        leaving,
        [_counted(Counts(*row), there[row[0]]) for row in rows],
        [_seen(Contents(*row), there[row[0]]) for row in contents],
        [
            (
                *key,
                *_counted(Counts(0, tally.first, tally.last, 0, {}, {}), tally)[1:],
                *_seen(NOTHING_SEEN, tally)[1:],
            )
            for key, tally in tallies.items()
            if key not in known
        ],
    )


def _looks_of(
    known: dict[Key, tuple[int, int, datetime]], tallies: dict[Key, Tally]
) -> dict[Key, int]:
    """How many events of each name were looked at, of those that are not new."""
    keys = {known[key][0]: key for key in tallies if key in known}
    looks = SeenEvent.objects.filter(pk__any_of=list(keys), looked_at_count__lt=ENOUGH_LOOKS)
    few = {keys[pk]: count for pk, count in looks.values_list("pk", "looked_at_count")}
    return {key: few.get(key, ENOUGH_LOOKS) for key in keys.values()}


def _count(first: int, last: int) -> dict[Key, Tally]:
    """The events with these IDs by name and hour; of very many names the rarest as one."""
    events = Event.objects.filter(pk__gte=first, pk__lte=last).order_by()
    called = Case(When(type__in=NAMED, then=F("name")), default=Value(""))
    hours: Any = events.annotate(hour=UnixHour("received_at"))
    found = {
        "size": Count("pk"),
        "first": Min("received_at"),
        "last": Max("received_at"),
        "newest": Max("pk"),
    }
    groups = list(
        hours.annotate(called=called)
        .values_list("source_id", "type", "called", "hour")
        .annotate(**found)
        .order_by("-size")[:MAX_GROUPS]
    )
    tallies: dict[Key, Tally] = {}
    for source_id, kind, name, hour, size, first_at, last_at, newest in groups:
        tally = Tally(first_at, last_at, newest, Counter({hour: size}))
        _add(tallies, _key(source_id, kind, name), tally)
    if len(groups) == MAX_GROUPS:
        read: Counter[tuple[int, int]] = Counter()
        for source_id, _, _, hour, size, *_ in groups:
            read[(source_id, hour)] += size
        for source_id, hour, size, first_at, last_at, newest in hours.values_list(
            "source_id", "hour"
        ).annotate(**found):
            if rest := size - read[(source_id, hour)]:
                tally = Tally(first_at, last_at, newest, Counter({hour: rest}))
                _add(tallies, Key(source_id, BEYOND, ""), tally)
    return tallies


def _key(source_id: int, kind: str, name: str) -> Key:
    if kind in NAMED:
        return Key(source_id, kind, without_personal_text(name)[:255])
    return Key(source_id, kind if kind in UNNAMED else OTHER_TYPE, "")


def _add(tallies: dict[Key, Tally], key: Key, tally: Tally) -> None:
    if key in tallies:
        tallies[key].add(tally)
    else:
        tallies[key] = tally


def _make_room(
    tallies: dict[Key, Tally], known: dict[Key, tuple[int, int, datetime]], now: datetime
) -> list[int]:
    """Keep each source within MAX_NAMES: a new name takes the place of the rarest, if that is
    rarer or has not come for a while, or is counted as BEYOND. Returns the rows that leave.

    Names that a row of an event map or Pinterest's own tables know stay.
    """
    names: defaultdict[int, list[Key]] = defaultdict(list)
    for key in known:
        names[key.source_id].append(key)
    new: defaultdict[int, list[Key]] = defaultdict(list)
    for key in tallies:
        if key not in known and key.type != BEYOND:
            new[key.source_id].append(key)
    crowded = [pk for pk, keys in new.items() if len(names[pk]) + len(keys) > MAX_NAMES]
    if not crowded:
        return []
    protected = _mapped_names()
    leaving: list[int] = []
    for source_id in crowded:
        # The rarest last; what stays in any case is not among them.
        rarest = sorted(
            (
                (known[key][1], known[key][2], key)
                for key in names[source_id]
                if key.type in NAMED and key not in tallies and not _is_known(key.name, protected)
            ),
            reverse=True,
        )
        free = MAX_NAMES - len(names[source_id])
        for key in sorted(
            new[source_id],
            key=lambda key: (not _is_known(key.name, protected), -tallies[key].count),
        ):
            if free > 0:
                free -= 1
                continue
            if rarest and _gives_way(rarest[-1], tallies[key].count, now):
                leaving.append(known[rarest.pop()[2]][0])
                continue
            _add(tallies, Key(source_id, BEYOND, ""), tallies.pop(key))
    return leaving


def _gives_way(rarest: tuple[int, datetime, Key], count: int, now: datetime) -> bool:
    held, seen, _ = rarest
    return held < count or (held == count and now - seen > GIVE_WAY)


def _mapped_names() -> frozenset[str]:
    names = EventMapping.objects.values_list("source_event_name", flat=True)
    return frozenset(name.strip().casefold() for name in names)


def _is_known(name: str, mapped: frozenset[str]) -> bool:
    folded = name.casefold()
    return folded in mapped or folded in ECOMMERCE_NAMES or standard_name(name) is not None


def _look(tallies: dict[Key, Tally], looks: dict[Key, int], first: int, last: int) -> None:
    """Look into some events: at equal distances, and into the newest of each name seldom seen."""
    distance = -(-(last - first + 1) // SAMPLES)
    ids = set(range(last, first - 1, -distance))
    seldom = sorted(
        (looks.get(key, 0), -tally.newest_id)
        for key, tally in tallies.items()
        if key.type != BEYOND
    )
    ids.update(-newest for count, newest in seldom[:SAMPLES] if count < ENOUGH_LOOKS)
    for pk, source_id, kind, name, body in (
        Event.objects.filter(pk__any_of=sorted(ids), body__isnull=False)
        .order_by("pk")
        .values_list("pk", "source_id", "type", "name", small_body())
    ):
        tally = tallies.get(_key(source_id, kind, name))
        if body is not None and tally is not None:
            tally.looks.append((pk, look_at(orjson.loads(unpack(body)))))


def _counted(row: Counts, tally: Tally) -> Counts:
    """The row with what a step counted."""
    hours, days = row.hours, row.days
    for hour, count in tally.hours.items():
        text = str(hour)
        hours[text] = hours.get(text, 0) + count
        text = str(hour // 24)
        days[text] = days.get(text, 0) + count
    return Counts(
        row.id,
        min(row.first_seen_at, tally.first),
        max(row.last_seen_at, tally.last),
        row.count + tally.count,
        _newest(hours, HOURS_KEPT),
        _newest(days, DAYS_KEPT),
    )


def _seen(row: Contents, tally: Tally) -> Contents:
    """The row with what a step saw in some events."""
    looked_at, shares = row.looked_at_count, Counter(row.shares)
    properties: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, kinds in row.properties.items():
        properties[name].update(kinds)
    for _, look in tally.looks:
        looked_at += 1
        shares.update(look.shares)
        for name, kind in look.properties.items():
            properties[name][kind] += 1
        if looked_at >= FADING:
            shares = _faded(shares, looked_at)
            kept = {name: _faded(kinds, looked_at) for name, kinds in properties.items()}
            properties = defaultdict(Counter, {name: one for name, one in kept.items() if one})
            looked_at //= 2
    frequent = sorted(properties.items(), key=lambda one: -one[1].total())[:MAX_PROPERTIES]
    return Contents(
        row.id,
        looked_at,
        dict(shares),
        {name: dict(kinds) for name, kinds in frequent},
        max((pk for pk, _ in tally.looks), default=row.sample_id),
    )


def _faded(counts: Counter[str], of: int) -> Counter[str]:
    """Their shares ``of`` so many, of half as many."""
    halved = {name: round(count * (of // 2) / of) for name, count in counts.items()}
    return Counter({name: count for name, count in halved.items() if count})


def _newest(counts: dict[str, int], kept: int) -> dict[str, int]:
    """Those of the ``kept`` latest hours or days, counted from the newest of them."""
    newest = max(map(int, counts), default=0)
    return {text: count for text, count in counts.items() if int(text) > newest - kept}
