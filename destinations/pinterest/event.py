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

ROOT, TRAITS, CONTEXT, PROPERTIES = 0, 1, 2, 3
CONTEXT_TRAITS, ADDRESS, CONTEXT_ADDRESS = 4, 5, 6
PAGE, APP, DEVICE, SYSTEM, NETWORK = 7, 8, 9, 10, 11
"""Positions in ``SECTIONS``, for the few fields that no table row describes."""

_SECTION_INDEX = {name: index for index, name in enumerate(SECTIONS)}
_NOTHING: dict[str, Any] = {}


class Path(NamedTuple):
    """One path: the index of its object in ``SECTIONS``, its key there, and the whole path."""

    section: int
    key: str
    text: str


Step = tuple[int, str, str]
"""A ``Path`` as a plain tuple, which Python takes apart several times faster."""


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


class Shape(NamedTuple):
    """What an event has, as far as it decides which paths are worth a look.

    ``present``: bit n is set when section n is not empty. The others: which of the keys that some
    path names (``mapped_keys``) the four objects with the most paths have.
    """

    present: int
    traits: frozenset[str]
    context: frozenset[str]
    context_traits: frozenset[str]
    properties: frozenset[str]


def steps_within(row: Iterable[Path], shape: Shape) -> tuple[Step, ...]:
    """The paths of a row that an event of this shape can have."""
    keys = {
        TRAITS: shape.traits,
        CONTEXT: shape.context,
        CONTEXT_TRAITS: shape.context_traits,
        PROPERTIES: shape.properties,
    }
    return tuple(
        (path.section, path.key, path.text)
        for path in row
        if shape.present >> path.section & 1 and path.key in keys.get(path.section, (path.key,))
    )


def read_sections(event: dict[str, Any]) -> tuple[Sections, int]:
    """The event's objects, and which of them it has: bit n is set when section n is not empty.

    Whatever is not an object counts as absent.
    """
    present = 1
    traits = context = properties = context_traits = address = context_address = _NOTHING
    page = app = device = system = network = _NOTHING
    found = event.get("traits")
    if found and type(found) is dict:
        traits = found
        present |= 1 << 1
        found = traits.get("address")
        if found and type(found) is dict:
            address = found
            present |= 1 << 5
    found = event.get("properties")
    if found and type(found) is dict:
        properties = found
        present |= 1 << 3
    found = event.get("context")
    if found and type(found) is dict:
        context = found
        present |= 1 << 2
        found = context.get("traits")
        if found and type(found) is dict:
            context_traits = found
            present |= 1 << 4
            found = found.get("address")
            if found and type(found) is dict:
                context_address = found
                present |= 1 << 6
        found = context.get("page")
        if found and type(found) is dict:
            page = found
            present |= 1 << 7
        found = context.get("app")
        if found and type(found) is dict:
            app = found
            present |= 1 << 8
        found = context.get("device")
        if found and type(found) is dict:
            device = found
            present |= 1 << 9
        found = context.get("os")
        if found and type(found) is dict:
            system = found
            present |= 1 << 10
        found = context.get("network")
        if found and type(found) is dict:
            network = found
            present |= 1 << 11
    return (
        event,
        traits,
        context,
        properties,
        context_traits,
        address,
        context_address,
        page,
        app,
        device,
        system,
        network,
    ), present


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
