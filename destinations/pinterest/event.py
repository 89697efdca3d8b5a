"""The stored JSON of an event, read through paths.

Every path of the mapping is an object of the event and one key in it, so the objects are looked
up once per event (``read_sections``) and each path is then one dictionary access.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

SECTIONS: tuple[str, ...] = (
    "",
    "traits",
    "context",
    "properties",
    "context.traits",
    "traits.address",
    "context.traits.address",
    "context.page",
    "context.app",
    "context.device",
    "context.os",
    "context.network",
)
"""The objects of an event that the mapping reads from, by path; "" is the event itself."""

Sections = tuple[dict[str, Any], ...]
"""The objects of one event, in the order of ``SECTIONS``; an empty one where it has none."""

_SECTION_INDEX = {name: index for index, name in enumerate(SECTIONS)}
_NOTHING: dict[str, Any] = {}


class Path(NamedTuple):
    """One path: the index of its object in ``SECTIONS``, its key there, and the whole path."""

    section: int
    key: str
    text: str


def paths(*texts: str) -> tuple[Path, ...]:
    """The paths of a mapping row, split; raises KeyError for an object not in ``SECTIONS``."""
    found = []
    for text in texts:
        parent, _, key = text.rpartition(".")
        found.append(Path(_SECTION_INDEX[parent], key, text))
    return tuple(found)


def under(parents: Iterable[str], *keys: str) -> tuple[str, ...]:
    """All keys under the first parent, then all under the next."""
    return tuple(f"{parent}.{key}" for parent in parents for key in keys)


def read_sections(event: dict[str, Any]) -> Sections:
    """The event's objects; whatever is not an object counts as absent."""
    read = event.get
    traits = read("traits")
    if type(traits) is not dict:
        traits = _NOTHING
    context = read("context")
    if type(context) is not dict:
        context = _NOTHING
    properties = read("properties")
    if type(properties) is not dict:
        properties = _NOTHING
    read = context.get
    context_traits = read("traits")
    if type(context_traits) is not dict:
        context_traits = _NOTHING
    address = traits.get("address")
    context_address = context_traits.get("address")
    page = read("page")
    app = read("app")
    device = read("device")
    system = read("os")
    network = read("network")
    return (
        event,
        traits,
        context,
        properties,
        context_traits,
        address if type(address) is dict else _NOTHING,
        context_address if type(context_address) is dict else _NOTHING,
        page if type(page) is dict else _NOTHING,
        app if type(app) is dict else _NOTHING,
        device if type(device) is dict else _NOTHING,
        system if type(system) is dict else _NOTHING,
        network if type(network) is dict else _NOTHING,
    )


_STEP = re.compile(r"[^.\[\]]+")


def split_path(path: str) -> tuple[str, ...]:
    """``properties.products[0].sku`` → ("properties", "products", "0", "sku")."""
    return tuple(_STEP.findall(path.strip()))


def read_path(event: dict[str, Any], steps: tuple[str, ...]) -> Any:
    """The value at a path that a person configured; None when the event does not have it.

    A step is an object's key or, in an array, a position counted from 0.
    """
    value: Any = event
    for step in steps:
        if type(value) is dict:
            value = value.get(step)
        elif type(value) is list and step.isdecimal() and len(step) < 10:
            position = int(step)
            value = value[position] if position < len(value) else None
        else:
            return None
    return value
