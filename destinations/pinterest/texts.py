"""Fields that are plain text at Pinterest: one table row each, read in one pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .event import Path, Sections
from .findings import Finding
from .values import usable_text


class TextField(NamedTuple):
    """One row: Pinterest's key and where its text is, best place first.

    ``convert`` makes a JSON value the text Pinterest wants, or None when it is not usable; a value
    dropped by it gets the warning ``code`` with ``message``.
    """

    name: str
    paths: tuple[Path, ...]
    convert: Callable[[Any], str | None] = usable_text
    code: str = "wrong_type"
    message: str = "Text is expected here; an object or an array is left out."


def wrong_type(path: str) -> Finding:
    """The warning for a value of a type that cannot be used where it stands."""
    return Finding(
        "wrong_type", path, "Text, a number, or a list of them is expected here; this is left out."
    )


def read_texts(
    fields: tuple[TextField, ...],
    sections: Sections,
    target: dict[str, Any],
    warnings: list[Finding],
) -> None:
    """Puts the first usable text of every row into ``target``; null and blanks count as absent."""
    for name, paths, convert, code, message in fields:
        for section, key, path in paths:
            value = sections[section].get(key)
            if value is None:
                continue
            text = convert(value)
            if text is not None:
                target[name] = text
                break
            if type(value) is dict or type(value) is list:
                warnings.append(Finding("wrong_type", path, TextField._field_defaults["message"]))
            elif code != "wrong_type" and (type(value) is not str or value.strip()):
                warnings.append(Finding(code, path, message))
