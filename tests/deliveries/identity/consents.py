"""Events that grant and deny consent, and a destination's answers, for tests of later consent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from deliveries.engine.dispatch import deliver_batch
from deliveries.ingest.envelope import Arrival, accept_event
from deliveries.ingest.store import store_request
from deliveries.models import Delivery
from destinations.models import Destination, Source
from destinations.routing import forget_routes, routes_for
from tests.factories import make_event

NOW = datetime.now(UTC) - timedelta(minutes=10)
"""Waits last for a day of the real clock."""
GRANTED = {"consent": {"ad_storage": "granted", "ad_user_data": "granted"}}
DENIED = {"consent": {"ad_storage": "denied"}}
SILENT: dict[str, Any] = {}


def change(destination: Destination, **fields: Any) -> None:
    Destination.objects.filter(pk=destination.pk).update(**fields)
    forget_routes()


def event(minute: int, consent: dict[str, Any], user: str = "u1", **fields: Any) -> dict[str, Any]:
    """A checkout of a person in a minute after NOW."""
    made = make_event(
        userId=user,
        timestamp=(NOW + timedelta(minutes=minute)).isoformat(),
        context={"traits": {"email": f"{user}@example.com"}, **consent},
    )
    return {key: value for key, value in (made | fields).items() if value is not None}


def receive(source: Source, *events: dict[str, Any], at: datetime | None = None) -> None:
    """A request with these events, received at the time of the last one unless ``at`` says so."""
    at = at or datetime.fromisoformat(events[-1]["timestamp"])
    routes = routes_for(source.write_key)
    assert routes is not None
    store_request(routes, [accept_event(one, "", Arrival(at, "")) for one in events], [], at)


def deliver(destination: Destination) -> int:
    return deliver_batch(destination.pk, clock=lambda: timezone.now() + timedelta(seconds=30))


def statuses(destination: Destination | None = None) -> list[str]:
    found = Delivery.objects.order_by("event__received_at", "pk")
    if destination is not None:
        found = found.filter(destination=destination)
    return list(found.values_list("status", flat=True))
