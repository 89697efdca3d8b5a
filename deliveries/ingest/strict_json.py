"""JSON, strictly: what would silently become something else is found and named.

orjson is fast and keeps the last of two equal keys, turns whole numbers beyond 64 bits into
floats, and refuses a whole batch for one ``NaN``, one half of a surrogate pair or one byte that is
no UTF-8. So its result is trusted only where none of that can be; else the standard library reads
the body again. ``find_flaw`` then says which event nobody can know the meaning of, and
``repairs.repair_event`` repairs what does not matter so much.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import orjson

from destinations.pinterest.findings import Finding

DEEPEST = 250
"""Levels of nesting: a little less than what orjson writes (254)."""

BYTES_A_VALUE, BYTES_AN_OBJECT = 12, 32
"""A body of the largest size may hold one value, and one object or list, for so many bytes. The
densest events that make sense, long lists of products, have 14 and 70; a list of ``{}`` has 3, and
takes thirty times its size in memory."""

_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")
_MANY_DIGITS = b"0" * 19  # 64 bits hold every number of 18 digits
_MAX_WHOLE_NUMBER = 20
_LEAST, _MOST = -(2**63), 2**64 - 1
_PIECE_BYTES = 65_536
_SPACED_COLON = re.compile(rb'"[ \t\r\n]+:')
_ESCAPED_COLON = re.compile(rb"\\u00(?:22|3[aA])")  # reads as text, and is written as a key looks
_CHARSETS = re.compile(r"(?:iso[-_]?8859|latin|l[1-9]$|windows|cp|koi8|shift|sjis|euc|gb|big5)")
_LATIN_1 = re.compile(r"\s*(?:iso[-_]?8859[-_]1$|latin[-_]?1$|l1$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ParsedJSON:
    """A JSON value; ``is_flawless`` when ``find_flaw`` cannot find anything in it."""

    value: Any
    is_flawless: bool


class TooManyValues(ValueError):
    """More values than any events of that size have; nothing was built of them."""


class _RepeatedKey(dict[str, Any]):
    """An object that named one key twice."""

    key = ""


class _NoNumber:
    """NaN, Infinity, or more digits than any number of ours."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


def parse_json(body: bytes, charset: str = "", largest: int = 4_096_000) -> ParsedJSON:
    """Raises ValueError when no event could be told from the next, TooManyValues before it builds.

    ``charset`` is what the sender says of a body that turns out not to be UTF-8; "" for nothing.
    ``largest``: the bytes that a body may have, by which the number of its values is bounded.
    """
    require_few_values(body, largest)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ParsedJSON(_parse_leniently(body, charset), False)
    if _is_flawless(body, value):
        return ParsedJSON(value, True)
    del value  # not both at once in memory
    return ParsedJSON(_parse_leniently(body, charset), False)


def require_few_values(body: bytes, largest: int) -> None:
    """Raises TooManyValues by counting bytes: no value, object or list without its own.

    What stands in texts is counted only for bodies that could be too many with it.
    """
    most_values, most_objects = largest // BYTES_A_VALUE, largest // BYTES_AN_OBJECT
    if len(body) <= most_objects:
        return
    for pieces in ((body,), _outside_texts(body)):
        objects = commas = 0
        for piece in pieces:
            objects += piece.count(b"{") + piece.count(b"[")
            commas += piece.count(b",")
        if objects <= most_objects and objects + commas <= most_values:
            return
    raise TooManyValues(f"more than {most_values} values or {most_objects} objects")


def _outside_texts(body: bytes) -> Iterator[bytes]:
    """What of a body does not stand between quotation marks, in pieces; holds little memory."""
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    is_inside = 0
    for start in range(0, len(body), _PIECE_BYTES):
        parts = body[start : start + _PIECE_BYTES].split(b'"')
        yield b"".join(parts[is_inside::2])
        is_inside = (is_inside + len(parts) - 1) % 2


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
        and not _SPACED_COLON.search(body)
        and not _ESCAPED_COLON.search(body)
        and _MANY_DIGITS not in body.translate(_DIGITS_TO_ZERO)
    )


