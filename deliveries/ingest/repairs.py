"""What JSON or a database cannot hold is mended, so that it never costs the whole event.

A product's name cut in the middle of an emoji, a byte of another character set, an ID of 24 digits:
mostly they stand where nobody looks. The event is kept with U+FFFD in place of what is no text, and
with such a number as text; ``REPAIRS_KEY`` in the stored event says where, and its deliveries warn.
"""

from __future__ import annotations

import re
from typing import Any

from deliveries.ingest.strict_json import is_long_number, join_path
from destinations.pinterest.repairs import MAX_REPAIRS, REPAIRS_KEY

_HALVES = re.compile("[\ud800-\udfff]+")
_REPLACEMENT = "\ufffd"

Place = tuple["Place | None", str | int]
"""A member: the place of what it is in, and its key there. Made into a path only for a repair."""


class _Repairs(list[dict[str, str]]):
    """Those that are named; ``any_made`` counts the others too."""

    any_made = False

    def note(self, code: str, place: Place) -> None:
        self.any_made = True
        if len(self) < MAX_REPAIRS:
            self.append({"code": code, "field": _path_of(place)})


def repair_event(event: dict[str, Any]) -> dict[str, Any]:
    """The event with all texts and whole numbers fit to be kept; the same object if they are.

    Changes no argument. ``find_flaw`` has nothing against the event: so its depth is bounded.
    """
    if not _needs_repair(event):
        return event
    repairs = _Repairs()
    repaired = _repair_object(event, None, repairs)
    return {**repaired, REPAIRS_KEY: list(repairs)} if repairs.any_made else event


def _needs_repair(event: dict[str, Any]) -> bool:
    """Level by level, as ``find_flaw`` looks."""
    level: list[Any] = [event]
    while level:
        below: list[Any] = []
        for value in level:
            kind = type(value)
            if kind is str:
                if not value.isascii() and _HALVES.search(value):
                    return True
            elif isinstance(value, dict):
                below += value.values()
                below += value
            elif kind is list:
                below += value
            elif value is not None and is_long_number(value):
                return True
        level = below
    return False


def _repair(value: Any, place: Place, repairs: _Repairs) -> Any:
    if type(value) is str:
        mended = _mend(value)
        if mended != value:
            repairs.note("text_repaired", place)
        return mended
    if isinstance(value, dict):
        return _repair_object(value, place, repairs)
    if isinstance(value, list):
        return [_repair(one, (place, index), repairs) for index, one in enumerate(value)]
    if is_long_number(value):
        repairs.note("number_as_text", place)
        return str(value)
    return value


def _repair_object(value: dict[str, Any], place: Place | None, repairs: _Repairs) -> dict[str, Any]:
    repaired: dict[str, Any] = {}
    for key, member in value.items():
        name = _mend(key)
        here: Place = (place, name)
        if name != key:
            repairs.note("text_repaired", here)
            while name in value or name in repaired:  # no value takes the place of another
                name += _REPLACEMENT
        repaired[name] = _repair(member, here, repairs)
    return repaired


def _path_of(place: Place | None) -> str:
    keys: list[str | int] = []
    while place is not None:
        place, key = place
        keys.append(key)
    path = ""
    for key in reversed(keys):
        path = join_path(path, key)
    return path


def _mend(text: str) -> str:
    """U+FFFD for halves of surrogate pairs, as which bytes that are no UTF-8 were read too."""
    return text if text.isascii() else _HALVES.sub(_REPLACEMENT, text)
