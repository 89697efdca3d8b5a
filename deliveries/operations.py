"""What a person can do with deliveries and destinations: the verbs of admin, API and commands.

Each is safe to repeat and says how many deliveries it changed.
"""

from __future__ import annotations

from datetime import datetime

import orjson
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from deliveries.bodies import unpack
from deliveries.doorbell import ring
from deliveries.models import Delivery, Event, Lane
from deliveries.planning import plan_deliveries
from deliveries.statuses import DeliveryStatus
from destinations.models import Destination
from destinations.routing import Route, forget_routes, routes_of

REPLAN_STEP = 500


def retry(deliveries: QuerySet[Delivery], now: datetime | None = None) -> int:
    """Send these again with a fresh budget; delivered and open ones are left as they are.

    A delivery that has no Pinterest event name yet (the event map gave none when the event came
    in) gets the names that today's configuration gives. Returns how many are pending now.
    """
    now = now or timezone.now()
    closed = deliveries.filter(
        status__in=[
            DeliveryStatus.REJECTED,
            DeliveryStatus.DEAD,
            DeliveryStatus.FILTERED,
            DeliveryStatus.DISCARDED,
        ]
    )
    nameless = list(closed.filter(conversion_name="").values_list("id", flat=True))
    with transaction.atomic():
        destination_ids = set(
            closed.exclude(conversion_name="").values_list("destination_id", flat=True).distinct()
        )
        count = closed.exclude(conversion_name="").update(
            status=DeliveryStatus.PENDING, due_at=now, attempt_count=0, settled_at=None
        )
    for start in range(0, len(nameless), REPLAN_STEP):
        pending, touched = _replan_nameless(nameless[start : start + REPLAN_STEP], now)
        count += pending
        destination_ids |= touched
    ring(destination_ids, at_once=True)
    return count


def discard(deliveries: QuerySet[Delivery], reason: str = "", now: datetime | None = None) -> int:
    """Decide not to send these. Delivered ones, and those in flight, are left as they are."""
    changes: dict[str, str] = {"error_message": reason} if reason else {}
    return deliveries.filter(
        status__in=[
            DeliveryStatus.PENDING,
            DeliveryStatus.REJECTED,
            DeliveryStatus.DEAD,
            DeliveryStatus.FILTERED,
        ]
    ).update(
        status=DeliveryStatus.DISCARDED, due_at=None, settled_at=now or timezone.now(), **changes
    )


def pause(destination_id: int, code: str, reason: str, now: datetime | None = None) -> bool:
    """Hold everything for this destination; what waits stays pending. False: it was paused."""
    return bool(
        Destination.objects.filter(pk=destination_id, paused_at__isnull=True).update(
            paused_at=now or timezone.now(), paused_code=code, paused_reason=reason
        )
    )


def resume(destination_id: int, now: datetime | None = None) -> int:
    """Let a paused destination go on at once. Returns 1 when it was paused, else 0."""
    with transaction.atomic():
        count = Destination.objects.filter(pk=destination_id, paused_at__isnull=False).update(
            paused_at=None, paused_code="", paused_reason=""
        )
        Lane.objects.filter(destination_id=destination_id).update(failure_count=0, hold_until=None)
        # What waited for its next try waits no longer: the cause is mended.
        Delivery.objects.filter(destination_id=destination_id).waiting().filter(
            due_at__gt=now or timezone.now()
        ).update(due_at=now or timezone.now())
        transaction.on_commit(lambda: ring([destination_id], at_once=True))
    forget_routes()
    return count


def _replan_nameless(delivery_ids: list[int], now: datetime) -> tuple[int, set[int]]:
    """Give deliveries without a name the names of today's event map, one delivery each."""
    rows = list(
        Delivery.objects.filter(id__in=delivery_ids, conversion_name="").values_list(
            "id", "event_id", "destination_id"
        )
    )
    events = {
        event.pk: orjson.loads(unpack(event.body))
        for event in Event.objects.filter(
            pk__in={event_id for _, event_id, _ in rows}, body__isnull=False
        )
    }
    routes = {
        route.destination_id: route
        for route in routes_of(
            list(
                Destination.objects.filter(
                    pk__in={destination_id for _, _, destination_id in rows}
                ).prefetch_related("event_mappings")
            )
        )
    }
    pending = 0
    touched: set[int] = set()
    for delivery_id, event_id, destination_id in rows:
        if event_id not in events or destination_id not in routes:
            continue
        count = _replan_one(delivery_id, event_id, events[event_id], routes[destination_id], now)
        pending += count
        if count:
            touched.add(destination_id)
    return pending, touched


def _replan_one(
    delivery_id: int, event_id: int, event: dict[str, object], route: Route, now: datetime
) -> int:
    planned = [one for one in plan_deliveries(event, (route,)) if one.conversion_name]
    if not planned:
        return 0
    with transaction.atomic():
        if not Delivery.objects.filter(id=delivery_id, conversion_name="").delete()[0]:
            return 0
        created = Delivery.objects.bulk_create(
            [
                Delivery(
                    event_id=event_id,
                    destination_id=one.destination_id,
                    conversion_name=one.conversion_name,
                    due_at=now,
                    created_at=now,
                )
                for one in planned
            ],
            ignore_conflicts=True,
        )
    return len(created)
