"""A delivery that was filtered for consent, sent once its person grants it; where that is wanted.

What waits is noted under its person's key: the user's, or the device's if the event names no user.
Every newer event of that person in the same identity space is read as each destination reads it. An
explicit grant makes what waits pending, once. A denial that arrives before the delivery is sent
takes the grant back: a worker sends it only while its note names the event that grants.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from deliveries.db.bulk_sql import insert_rows, update_rows
from deliveries.identity.keys import key_of, uuid_of
from deliveries.models import Attempt, ConsentWait, Delivery, Event, Person
from deliveries.models.log import GIVEN_A_SECOND_CHANCE
from deliveries.statuses import DeliveryStatus
from destinations.pinterest.gates import CONSENT_CODES
from destinations.pinterest.identity import DEVICE, USER, ids_of
from destinations.pinterest.outcomes import Stage
from destinations.pinterest.times import read_moment
from destinations.pinterest.values import usable_text
from destinations.routing import SourceRoutes

MAX_WAITING = 100
"""Deliveries of one person to one destination: an event reads them all."""
MESSAGE = "A newer event of the same person grants consent (message ID {}), so it's sent."

Place = tuple[UUID, int]
"""A person's key and a destination."""


class Heard(NamedTuple):
    """What one event says of consent to the destinations that wait for it.

    ``words``: the destinations it speaks to, and whether it grants consent. ``waits``: those for
    which it was itself filtered. ``is_trusted``: its source has a secret write key.
    """

    source_id: int
    message_id: str
    received_at: datetime
    said_at: datetime
    is_trusted: bool
    user_key: UUID | None
    device_key: UUID | None
    words: tuple[tuple[int, bool], ...]
    waits: tuple[int, ...]

    @property
    def key(self) -> UUID:
        """Under which it waits itself."""
        key = self.user_key or self.device_key
        assert key is not None
        return key


class Wait(NamedTuple):
    """Columns of ConsentWait."""

    delivery_id: int
    key: UUID
    destination_id: int
    created_at: datetime
    said_at: datetime
    denied_at: datetime | None
    is_firm: bool
    granted_by: str = ""
    opened_at: datetime | None = None


def hear(
    event: dict[str, Any],
    message_id: str,
    source: SourceRoutes,
    waits: Iterable[int],
    received_at: datetime,
) -> Heard | None:
    """What an event says of consent, None for nothing; of a source that ``hears_consent``."""
    words = tuple(
        (route.destination_id, said)
        for route in source.routes
        if route.config.once_granted is not None
        and route.config.gates is not None
        and (said := route.config.gates.consent_said(event)) is not None
    )
    waiting = tuple(waits)
    if not words and not waiting:
        return None
    assert source.identity_space is not None
    user_key, device_key = _keys(source.identity_space, event)
    if user_key is None and device_key is None:
        return None
    return Heard(
        source.source_id,
        message_id,
        received_at,
        happened_at(event, received_at),
        not source.is_public,
        user_key,
        device_key,
        words,
        waiting,
    )


def waiting_key(space: str, event: dict[str, Any]) -> UUID | None:
    """Under which an event waits: that of its user, or of its device if it names no user."""
    user_key, device_key = _keys(space, event)
    return user_key or device_key


def _keys(space: str, event: dict[str, Any]) -> tuple[UUID | None, UUID | None]:
    user_id, anonymous_id = ids_of(event)
    return (
        uuid_of(key_of(space, USER, user_id)) if user_id else None,
        uuid_of(key_of(space, DEVICE, anonymous_id)) if anonymous_id else None,
    )


def happened_at(event: dict[str, Any], received_at: datetime) -> datetime:
    """When an event happened, by our clock; never after it was received."""
    moment = read_moment(event.get("timestamp")) or received_at
    sent_at = read_moment(event.get("sentAt"))
    # Beside an originalTimestamp the timestamp is by a server's clock.
    if sent_at is not None and usable_text(event.get("originalTimestamp")) is None:
        moment += received_at - sent_at
    return min(moment, received_at)


