"""JSON, strictly: what would silently become something else is found and named.

orjson is fast and keeps the last of two equal keys, turns whole numbers beyond 64 bits into
floats, and refuses a whole batch for one ``NaN``, one half of a surrogate pair or one byte that is
no UTF-8. So its result is trusted only where none of that can be; else the standard library reads
the body again, and ``find_flaw`` says which event cannot be kept as it came.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import orjson

from destinations.pinterest.findings import Finding

DEEPEST = 250
"""Levels of nesting: a little less than what orjson writes (254)."""

_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")
_MANY_DIGITS = b"0" * 19  # 64 bits hold every number of 18 digits
_MAX_WHOLE_NUMBER = 20
_LEAST, _MOST = -(2**63), 2**64 - 1


@dataclass(frozen=True, slots=True)
class ParsedJSON:
    """A JSON value; ``is_flawless`` when ``find_flaw`` cannot find anything in it."""

    value: Any
    is_flawless: bool


class _RepeatedKey(dict[str, Any]):
    """An object that named one key twice."""

    key = ""


class _NoNumber:
    """NaN, Infinity, or more digits than any number of ours."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


def parse_json(body: bytes) -> ParsedJSON:
    """Raises ValueError when no event could be told from the next."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ParsedJSON(_parse_leniently(body), False)
    if _is_flawless(body, value):
        return ParsedJSON(value, True)
    return ParsedJSON(_parse_leniently(body), False)


def _is_flawless(body: bytes, value: Any) -> bool:
    """False when in doubt. As many ``":`` read as written: no key was written twice."""
    try:
        again = orjson.dumps(value)
    except TypeError:  # nested too deeply to be written
        return False
    if again == body:
        return True
    return (
        again.count(b'":') == body.count(b'":')
        and b'" :' not in body
        and b"\\u0022" not in body
        and _MANY_DIGITS not in body.translate(_DIGITS_TO_ZERO)
    )


def _parse_leniently(body: bytes) -> Any:
    try:
        # Bytes that are no UTF-8 become halves of surrogate pairs, which find_flaw sees.
        return json.loads(
            body.decode("utf-8", "surrogateescape"),
            object_pairs_hook=_build_object,
            parse_constant=_NoNumber,
            parse_int=_read_whole_number,
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeated = _RepeatedKey(found)
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            repeated.key = key
            break
        seen.add(key)
    return repeated


def _read_whole_number(text: str) -> int | _NoNumber:
    return int(text) if len(text) <= _MAX_WHOLE_NUMBER else _NoNumber(text)


def find_flaw(event: Any) -> Finding | None:
    """The first thing in a leniently parsed event that cannot be kept exactly; None: nothing."""
    unseen: list[tuple[Any, str, int]] = [(event, "", 1)]
    while unseen:
        value, path, depth = unseen.pop()
        kind = type(value)
        if kind is str:
            if not _is_text(value):
                return Finding(
                    "invalid_text", path, "Not valid UTF-8, or half of a surrogate pair."
                )
        elif isinstance(value, dict | list):
            if depth > DEEPEST:
                return Finding("nested_too_deeply", "", f"Nested more than {DEEPEST} levels deep.")
            if kind is _RepeatedKey:
                field = _join(path, value.key)
                return Finding("repeated_key", field, "An object names this key more than once.")
            members = value.items() if isinstance(value, dict) else enumerate(value)
            for key, member in members:
                if type(key) is str and not _is_text(key):
                    return Finding("invalid_text", path, "A key is not valid UTF-8.")
                unseen.append((member, _join(path, key), depth + 1))
        elif kind is _NoNumber and not value.text.lstrip("-").isdigit():
            return Finding("not_a_number", path, "JSON has no NaN and no Infinity.")
        elif kind is _NoNumber or (kind is int and not _LEAST <= value <= _MOST):
            return Finding("number_too_large", path, "Whole numbers must fit in 64 bits.")
        elif kind is float and not math.isfinite(value):
            return Finding("number_too_large", path, "No number of 64 bits is as large as this.")
    return None


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _join(path: str, key: str | int) -> str:
    if type(key) is int:
        return f"{path}[{key}]"[:255]
    return (f"{path}.{key}" if path else str(key))[:255].replace("\x00", "")
