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

Repairs = list[dict[str, str]]


def repair_event(event: dict[str, Any]) -> dict[str, Any]:
    """The event with all texts and whole numbers fit to be kept; the same object if they are.

    Changes no argument. ``find_flaw`` has nothing against the event: so its depth is bounded.
    """
    repairs: Repairs = []
    repaired = _repair_object(event, "", repairs)
    return {**repaired, REPAIRS_KEY: repairs[:MAX_REPAIRS]} if repairs else event


def _repair(value: Any, path: str, repairs: Repairs) -> Any:
    if type(value) is str:
        mended = _mend(value)
        if mended != value:
            repairs.append({"code": "text_repaired", "field": path})
        return mended
    if isinstance(value, dict):
        return _repair_object(value, path, repairs)
    if isinstance(value, list):
        return [_repair(one, join_path(path, place), repairs) for place, one in enumerate(value)]
    if is_long_number(value):
        repairs.append({"code": "number_as_text", "field": path})
        return str(value)
    return value


def _repair_object(value: dict[str, Any], path: str, repairs: Repairs) -> dict[str, Any]:
    repaired: dict[str, Any] = {}
    for key, member in value.items():
        name = _mend(key)
        field = join_path(path, name)
        if name != key:
            repairs.append({"code": "text_repaired", "field": field})
            while name in value or name in repaired:  # no value takes the place of another
                name += _REPLACEMENT
        repaired[name] = _repair(member, field, repairs)
    return repaired


def _mend(text: str) -> str:
    """U+FFFD for halves of surrogate pairs, as which bytes that are no UTF-8 were read too."""
    return text if text.isascii() else _HALVES.sub(_REPLACEMENT, text)