def settle_consent(requests: Sequence[Sequence[Heard]], now: datetime) -> set[int]:
    """After the commit of the events of some requests, in their order: note which of their
    deliveries wait, and make pending what they grant. Returns the destinations to wake."""
    heard = [one for request in requests for one in request]
    concerned = _waits_of(heard, now)
    if not any(one.waits for one in heard) and not concerned.exists():
        return set()  # nearly every request
    with transaction.atomic():
        delivery_ids = _waiting_deliveries(heard)
        rows = concerned.order_by("delivery_id").select_for_update()
        stored = {row[0]: Wait(*row) for row in rows.values_list(*Wait._fields)}
        waits: dict[int, Wait] = dict(stored)
        shared = _shared_devices(heard)
        for request in requests:
            _take_in(request, waits, delivery_ids, shared)
        changed = [wait for pk, wait in waits.items() if stored.get(pk) != wait]
        opened = _open(
            [one.delivery_id for one in changed if one.granted_by and one.opened_at is None],
            waits,
            now,
        )
        _write([waits[one.delivery_id] for one in changed], stored)
    return opened


def _waiting_deliveries(heard: Sequence[Heard]) -> dict[tuple[int, str, datetime, int], list[int]]:
    """The filtered deliveries of the events that were written just now, by event and destination.

    An event that came again, or under an ID that was taken, has another time of receipt.
    """
    waiting = [one for one in heard if one.waits]
    if not waiting:
        return {}
    events = {
        pk: (source_id, message_id, received_at)
        for pk, source_id, message_id, received_at in Event.objects.filter(
            message_id__any_of=[one.message_id for one in waiting],
            source_id__in={one.source_id for one in waiting},
        ).values_list("pk", "source_id", "message_id", "received_at")
    }
    found = defaultdict(list)
    for pk, event_id, destination_id in (
        Delivery.objects.filter(
            event_id__in=list(events),
            destination_id__in={pk for one in waiting for pk in one.waits},
            status=DeliveryStatus.FILTERED,
            error_code__in=CONSENT_CODES,
        )
        .order_by("pk")
        .values_list("pk", "event_id", "destination_id")
    ):
        found[*events[event_id], destination_id].append(pk)
    return found


def _waits_of(heard: Sequence[Heard], now: datetime) -> QuerySet[ConsentWait]:
    """What waits for the people of these events, and what they granted if they deny now."""
    keys: set[UUID] = set()
    denying: set[UUID] = set()
    destination_ids: set[int] = set()
    for one in heard:
        destination_ids.update(pk for pk, _ in one.words)
        destination_ids.update(one.waits)
        names = {key for key in (one.user_key, one.device_key) if key is not None}
        keys |= names
        if not all(is_granted for _, is_granted in one.words):
            denying |= names
    since = now - timedelta(hours=settings.IDENTITY_SECOND_CHANCE_HOURS)
    return ConsentWait.objects.filter(
        Q(granted_by="", created_at__gte=since)
        | (Q(key__any_of=sorted(denying)) & ~Q(granted_by="")),
        key__any_of=sorted(keys),
        destination_id__in=destination_ids,
    )


def _shared_devices(heard: Sequence[Heard]) -> set[UUID]:
    """Devices on which several users signed in: nobody's consent there speaks for another."""
    granting = {
        one.device_key
        for one in heard
        if one.device_key is not None and any(is_granted for _, is_granted in one.words)
    }
    if not granting:
        return set()
    return set(
        Person.objects.filter(key__any_of=sorted(granting), is_shared=True).values_list(
            "key", flat=True
        )
    )


def _take_in(
    request: Sequence[Heard],
    waits: dict[int, Wait],
    delivery_ids: dict[tuple[int, str, datetime, int], list[int]],
    shared: Collection[UUID],
) -> None:
    """Add what waits of one request to ``waits``, and what its people say there."""
    last: dict[Place, tuple[Heard, bool]] = {}
    for one in request:
        for destination_id, is_granted in one.words:
            for key in (one.user_key, one.device_key):
                before = last.get((key, destination_id)) if key is not None else None
                # Of two words at one moment a denial counts.
                if key is not None and (
                    before is None
                    or (one.said_at, not is_granted) >= (before[0].said_at, not before[1])
                ):
                    last[key, destination_id] = one, is_granted
    of_place: dict[Place, list[int]] = defaultdict(list)
    for wait in waits.values():
        of_place[wait.key, wait.destination_id].append(wait.delivery_id)
    carried: set[Place] = set()
    for one in request:
        said = dict(one.words)
        for destination_id in one.waits:
            place = one.key, destination_id
            for pk in delivery_ids.get(
                (one.source_id, one.message_id, one.received_at, destination_id), ()
            ):
                if pk in waits or len(of_place[place]) >= MAX_WAITING:
                    continue
                denied_at = None
                if said.get(destination_id) is False:
                    is_lifted = place in last and last[place][1]
                    denied_at = one.said_at if is_lifted else one.received_at
                    carried.add(place)
                waits[pk] = Wait(
                    pk,
                    *place,
                    one.received_at,
                    one.said_at,
                    denied_at,
                    denied_at is not None and one.is_trusted,
                )
                of_place[place].append(pk)
    for place, (one, is_granted) in last.items():
        ids = of_place.get(place, [])
        if not is_granted:
            _deny(one, ids, waits, place in carried)
        elif place[0] not in shared:
            _grant(one, ids, waits)


