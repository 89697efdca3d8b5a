"""A track that overtakes its identify is delivered all the same, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from deliveries.engine.dispatch import deliver_batch
from deliveries.identity.second_chance import SETTLING, look_again
from deliveries.identity.writing import forget_noted
from deliveries.ingest.envelope import Arrival, accept_event
from deliveries.ingest.store import store_request
from deliveries.models import Attempt, Delivery, SecondChance
from deliveries.statuses import DeliveryStatus
from destinations.models import Destination, Source
from destinations.routing import forget_routes, routes_for
from pinterest_sandbox.sandbox import Sandbox
from tests.deliveries.identity.test_writing import identify
from tests.factories import make_destination, make_event, make_source

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC) - timedelta(minutes=1)
"""Chances last for a day of the real clock."""


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[set[int]]:
    woken: list[set[int]] = []
    monkeypatch.setattr("deliveries.ingest.store.wake", lambda ids: woken.append(set(ids)))
    forget_noted()
    forget_routes()
    return woken


@pytest.fixture
def source() -> Source:
    return make_source()


@pytest.fixture
def destination(source: Source) -> Destination:
    return make_destination(sources=[source])


def receive(source: Source, event: dict[str, Any], at: datetime) -> None:
    routes = routes_for(source.write_key)
    assert routes is not None
    event.setdefault("timestamp", at.isoformat())
    store_request(routes, [accept_event(event, "", Arrival(at, ""))], [], at)


def track(**ids: str) -> dict[str, Any]:
    event = make_event(context={}, **ids)
    if "userId" not in ids:
        del event["userId"]
    return event


def deliver(destination: Destination, at: datetime) -> int:
    return deliver_batch(destination.pk, clock=lambda: at + timedelta(seconds=30))


@pytest.mark.django_db(transaction=True)
def test_a_track_before_its_identify_is_delivered_when_that_comes(
    source: Source, destination: Destination, sandbox: Sandbox, rung: list[set[int]]
) -> None:
    receive(source, track(userId="u1"), NOW)
    assert deliver(destination, NOW) == 1
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.error_code) == ("rejected", "missing_user_data")
    rung.clear()

    later = timezone.now()
    receive(source, identify("u1", "ann@example.com"), later)

    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempt_count) == (DeliveryStatus.PENDING, 0)
    assert rung == [{destination.pk}]
    assert deliver(destination, timezone.now()) == 1
    delivery.refresh_from_db()
    assert (delivery.status, delivery.completed[:12]) == ("delivered", "em=identify@")
    outcomes = Attempt.objects.filter(delivery_id=delivery.pk).order_by("pk")
    assert [one.outcome for one in outcomes] == ["rejected", "requeued", "delivered"]
    assert "who this person is" in outcomes[1].error_message


def test_an_anonymous_track_waits_for_the_user_who_signs_in(
    source: Source, destination: Destination, sandbox: Sandbox
) -> None:
    receive(source, track(anonymousId="d1"), NOW)
    deliver(destination, NOW)
    receive(source, identify("u1", "ann@example.com", anonymousId="d1"), NOW)
    assert Delivery.objects.get(conversion_name="checkout").status == DeliveryStatus.PENDING


def test_a_device_waits_for_its_user_as_well(
    source: Source, destination: Destination, sandbox: Sandbox
) -> None:
    receive(source, make_event(userId="u1", anonymousId="d1", context={}), NOW)
    receive(source, track(anonymousId="d1"), NOW)
    assert deliver(destination, NOW) == 2
    receive(source, identify("u1", "ann@example.com"), NOW)
    statuses = Delivery.objects.filter(conversion_name="checkout").values_list("status", flat=True)
    assert list(statuses) == [DeliveryStatus.PENDING] * 2


def test_there_is_one_second_chance(
    source: Source, destination: Destination, sandbox: Sandbox
) -> None:
    receive(source, track(userId="u1"), NOW)
    deliver(destination, NOW)
    delivery = Delivery.objects.get()
    receive(source, identify("u1", "ann@example.com"), NOW)
    # It turns out to be of no use: the memory is gone again.
    from deliveries.models import Person

    Person.objects.all().delete()
    forget_noted()
    assert deliver(destination, timezone.now()) == 1
    receive(source, identify("u1", "ann@example.com"), NOW)
    delivery.refresh_from_db()
    assert delivery.status == DeliveryStatus.REJECTED


def test_what_was_rejected_too_long_ago_or_discarded_stays(
    source: Source, destination: Destination, sandbox: Sandbox, settings: Any
) -> None:
    for user in ("old", "discarded"):
        receive(source, track(userId=user), NOW)
    deliver(destination, NOW)
    old, discarded = Delivery.objects.order_by("pk")
    Delivery.objects.filter(pk=discarded.pk).update(status=DeliveryStatus.DISCARDED)
    hours = settings.IDENTITY_SECOND_CHANCE_HOURS
    SecondChance.objects.filter(delivery_id=old.pk).update(
        created_at=timezone.now() - timedelta(hours=hours, seconds=1)
    )
    for user in ("old", "discarded"):
        receive(source, identify(user, f"{user}@example.com"), NOW)
    assert set(
        Delivery.objects.filter(conversion_name="checkout").values_list("status", flat=True)
    ) == {DeliveryStatus.REJECTED, DeliveryStatus.DISCARDED}


def test_an_identify_while_the_delivery_was_being_rejected_is_found_later(
    source: Source, destination: Destination, sandbox: Sandbox
) -> None:
    receive(source, track(userId="u1"), NOW)
    deliver(destination, NOW)
    waiting = list(SecondChance.objects.values())
    SecondChance.objects.all().delete()  # not committed yet when ingest looks
    receive(source, identify("u1", "ann@example.com"), NOW)
    delivery = Delivery.objects.get(conversion_name="checkout")
    assert delivery.status == DeliveryStatus.REJECTED
    SecondChance.objects.bulk_create(SecondChance(**row) for row in waiting)
    noted_at = waiting[0]["created_at"]
    assert look_again(noted_at + SETTLING / 2) == (0, set())
    assert look_again(noted_at + SETTLING) == (1, {destination.pk})
    assert look_again(noted_at + SETTLING) == (0, set())
    delivery.refresh_from_db()
    assert delivery.status == DeliveryStatus.PENDING


@pytest.mark.parametrize("ids", [{"userId": "u1"}, {"anonymousId": "d1"}])
def test_a_chance_outlives_the_process_that_was_to_give_it(
    source: Source,
    destination: Destination,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    ids: dict[str, str],
) -> None:
    """It dies after the commit of what was said, long after the delivery was looked at."""
    receive(source, track(**ids), NOW)
    deliver(destination, NOW)
    (noted_at,) = SecondChance.objects.values_list("created_at", flat=True)
    assert look_again(noted_at + SETTLING) == (1, set())

    def die(keys: Any, now: datetime) -> set[int]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("deliveries.identity.writing.give_second_chances", die)
        with pytest.raises(KeyboardInterrupt):
            receive(source, identify("u1", "ann@example.com", anonymousId="d1"), NOW)
    # The sender, who got no answer, sends it again; nothing about it is new.
    receive(source, identify("u1", "ann@example.com", anonymousId="d1"), NOW)
    delivery = Delivery.objects.get(conversion_name="checkout")
    assert delivery.status == DeliveryStatus.REJECTED

    later = timezone.now() + SETTLING
    assert look_again(later) == (1, {destination.pk})
    assert look_again(later) == (0, set())
    delivery.refresh_from_db()
    assert delivery.status == DeliveryStatus.PENDING
    assert not SecondChance.objects.filter(given_at=None).exists()


def test_a_source_that_remembers_nothing_notes_nothing(sandbox: Sandbox) -> None:
    source = make_source(identity_memory="off")
    destination = make_destination(sources=[source])
    receive(source, track(userId="u1"), NOW)
    deliver(destination, NOW)
    assert not SecondChance.objects.exists()
