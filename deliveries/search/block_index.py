"""A table of contents of the log, so that a filter looks only where its rows are.

Every BLOCK delivery IDs have a few rows here: which destination, source, event name and Pinterest
event occur together, and, where these are few, at which places. An index for each of those columns
would be written to at every claim and settlement; this is written once, by a task of the lowest
priority, after the deliveries. A status is not in it: it holds what never changes, but for the
Pinterest event of a delivery that had none, which is listed again (``list_under_new_names``). What
is listed and no longer there costs a look, and is not shown.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from deliveries.models import Delivery, Event, JobCursor, LogContents, locked_cursor
from deliveries.querysets import DeliveryQuerySet

BLOCK = 16_384
"""Delivery IDs in a block; a place in it fits two bytes."""

MAX_LISTED = 128
"""Places of so many are listed. More are found by scanning: no more than some hundred rows each."""

MAX_KINDS = 400
"""Rows for a block. The rarest names beyond that become "any name" of their destination, source."""

SETTLING = timedelta(seconds=30)
"""A row may be committed so long after a row with a higher ID was seen."""

FIRST_SPAN = 8
"""Blocks whose contents are read at once in the beginning; four times as many each time."""

MAX_JOINED = 1000
MAX_SCANNED = 64 * BLOCK
CURSOR = "log contents"

Kind = tuple[int, int, str | None, str | None]
"""Destination, source, event name and Pinterest event; None: any."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The part of a filter that the table of contents knows; nothing given means all."""

    destination_ids: tuple[int, ...] = ()
    source_id: int | None = None
    event_name: str = ""
    conversion_name: str = ""

    def __bool__(self) -> bool:
        return self != EVERYTHING

    def condition(self) -> Q:
        """Which rows of the contents may hold what is wanted."""
        condition = Q()
        if self.destination_ids:
            condition &= Q(destination_id__in=self.destination_ids)
        if self.source_id is not None:
            condition &= Q(source_id=self.source_id)
        if self.event_name:
            condition &= Q(event_name=self.event_name) | Q(event_name__isnull=True)
        if self.conversion_name:
            condition &= Q(conversion_name=self.conversion_name) | Q(conversion_name__isnull=True)
        return condition


EVERYTHING = Wanted()


@dataclass(frozen=True, slots=True)
class Stretch:
    """IDs from ``first`` to ``last``: all of them, or only the ``listed``."""

    first: int
    last: int
    listed: tuple[int, ...] | None = None


def list_step(now: datetime) -> int:
    """Write the contents of the next block; 0 when none is old enough, else 1."""
    with locked_cursor(CURSOR, now) as cursor:
        if cursor is None:
            return 0
        is_settled = cursor.newest_id is None or now - cursor.round_started_at >= SETTLING
        if cursor.newest_id is not None and is_settled and _skip_pruned(cursor):
            _write(cursor.position)
            cursor.position += 1
            cursor.save()
            return 1
        if is_settled:
            cursor.newest_id, cursor.round_started_at = _newest_id(), now
            cursor.save()
    return 0


