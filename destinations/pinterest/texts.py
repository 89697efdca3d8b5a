"""Fields that are plain text at Pinterest: one table row each, read in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from .cleaning import LONGEST_PLACEHOLDER
from .event import Path, Sections, Shape, Step, steps_within
from .findings import Finding
from .values import usable_text

MAX_SEEN = 10_000
_MAX_SEEN_TEXT = 300
SEEN: set[str] = set()
"""Texts that many events share (user agents, brands, versions) and that are sent as they are: what
was looked at once need not be again. Emptied when full."""


def seen_text(value: Any) -> str | None:
    """``usable_text`` of a value that other events will have, too."""
    text = usable_text(value)
    if text is not None and text is value and len(text) <= _MAX_SEEN_TEXT:
        if len(SEEN) >= MAX_SEEN:
            SEEN.clear()
        SEEN.add(text)
    return text


_TEXT_EXPECTED = "Text is expected. An object or array was omitted."


class TextField(NamedTuple):
    """One row: Pinterest's key and where its text is, best place first.

    ``convert`` makes a JSON value the text Pinterest wants, or None when it is not usable; what it
    drops gets the warning ``code`` with ``message``. Without it text, numbers and booleans count.
    ``is_shared``: many events have the same text there.
    """

    name: str
    paths: tuple[Path, ...]
    convert: Callable[[Any], str | None] | None = None
    code: str = ""
    message: str = ""
    is_shared: bool = False


Convert = Callable[[Any], str | None]
TextRow = tuple[str, int, str, str, tuple[Step, ...], Convert, str, str, bool]
"""A ``TextField`` as a plain tuple, with only the paths an event can have: its name, the first of
them taken apart (most events need no other), the others, and how to convert and warn."""


def rows_within(fields: Iterable[TextField], shape: Shape) -> tuple[TextRow, ...]:
    """The rows with a path that an event of this shape can have."""
    rows = []
    for field in fields:
        steps = steps_within(field.paths, shape)
        if steps:
            rows.append(
                (
                    field.name,
                    *steps[0],
                    steps[1:],
                    field.convert or (seen_text if field.is_shared else usable_text),
                    field.code,
                    field.message,
                    field.is_shared,
                )
            )
    return tuple(rows)


def wrong_type(path: str) -> Finding:
    """The warning for a value of a type that cannot be used where it stands."""
    return Finding(
        "wrong_type", path, "Text, a number, or a list of them is expected. This was omitted."
    )


def read_texts(
    rows: tuple[TextRow, ...],
    sections: Sections,
    target: dict[str, Any],
    warnings: list[Finding],
) -> None:
    """Puts the first usable text of every row into ``target``; null and blanks count as absent."""
    seen = SEEN
    for name, section, key, path, others, convert, code, message, is_shared in rows:
        value = sections[section].get(key)
        # The two usual texts do without a call: one that is known, and a long one without blanks.
        if type(value) is str and (
            value in seen
            if is_shared
            else convert is usable_text
            and len(value) > LONGEST_PLACEHOLDER
            and " " not in value
            and value.isascii()
            and value.isprintable()
        ):
            target[name] = value
            continue
        if value is not None:
            text = _read_text(value, path, convert, code, message, warnings)
            if text is not None:
                target[name] = text
                continue
        for section, key, path in others:
            text = _read_text(sections[section].get(key), path, convert, code, message, warnings)
            if text is not None:
                target[name] = text
                break


def _read_text(
    value: Any,
    path: str,
    convert: Convert,
    code: str,
    message: str,
    warnings: list[Finding],
) -> str | None:
    """The usable text of one value, or None and, if something was there, a warning."""
    if value is None or value is False:
        return None
    text = convert(value)
    if text is None:
        if type(value) is dict or type(value) is list:
            warnings.append(Finding("wrong_type", path, _TEXT_EXPECTED))
        elif code and usable_text(value) is not None:
            warnings.append(Finding(code, path, message))
    return text