def _deny(one: Heard, ids: Sequence[int], waits: dict[int, Wait], is_carried: bool) -> None:
    """A denial counts from when it arrives. One of the notes carries it for all; none is granted
    any more."""
    touched = {pk for pk in ids if waits[pk].granted_by}
    if ids and not is_carried:
        touched.add(ids[-1])
    for pk in touched:
        wait = waits[pk]
        waits[pk] = wait._replace(
            denied_at=max(wait.denied_at or one.received_at, one.received_at),
            is_firm=wait.is_firm or one.is_trusted,
            granted_by="",
        )


def _grant(one: Heard, ids: Sequence[int], waits: dict[int, Wait]) -> None:
    """A grant has to be newer than what was filtered, and than every denial."""
    waiting = [waits[pk] for pk in ids if not waits[pk].granted_by]
    if any(
        (wait.denied_at is not None and wait.denied_at >= one.said_at)
        or (wait.is_firm and not one.is_trusted)
        for wait in waiting
    ):
        return
    for wait in waiting:
        if wait.said_at < one.said_at:
            waits[wait.delivery_id] = wait._replace(
                denied_at=None, is_firm=False, granted_by=one.message_id
            )


def _open(ids: Sequence[int], waits: dict[int, Wait], now: datetime) -> set[int]:
    """Make these pending, unless somebody has done something else with them; how they had ended,
    and why they go on, is kept among their attempts."""
    if not ids:
        return set()
    rows = [
        one
        for one in Delivery.objects.filter(id__any_of=sorted(ids))
        .order_by("pk")
        .select_for_update()
        if one.status == DeliveryStatus.FILTERED and one.error_code in CONSENT_CODES
    ]
    for pk in ids:
        waits[pk] = waits[pk]._replace(opened_at=now)
    if not rows:
        return set()
    Delivery.objects.filter(id__any_of=[one.pk for one in rows]).reopen(now)
    Attempt.objects.bulk_create(
        [
            Attempt(
                delivery_id=one.pk,
                number=one.attempt_count,
                outcome=one.status,
                error_stage=one.error_stage,
                error_code=one.error_code,
                error_message=one.error_message,
                ended_at=one.settled_at or now,
            )
            for one in rows
        ]
        + [
            Attempt(
                delivery_id=one.pk,
                number=one.attempt_count,
                outcome=GIVEN_A_SECOND_CHANCE,
                error_stage=Stage.TRANSFORM,
                error_message=MESSAGE.format(waits[one.pk].granted_by),
                ended_at=now,
            )
            for one in rows
        ]
    )
    return {one.destination_id for one in rows}


def _write(changed: Sequence[Wait], stored: Collection[int]) -> None:
    note_waits([wait for wait in changed if wait.delivery_id not in stored])
    if known := [wait for wait in changed if wait.delivery_id in stored]:
        update_rows(ConsentWait, "delivery_id", Wait._fields[1:], known)


def note_waits(waits: Sequence[Wait]) -> None:
    """Note what waits, in the caller's transaction; once for a delivery."""
    if waits:
        insert_rows(ConsentWait, Wait._fields, sorted(waits), ignore_conflicts=True)


def granted_among(delivery_ids: Sequence[int]) -> set[int]:
    """Which of these deliveries were filtered and granted consent since; one query."""
    return set(
        ConsentWait.objects.filter(delivery_id__any_of=list(delivery_ids))
        .exclude(granted_by="")
        .values_list("delivery_id", flat=True)
    )