def list_contents(now: datetime, is_over: Callable[[], bool] = lambda: False) -> int:
    """Go on until every block has its contents, or ``is_over``; returns how many were written."""
    count = 0
    while not is_over() and list_step(now):
        count += 1
    oldest = Delivery.objects.order_by("pk").values_list("pk", flat=True).first()
    if oldest is not None:
        LogContents.objects.filter(block__lt=oldest // BLOCK).delete()
    return count


def list_under_new_names(delivery_ids: Iterable[int]) -> None:
    """List deliveries that were given a Pinterest event; in the transaction that gave it.

    Whoever writes contents just now is waited for, or reads them with their new names. A constant
    number of queries for each block.
    """
    ids = sorted(delivery_ids)
    JobCursor.objects.select_for_update().filter(pk=CURSOR).first()
    listed = set(
        LogContents.objects.filter(block__in={pk // BLOCK for pk in ids})
        .order_by()
        .values_list("block", flat=True)
        .distinct()
    )
    renamed = [pk for pk in ids if pk // BLOCK in listed]
    if renamed:
        for block, kinds in _kinds(Delivery.objects.filter(id__any_of=renamed)).items():
            _list(block, kinds.items())


def stretches(wanted: Wanted, first: int, last: int, *, newest_first: bool) -> Iterator[Stretch]:
    """Where deliveries with IDs from ``first`` to ``last`` that are ``wanted`` can be, in order.

    Read from the database as far as it is asked for.
    """
    listed_blocks = JobCursor.objects.filter(pk=CURSOR).values_list("position", flat=True).first()
    end = (listed_blocks or 0) * BLOCK
    rest = Stretch(max(first, end), last)
    is_some = rest.first <= rest.last
    listed = _listed(wanted, first, min(last, end - 1), newest_first) if first < end else iter(())
    if newest_first and is_some:
        yield rest
    yield from _joined(listed)
    if not newest_first and is_some:
        yield rest


def _skip_pruned(cursor: JobCursor) -> bool:
    """Go to the next block that has a delivery; False when it is not wholly settled yet."""
    later = Delivery.objects.filter(pk__gte=cursor.position * BLOCK).order_by("pk")
    next_id = later.values_list("pk", flat=True).first()
    if next_id is None:
        return False
    cursor.position = next_id // BLOCK
    return (cursor.position + 1) * BLOCK <= (cursor.newest_id or 0) + 1


def _newest_id() -> int:
    return Delivery.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _write(block: int) -> None:
    """Two queries that read, whatever is there."""
    first = block * BLOCK
    kinds = _kinds(Delivery.objects.filter(pk__gte=first, pk__lt=first + BLOCK))
    LogContents.objects.filter(block=block).delete()
    _list(block, _few(kinds[block]))


def _kinds(deliveries: DeliveryQuerySet) -> defaultdict[int, dict[Kind, list[int]]]:
    """The places of deliveries by block and kind; events that are gone have no source or name."""
    rows = list(deliveries.values_list("pk", "event_id", "destination_id", "conversion_name"))
    events = {
        pk: (source_id, name)
        for pk, source_id, name in Event.objects.filter(
            pk__any_of=list({event_id for _, event_id, _, _ in rows})
        ).values_list("pk", "source_id", "name")
    }
    kinds: defaultdict[int, dict[Kind, list[int]]] = defaultdict(dict)
    for pk, event_id, destination_id, conversion_name in rows:
        block, place = divmod(pk, BLOCK)
        kind = (destination_id, *events.get(event_id, (0, "")), conversion_name)
        kinds[block].setdefault(kind, []).append(place)
    return kinds


def _list(block: int, kinds: Iterable[tuple[Kind, list[int]]]) -> None:
    LogContents.objects.bulk_create(
        LogContents(
            block=block,
            destination_id=destination_id,
            source_id=source_id,
            event_name=event_name,
            conversion_name=conversion_name,
            places=_pack(found) if len(found) <= MAX_LISTED else None,
        )
        for (destination_id, source_id, event_name, conversion_name), found in kinds
    )


def _few(places: dict[Kind, list[int]]) -> Iterator[tuple[Kind, list[int]]]:
    """At most MAX_KINDS of them by name, and the rest of each destination and source as one."""
    by_size = sorted(places.items(), key=lambda one: -len(one[1]))
    yield from by_size[:MAX_KINDS]
    rest: defaultdict[Kind, list[int]] = defaultdict(list)
    for (destination_id, source_id, _, _), found in by_size[MAX_KINDS:]:
        rest[(destination_id, source_id, None, None)] += found
    yield from rest.items()


def _listed(wanted: Wanted, first: int, last: int, newest_first: bool) -> Iterator[Stretch]:
    """One stretch for each block that may hold what is wanted; two queries for a span of blocks."""
    rows = LogContents.objects.filter(wanted.condition())
    low, high = first // BLOCK, last // BLOCK
    size = FIRST_SPAN
    while low <= high:
        begin, end = (
            (max(low, high - size + 1), high) if newest_first else (low, min(high, low + size - 1))
        )
        here = rows.filter(block__gte=begin, block__lte=end)
        scanned = set(
            here.filter(places__isnull=True).order_by().values_list("block", flat=True).distinct()
        )
        ids: defaultdict[int, list[int]] = defaultdict(list)
        for block, places in here.exclude(block__in=scanned).values_list("block", "places"):
            assert places is not None  # those are among ``scanned``
            ids[block] += (block * BLOCK + place for place in _unpack(places))
        for block in sorted(scanned | set(ids), reverse=newest_first):
            lowest, highest = max(first, block * BLOCK), min(last, (block + 1) * BLOCK - 1)
            if block in scanned:
                yield Stretch(lowest, highest)
            else:
                kept = sorted({pk for pk in ids[block] if lowest <= pk <= highest})
                yield Stretch(lowest, highest, tuple(kept))
        low, high = (low, begin - 1) if newest_first else (end + 1, high)
        size *= 4


def _pack(places: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(places)}H", *sorted(places))


def _unpack(packed: bytes | memoryview) -> tuple[int, ...]:
    return struct.unpack(f"<{len(packed) // 2}H", packed)


def _joined(found: Iterator[Stretch]) -> Iterator[Stretch]:
    """Neighbours of the same sort as one, so that there are fewer queries."""
    open_one: Stretch | None = None
    for one in found:
        joined = _join(open_one, one) if open_one is not None else None
        if open_one is not None and joined is None:
            yield open_one
        open_one = joined or one
    if open_one is not None:
        yield open_one


def _join(one: Stretch, other: Stretch) -> Stretch | None:
    first, last = min(one.first, other.first), max(one.last, other.last)
    if one.listed is not None and other.listed is not None:
        if len(one.listed) + len(other.listed) > MAX_JOINED:
            return None
        return Stretch(first, last, (*one.listed, *other.listed))
    if one.listed is None and other.listed is None and last - first < MAX_SCANNED:
        is_next = one.last + 1 == other.first or other.last + 1 == one.first
        return Stretch(first, last) if is_next else None
    return None
