"""Which deliveries an event makes: one for each destination and Pinterest event name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from deliveries.statuses import DeliveryStatus
from destinations.pinterest.findings import EventFiltered, EventRejected
from destinations.pinterest.gates import CONSENT_CODES
from destinations.pinterest.outcomes import Stage
from destinations.pinterest.transform import conversion_names
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


def keeps_body(planned: Iterable[PlannedDelivery]) -> bool:
    """Whether an event's body is stored: no destination asks to drop it, or another one sends
    it."""
    is_dropped = False
    for one in planned:
        if one.status is DeliveryStatus.PENDING:
            return True
        is_dropped = is_dropped or one.drops_body
    return not is_dropped


def plan_deliveries(event: dict[str, Any], routes: Iterable[Route]) -> list[PlannedDelivery]:
    """One pending delivery for each destination and name, or one closed one that says why not."""
    planned = []
    for route in routes:
        try:
            names = conversion_names(event, route.config)
        except EventFiltered as filtered:
            planned.append(
                PlannedDelivery(
                    route.destination_id,
                    "",
                    DeliveryStatus.FILTERED,
                    Stage.TRANSFORM,
                    filtered.code,
                    "",
                    filtered.message,
                    route.config.drops_unconsented and filtered.code in CONSENT_CODES,
                )
            )
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


def _plan(destination_id: int, name: str) -> PlannedDelivery:
    """A name that no column can hold is no name that Pinterest takes."""
    if len(name) <= MAX_CONVERSION_NAME and "\x00" not in name:
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
