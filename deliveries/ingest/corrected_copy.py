"""A copy of an event that a person corrected: a new event, through all the rules of the wire.

It goes only where the delivery it corrects went, because others may have taken the original. Its
message ID says whose copy it is, sealed, so that no sender can claim it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.utils.crypto import constant_time_compare, salted_hmac

from deliveries.ingest.body import read_json
from deliveries.ingest.envelope import AcceptedEvent, Arrival
from deliveries.ingest.judging import judge_body, read_batch
from deliveries.ingest.refusals import RefusedEvent
from deliveries.ingest.store import Intake, prepare_intake, submit
from deliveries.models import Delivery, Event
from destinations.models import Destination, Source
from destinations.pinterest.findings import Finding
from destinations.pinterest.repairs import REPAIRS_KEY
from destinations.routing import Route, routes_for

MAX_COPIES = 20
"""Of one delivery."""
_PREFIX = "corrected"
_SALT = "deliveries.ingest.corrected_copy"
_NOT_PREFILLED = ("messageId", REPAIRS_KEY)
NOT_ONE_EVENT = Finding("not_an_object", "", "A corrected copy is one event, not a batch.")


def message_id_of(delivery_id: int, number: int) -> str:
    """The message ID of a delivery's copy, counted from 1."""
    seal = salted_hmac(_SALT, f"{delivery_id}-{number}").hexdigest()[:16]
    return f"{_PREFIX}-{delivery_id}-{number}-{seal}"


def original_of(message_id: str) -> int | None:
    """The ID of the delivery that an event corrects; None for all that are no copies."""
    prefix, _, rest = message_id.partition("-")
    numbers = rest.split("-")
    if prefix != _PREFIX or len(numbers) != 3 or not all(map(str.isdecimal, numbers[:2])):
        return None
    if max(map(len, numbers[:2])) > 18:
        return None
    delivery_id, number = map(int, numbers[:2])
    is_sealed = constant_time_compare(message_id, message_id_of(delivery_id, number))
    return delivery_id if is_sealed else None


def copies_of(delivery_id: int) -> list[Event]:
    """The corrected copies of a delivery, the first first, without their bodies. One query."""
    ids = [message_id_of(delivery_id, number) for number in range(1, MAX_COPIES + 1)]
    return list(Event.objects.filter(message_id__in=ids).defer("body").order_by("pk"))


def prefill(event: dict[str, Any]) -> dict[str, Any]:
    """What a person corrects: the event as stored, its times too, but for its own message ID."""
    return {key: value for key, value in event.items() if key not in _NOT_PREFILLED}


def read_copy(text: str, delivery_id: int, now: datetime) -> AcceptedEvent | RefusedEvent | None:
    """What ingest says of the corrected event under its new message ID.

    None when there are ``MAX_COPIES`` already. Raises BodyRefused for text that is no JSON.
    """
    taken = {event.message_id for event in copies_of(delivery_id)}
    free = [
        message_id
        for number in range(1, MAX_COPIES + 1)
        if (message_id := message_id_of(delivery_id, number)) not in taken
    ]
    if not free:
        return None
    parsed = read_json(text.encode("utf-8", "surrogatepass"))
    if read_batch(parsed.value) is not None:
        finding = NOT_ONE_EVENT
        return RefusedEvent(finding.code, finding.field, finding.message, "")
    if isinstance(parsed.value, dict):
        parsed.value["messageId"] = free[0]
    (judged,) = judge_body(parsed, Arrival(now, ""))
    return judged


def store_copy(
    delivery: Delivery,
    source: Source,
    destination: Destination,
    accepted: AcceptedEvent,
    now: datetime,
) -> Delivery | None:
    """Store the copy after ingest has accepted it; its delivery, None when it got none.

    Under the Pinterest event of the delivery it corrects, as far as it is still mapped to it.
    """
    routes = routes_for(source.write_key)
    assert routes is not None
    route = Route(destination.pk, destination.transform_config())
    intake = prepare_intake(replace(routes, routes=(route,)), [accepted], [], now)
    submit(_limited_to(intake, delivery.conversion_name))
    return (
        Delivery.objects.filter(event__source_id=source.pk, event__message_id=accepted.message_id)
        .order_by("pk")
        .first()
    )


def _limited_to(intake: Intake, conversion_name: str) -> Intake:
    events = {}
    for key, (row, planned) in intake.events.items():
        same = [one for one in planned if one.conversion_name == conversion_name]
        events[key] = (row, same or planned)
    return replace(intake, events=events)
