"""Which deliveries an event makes: one for each destination and Pinterest event name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from deliveries.statuses import DeliveryStatus
from destinations.pinterest.findings import EventFiltered, EventRejected
from destinations.pinterest.gates import CONSENT_CODES
from destinations.pinterest.outcomes import Stage
from destinations.pinterest.transform import conversion_names, names_once_granted
from destinations.routing import Route

MAX_CONVERSION_NAME = 100


@dataclass(frozen=True, slots=True)
class PlannedDelivery:
    """A delivery to be stored; closed from the start when the event is not for Pinterest."""

    destination_id: int
    conversion_name: str
    status: DeliveryStatus = DeliveryStatus.PENDING
    error_stage: str = ""
    error_code: str = ""
    error_field: str = ""
    error_message: str = ""
    drops_body: bool = False
    """Its destination keeps nothing of such an event."""
    waits: bool = False
    """Filtered until its person grants consent."""


def keeps_body(planned: Iterable[PlannedDelivery]) -> bool:
    """Whether an event's body is stored: no destination asks to drop it, or another one sends
    it."""
    is_dropped = False
    for one in planned:
        if one.status is DeliveryStatus.PENDING:
            return True
        is_dropped = is_dropped or one.drops_body
    return not is_dropped


def plan_deliveries(
    event: dict[str, Any], routes: Iterable[Route], can_wait: bool = False
) -> list[PlannedDelivery]:
    """One pending delivery for each destination and name, or one closed one that says why not.

    ``can_wait``: the event's person is known, so that what lacks their consent, and nothing else,
    may wait for it; under each name, as it will be sent.
    """
    planned = []
    for route in routes:
        try:
            names = conversion_names(event, route.config)
        except EventFiltered as filtered:
            lacks_consent = filtered.code in CONSENT_CODES
            later: tuple[str, ...] = ()
            if can_wait and lacks_consent:
                later = tuple(filter(_fits, names_once_granted(event, route.config)))
            planned += [
                PlannedDelivery(
                    route.destination_id,
                    name,
                    DeliveryStatus.FILTERED,
                    Stage.TRANSFORM,
                    filtered.code,
                    "",
                    filtered.message,
                    route.config.drops_unconsented and lacks_consent,
                    bool(later),
                )
                for name in later or ("",)
            ]
        except EventRejected as rejected:
            error = rejected.errors[0]
            planned.append(
                PlannedDelivery(
                    route.destination_id,
                    "",
                    DeliveryStatus.REJECTED,
                    Stage.TRANSFORM,
                    error.code,
                    error.field,
                    error.message,
                )
            )
        else:
            planned += [_plan(route.destination_id, name) for name in names]
    return planned


def _fits(name: str) -> bool:
    return len(name) <= MAX_CONVERSION_NAME and "\x00" not in name


def _plan(destination_id: int, name: str) -> PlannedDelivery:
    """A name that no column can hold is no name that Pinterest takes."""
    if _fits(name):
        return PlannedDelivery(destination_id, name)
    return PlannedDelivery(
        destination_id,
        "",
        DeliveryStatus.REJECTED,
        Stage.TRANSFORM,
        "event_name_too_long",
        "event",
        f"An event name can have at most {MAX_CONVERSION_NAME} characters and no NUL.",
    )
