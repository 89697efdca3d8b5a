"""Planning again: what today's configuration makes of events that came in earlier."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
from django.db import transaction

from deliveries.db.bulk_sql import insert_rows, update_rows
from deliveries.db.compression import unpack
from deliveries.engine.planning import PlannedDelivery, plan_deliveries
from deliveries.engine.types import NewDelivery
from deliveries.models import Attempt, Delivery, Event
from deliveries.search.block_index import list_under_new_names
from deliveries.stats.tallies import (
    COUNTED_WITH_CODE,
    UNROUTED,
    Left,
    append,
    bucket_of,
    tally_left,
)
from deliveries.statuses import ENDS_WITHOUT_ATTEMPT, RETRYABLE_BY_A_PERSON, DeliveryStatus
from destinations.models import Destination
from destinations.routing import Route, routes_of


class DeliveryKey(NamedTuple):
    """What makes a delivery the same delivery."""

    event_id: int
    destination_id: int
    conversion_name: str


class Known(NamedTuple):
    """A delivery that is there already."""

    id: int
    status: str


def name_nameless(delivery_ids: Sequence[int], now: datetime) -> tuple[int, set[int]]:
    """Give closed deliveries without a Pinterest name the one that today's event map gives.

    The row stays: its links, its time of receipt, and what it came to before. Further names become
    rows beside it. Where there is none, or it is there already, the delivery stays as it is.
    Returns how many are pending for it now, and the destinations they go to. A constant number of
    queries, and one for each large event.
    """
    with transaction.atomic():
        rows = [
            (delivery_id, DeliveryKey(event_id, destination_id, ""))
            for delivery_id, event_id, destination_id, name, status in Delivery.objects.filter(
                id__any_of=delivery_ids
            )
            .select_for_update()
            .values_list("id", "event_id", "destination_id", "conversion_name", "status")
            if not name and status in RETRYABLE_BY_A_PERSON
        ]
        nameless = defaultdict(list)
        for delivery_id, key in rows:
            nameless[key.event_id].append((delivery_id, key.destination_id))
        routes = _routes({key.destination_id for _, key in rows})
        there = {
            DeliveryKey(*key)
            for key in Delivery.objects.filter(event_id__in=list(nameless)).values_list(
                "event_id", "destination_id", "conversion_name"
            )
        }
        named: dict[int, DeliveryKey] = {}
        beside: list[DeliveryKey] = []
        for event_id, event in _events(nameless):
            for delivery_id, destination_id in nameless[event_id]:
                route = routes.get(destination_id)
                keys = [
                    DeliveryKey(event_id, destination_id, name)
                    for name in (_names(event, route) if route is not None else ())
                ]
                missing = [key for key in dict.fromkeys(keys) if key not in there]
                if missing:
                    named[delivery_id] = missing[0]
                    beside += missing[1:]
        _give_names(named, now)
        created = _insert(beside, now)
    touched = {key.destination_id for key in named.values()}
    return len(named) + len(created), touched | set(created)


def replay_events(
    events: Sequence[int],
    destination: Destination,
    now: datetime,
    *,
    retries_undelivered: bool = False,
    resends_delivered: bool = False,
) -> int:
    """Plan the events with these ids again for one destination; returns how many are pending for
    it.

    Deliveries that today's event map gives and that are missing are added; a closed one without a
    Pinterest name gets the first of them. The others are kept;
    those closed without having been delivered are sent again with ``retries_undelivered``, those
    that Pinterest has taken only with ``resends_delivered``. An event whose body is no longer
    kept is left alone. An event that no destination got when it came in is planned as it would have
    been then: if it isn't for Pinterest, a closed delivery says why. A constant number of queries,
    and one for each large event.
    """
    (route,) = routes_of([destination])
    with transaction.atomic():
        known: defaultdict[int, dict[str, Known]] = defaultdict(dict)
        for delivery_id, event_id, name, status in (
            Delivery.objects.filter(event_id__in=events, destination_id=destination.pk)
            .select_for_update()
            .values_list("id", "event_id", "conversion_name", "status")
        ):
            known[event_id][name] = Known(delivery_id, status)
        unrouted = _unrouted(set(events) - known.keys())
        closed: list[NewDelivery] = []
        routed: list[int] = []
        reopened_statuses = set(RETRYABLE_BY_A_PERSON) if retries_undelivered else set()
        if resends_delivered:
            reopened_statuses.add(DeliveryStatus.DELIVERED)
        again: list[int] = []
        named: dict[int, DeliveryKey] = {}
        beside: list[DeliveryKey] = []
        for event_id, event in _events(set(events)):
            planned = plan_deliveries(event, (route,))
            names = [one.conversion_name for one in planned if one.conversion_name]
            there = known[event_id]
            if event_id in unrouted:
                routed.append(event_id)
                closed += [
                    _closed(event_id, one, now) for one in planned if not one.conversion_name
                ]
            missing = [
                DeliveryKey(event_id, destination.pk, name)
                for name in dict.fromkeys(names)
                if name not in there
            ]
            found = [there[name] for name in names if name in there]
            again += [one.id for one in found if one.status in reopened_statuses]
            if missing and "" in there and there[""].status in RETRYABLE_BY_A_PERSON:
                named[there[""].id] = missing.pop(0)
            beside += missing
        _give_names(named, now)
        count = len(named) + len(_insert(beside, now)) + reopen(again, now)
        _count_routed(routed, unrouted, destination.pk, closed, now)
        return count


def _unrouted(event_ids: Collection[int]) -> dict[int, tuple[int, datetime]]:
    """Source and time of receipt of those that have no delivery at all, locked.

    Two replays for two destinations then count each of them once.
    """
    if not (candidates := _without_deliveries(event_ids)):
        return {}
    locked = (
        Event.objects.filter(id__any_of=sorted(candidates))
        .order_by("pk")
        .select_for_update()
        .values_list("pk", "source_id", "received_at")
    )
    found = {pk: (source_id, received_at) for pk, source_id, received_at in locked}
    still = _without_deliveries(found.keys())
    return {pk: about for pk, about in found.items() if pk in still}


def _without_deliveries(event_ids: Collection[int]) -> set[int]:
    if not event_ids:
        return set()
    rows = Delivery.objects.filter(event_id__in=list(event_ids)).values_list("event_id", flat=True)
    return set(event_ids) - set(rows)


def _closed(event_id: int, planned: PlannedDelivery, now: datetime) -> NewDelivery:
    return NewDelivery(
        event_id,
        planned.destination_id,
        "",
        planned.status.value,
        planned.error_stage,
        planned.error_code,
        planned.error_field,
        planned.error_message,
        created_at=now,
        settled_at=now,
    )


def _count_routed(
    routed: Sequence[int],
    unrouted: Mapping[int, tuple[int, datetime]],
    destination_id: int,
    closed: Sequence[NewDelivery],
    now: datetime,
) -> None:
    """They are unrouted no longer; those not for Pinterest are what they would have been."""
    if not routed:
        return
    if closed:
        insert_rows(Delivery, NewDelivery._fields, closed, ignore_conflicts=True)
        metrics = Counter(COUNTED_WITH_CODE[one.status] + one.error_code for one in closed)
        append(metrics, now, destination_id=destination_id)
    fewer = Counter((unrouted[pk][0], bucket_of(unrouted[pk][1])) for pk in routed)
    for (source_id, bucket), count in fewer.items():
        moment = datetime.fromtimestamp(bucket, UTC)
        append({UNROUTED: -count}, moment, source_id=source_id)


def reopen(delivery_ids: Sequence[int], now: datetime) -> int:
    """Make closed deliveries, which the caller has locked, pending with a fresh budget.

    What no attempt says (that one was filtered, or discarded) is kept beside the attempts.
    """
    _note_endings(delivery_ids, now)
    return Delivery.objects.filter(id__any_of=delivery_ids).reopen(now)


def _give_names(named: Mapping[int, DeliveryKey], now: datetime) -> None:
    """Make closed deliveries without a name, which the caller has locked, pending under these."""
    if not named:
        return
    _note_endings(list(named), now)
    update_rows(
        Delivery,
        "id",
        (
            *("conversion_name", "status", "due_at", "settled_at", "attempt_count"),
            *("error_stage", "error_code", "error_field", "error_message"),
        ),
        [
            (pk, key.conversion_name, DeliveryStatus.PENDING.value, now, None, 0, "", "", "", "")
            for pk, key in named.items()
        ],
    )
    list_under_new_names(named)


def _note_endings(delivery_ids: Sequence[int], now: datetime) -> None:
    """Keep how closed deliveries ended, as far as no attempt says so, and count them no longer as
    that: three statements."""
    ended = list(
        Delivery.objects.filter(id__any_of=delivery_ids).values_list(
            *("id", "attempt_count", "status", "error_stage", "error_code", "error_field"),
            *("error_message", "settled_at", "destination_id"),
        )
    )
    tally_left(Left(row[-1], row[2], row[4], row[-2]) for row in ended)
    rows = [
        row[:-1]
        for row in ended
        if row[2] in ENDS_WITHOUT_ATTEMPT or (row[2] == DeliveryStatus.REJECTED and not row[1])
    ]
    if rows:
        insert_rows(
            Attempt,
            (
                *("delivery_id", "number", "outcome", "error_stage", "error_code", "error_field"),
                *("error_message", "ended_at"),
            ),
            [(*row[:-1], row[-1] or now) for row in rows],
        )


def _names(event: dict[str, Any], route: Route) -> list[str]:
    return [one.conversion_name for one in plan_deliveries(event, (route,)) if one.conversion_name]


def _insert(wanted: Iterable[DeliveryKey], now: datetime) -> list[int]:
    """Pending deliveries that are not there yet; the destination of each one that was made."""
    rows = [NewDelivery(*one, due_at=now, created_at=now) for one in dict.fromkeys(wanted)]
    if not rows:
        return []
    made = insert_rows(
        Delivery, NewDelivery._fields, rows, returning=("destination_id",), ignore_conflicts=True
    )
    return [destination_id for (destination_id,) in made]


def _events(event_ids: Collection[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Those whose body is still kept, one after the other."""
    for event_id, body in Event.objects.filter(id__any_of=sorted(event_ids)).each_body():
        yield event_id, orjson.loads(unpack(body))


def _routes(destination_ids: set[int]) -> Mapping[int, Route]:
    found = Destination.objects.filter(pk__in=destination_ids).with_rows()
    return {route.destination_id: route for route in routes_of(list(found))}
