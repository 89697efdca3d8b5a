"""Planning again: what today's configuration makes of events that came in earlier."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from django.db import transaction

from deliveries.db.bulk_sql import insert_rows
from deliveries.db.compression import unpack
from deliveries.engine.planning import plan_deliveries
from deliveries.engine.types import NewDelivery
from deliveries.models import Delivery, Event
from deliveries.statuses import RETRYABLE_BY_A_PERSON, DeliveryStatus
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
    """Replace closed deliveries without a Pinterest name by those that today's event map gives.

    Where it still gives none, the delivery stays as it is. Returns how many are pending for it
    now, and the destinations they go to. A constant number of queries, and one for each large
    event.
    """
    with transaction.atomic():
        rows = [
            (delivery_id, event_id, destination_id)
            for delivery_id, event_id, destination_id, name, status in Delivery.objects.filter(
                id__any_of=delivery_ids
            )
            .select_for_update()
            .values_list("id", "event_id", "destination_id", "conversion_name", "status")
            if not name and status in RETRYABLE_BY_A_PERSON
        ]
        nameless = defaultdict(list)
        for delivery_id, event_id, destination_id in rows:
            nameless[event_id].append((delivery_id, destination_id))
        routes = _routes({destination_id for _, _, destination_id in rows})
        replaced: list[int] = []
        wanted: list[DeliveryKey] = []
        for event_id, event in _events(nameless):
            for delivery_id, destination_id in nameless[event_id]:
                route = routes.get(destination_id)
                if route is not None and (names := _names(event, route)):
                    replaced.append(delivery_id)
                    wanted += [DeliveryKey(event_id, destination_id, name) for name in names]
        Delivery.objects.filter(id__any_of=replaced).delete()
        created = _insert(wanted, now)
    return len(created), set(created)


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

    Deliveries that today's event map gives and that are missing are added. The others are kept;
    those closed without having been delivered are sent again with ``retries_undelivered``, those
    that Pinterest has taken only with ``resends_delivered``. An event whose body is no longer
    kept is left alone. A constant number of queries, and one for each large event.
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
        reopened_statuses = set(RETRYABLE_BY_A_PERSON) if retries_undelivered else set()
        if resends_delivered:
            reopened_statuses.add(DeliveryStatus.DELIVERED)
        again: list[int] = []
        replaced: list[int] = []
        missing: list[DeliveryKey] = []
        for event_id, event in _events(set(events)):
            names = _names(event, route)
            there = known[event_id]
            missing += [
                DeliveryKey(event_id, destination.pk, name) for name in names if name not in there
            ]
            found = [there[name] for name in names if name in there]
            again += [one.id for one in found if one.status in reopened_statuses]
            if names and "" in there and there[""].status in RETRYABLE_BY_A_PERSON:
                replaced.append(there[""].id)
        Delivery.objects.filter(id__any_of=replaced).delete()
        return len(_insert(missing, now)) + reopen(again, now)


def reopen(delivery_ids: Sequence[int], now: datetime) -> int:
    """Make closed deliveries, which the caller has locked, pending with a fresh budget."""
    return Delivery.objects.filter(id__any_of=delivery_ids).reopen(now)


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
