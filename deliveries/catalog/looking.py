"""What is in an event, for the catalog: never a value, only which fields there are. Pure."""

from __future__ import annotations

from itertools import islice
from typing import Any, NamedTuple

from deliveries.privacy.masking import is_plain_key
from destinations.pinterest.custom_data import read_custom_data
from destinations.pinterest.event import read_sections
from destinations.pinterest.findings import Finding
from destinations.pinterest.plans import plan_for
from destinations.pinterest.user_data import read_user_data

EMAIL, VALUE, CURRENCY, PRODUCTS = "email", "value", "currency", "products"
SHARES = (EMAIL, VALUE, CURRENCY, PRODUCTS)

MAX_PROPERTIES = 60
"""Properties that are listed for an event name: the most frequent ones."""

MAX_KEYS = 100
"""Properties of one event that are looked at."""

_TYPES = {
    str: "text",
    bool: "boolean",
    int: "number",
    float: "number",
    list: "list",
    dict: "object",
    type(None): "null",
}


class Look(NamedTuple):
    """Which of SHARES Pinterest would get from an event, and the type of each property."""

    shares: frozenset[str]
    properties: dict[str, str]


def look_at(event: dict[str, Any]) -> Look:
    """Some 30 µs: it reads the event as the transform does."""
    sections, present = read_sections(event)
    plan = plan_for(sections, present)
    warnings: list[Finding] = []
    custom_data = read_custom_data(plan.custom_data, plan.amounts, sections, warnings)
    user_data = read_user_data(
        plan.user_data,
        sections,
        send_external_id=False,
        default_country="",
        sender_is_visitor=False,
        warnings=warnings,
    )
    found = {
        EMAIL: "em" in user_data,
        VALUE: "value" in custom_data,
        CURRENCY: "currency" in custom_data,
        PRODUCTS: bool(custom_data.keys() & {"contents", "content_ids"}),
    }
    return Look(frozenset(name for name, is_there in found.items() if is_there), _types_of(event))


def _types_of(event: dict[str, Any]) -> dict[str, str]:
    """Those of ``properties``; of an identify or group call, of its ``traits``."""
    holder = event.get("properties") or event.get("traits")
    if not isinstance(holder, dict):
        return {}
    return {
        key: _TYPES[type(value)]
        for key, value in islice(holder.items(), MAX_KEYS)
        if is_plain_key(key)
    }