def _parse_leniently(body: bytes, charset: str) -> Any:
    has_long_numbers = _MANY_DIGITS in body.translate(_DIGITS_TO_ZERO)
    text = _decode(body, charset)
    read = partial(
        json.loads,
        text,
        parse_constant=_NoNumber,
        parse_int=_read_whole_number if has_long_numbers else None,
    )
    try:
        value = read()
        if not _SPACED_COLON.search(body) and _count_keys(value) == body.count(b'":'):
            return value
        del value
        return read(object_pairs_hook=_build_object)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _count_keys(value: Any) -> int:
    count, level = 0, [value]
    while level:
        below: list[Any] = []
        for one in level:
            if type(one) is dict:
                count += len(one)
                below += one.values()
            elif type(one) is list:
                below += one
        level = below
    return count


def _decode(body: bytes, charset: str) -> str:
    """Bytes that are no text become halves of surrogate pairs, which ``repair_event`` finds."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        if _CHARSETS.match(charset.strip().lower()):
            try:
                # What calls itself Latin-1 is Windows-1252 on the web.
                return body.decode("cp1252" if _LATIN_1.match(charset) else charset)
            except (UnicodeDecodeError, LookupError):
                pass  # it is something else again
    return body.decode("utf-8", "surrogateescape")


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
    """Why nobody can know what a leniently parsed event means; None: it can be kept or repaired."""
    return _describe_flaw(event) if _has_flaw(event) else None


def _has_flaw(event: Any) -> bool:
    """Level by level, without the names of the places: most of what is looked at is in order."""
    level = [event]
    for depth in range(1, DEEPEST + 2):
        below: list[Any] = []
        for value in level:
            kind = type(value)
            if kind is str or kind is int or value is None or kind is bool:
                continue
            if kind is dict or kind is list:
                if depth > DEEPEST:
                    return True
                below += value.values() if kind is dict else value
            elif (
                kind is _RepeatedKey
                or (kind is _NoNumber and not is_long_number(value))
                or (kind is float and not math.isfinite(value))
            ):
                return True
        if not below:
            return False
        level = below
    return False


def _describe_flaw(event: Any) -> Finding | None:
    unseen: list[tuple[Any, str, int]] = [(event, "", 1)]
    while unseen:
        value, path, depth = unseen.pop()
        kind = type(value)
        if isinstance(value, dict | list):
            if depth > DEEPEST:
                return Finding("nested_too_deeply", "", f"Nested more than {DEEPEST} levels deep.")
            if kind is _RepeatedKey:
                field = join_path(path, _as_text(cast(_RepeatedKey, value).key))
                return Finding("repeated_key", field, "An object has this key more than once.")
            members = value.items() if isinstance(value, dict) else enumerate(value)
            unseen += [
                (member, join_path(path, _as_text(key)), depth + 1) for key, member in members
            ]
        elif kind is _NoNumber and not is_long_number(value):
            return Finding("not_a_number", path, "JSON doesn't allow NaN or Infinity.")
        elif kind is float and not math.isfinite(value):
            return Finding("number_too_large", path, "This number doesn't fit in 64 bits.")
    return None


def is_long_number(value: Any) -> bool:
    """Whether ``value`` is a whole number that does not fit in 64 bits."""
    if type(value) is _NoNumber:
        return value.text.lstrip("-").isdigit()
    return type(value) is int and not _LEAST <= value <= _MOST


def join_path(path: str, key: str | int) -> str:
    """The path of a member, as findings name it; cut at what a column holds."""
    if type(key) is int:
        return f"{path}[{key}]"[:255]
    return (f"{path}.{key}" if path else str(key))[:255].replace("\x00", "")


def _as_text(key: str | int) -> str | int:
    return key if type(key) is int else str(key).encode("utf-8", "replace").decode()
