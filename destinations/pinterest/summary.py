"""What a list or a file says of an event: its order, value, time, and by what a person is found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from .config import TransformConfig
from .custom_data import read_custom_data
from .event import read_sections
from .findings import EventRejected
from .plans import plan_for
from .times import unix_seconds
from .transform import EVENT_TIME_KEYS, transform

MATCH_KEYS = frozenset(
    {"em", "ph", "external_id", "click_id", "hashed_maids"}
    | {"client_ip_address", "client_user_agent"}
)
"""Fields of ``user_data`` by which Pinterest finds a person."""


class Summary(NamedTuple):
    """As Pinterest gets them; "" for what the event has not, or what cannot be read.

    ``event_time`` is in Unix seconds. ``match_keys`` are names of fields, without their values.
    """

    order_id: str = ""
    value: str = ""
    currency: str = ""
    event_time: int | None = None
    match_keys: tuple[str, ...] = ()


def lenient(config: TransformConfig) -> TransformConfig:
    """The same settings without what keeps an event from being sent."""
    return replace(
        config,
        max_age_seconds=None,
        consent_mode="off",
        us_privacy="ignore",
        event_rules=(),
        event_list="off",
        bots="send",
    )


def summarise(event: dict[str, Any], config: TransformConfig) -> Summary:
    """``config`` as ``lenient`` makes it. What a rejected event says of its order is read too."""
    try:
        fields = transform(event, "custom", config, 0).fields
    except EventRejected:
        sections, present = read_sections(event)
        plan = plan_for(sections, present)
        custom = read_custom_data(plan.custom_data, plan.amounts, sections, [])
        times = (unix_seconds(event.get(key)) for key in EVENT_TIME_KEYS)
        return _summary(custom, next((one for one in times if one is not None), None), {})
    return _summary(fields.get("custom_data", {}), fields["event_time"], fields["user_data"])


def _summary(custom: dict[str, Any], event_time: int | None, user_data: dict[str, Any]) -> Summary:
    return Summary(
        custom.get("order_id", ""),
        custom.get("value", ""),
        custom.get("currency", ""),
        event_time,
        tuple(sorted(MATCH_KEYS.intersection(user_data))),
    )
