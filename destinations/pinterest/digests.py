"""Values of ``user_data`` as SHA-256: what is hashed, what is a digest already, what is
nobody's."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any, NamedTuple

from .cleaning import clean, well_formed
from .event import Path
from .findings import Finding
from .normalise import Normalised, Repaired
from .texts import wrong_type
from .values import decimal_text

DIGEST_LENGTH = 64
_HEX_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


class HashedField(NamedTuple):
    """One row: Pinterest's key, where the values are, how to normalise, what to say if dropped.

    ``known`` has the digests of a closed list (countries, states, genders) by their spellings:
    they are nobody's secret, and many events have one of the few. A field that ``is_shared`` adds
    to it what it meets, up to ``MAX_SHARED``: a shop's customers live in the same cities, and most
    people have one of a few thousand names.
    ``nobody`` has the digests that are no identifier here.
    """

    name: str
    paths: tuple[Path, ...]
    normalise: Callable[[str], Normalised]
    known: dict[str, str] = {}
    code: str = ""
    message: str = ""
    is_shared: bool = False
    nobody: frozenset[str] = frozenset()


def digests_of(value: Any, field: HashedField, path: str, warnings: list[Finding]) -> list[str]:
    """The digests of one value or of a list of them; equal ones once, in order."""
    if type(value) is str:
        text = clean(value)
    elif type(value) is list:
        return _digests_of_list(value, field, path, warnings)
    elif type(value) is int or type(value) is float:
        text = decimal_text(value) or ""
    else:
        if value is not False:
            warnings.append(wrong_type(path))
        return []
    if not text:
        return []
    if len(text) == DIGEST_LENGTH and _HEX_DIGEST.fullmatch(text):
        known = text.lower()
        return [] if known in field.nobody else [known]
    # Emails are parted at line breaks, too, so the text is not the clean one.
    normal = field.normalise(value.strip() if type(value) is str else text)
    if isinstance(normal, str):
        return [digest_of(normal)] if normal else []
    if isinstance(normal, Repaired):
        warnings.append(Finding(normal.code, path, normal.message))
        normal = normal.forms
    if normal is None:
        warnings.append(Finding(field.code, path, field.message))
        return []
    return list(dict.fromkeys(digest_of(form) for form in normal if form))


def _digests_of_list(
    values: list[Any], field: HashedField, path: str, warnings: list[Finding]
) -> list[str]:
    digests: dict[str, None] = {}
    remarks: list[Finding] = []
    for position, value in enumerate(values):
        if type(value) is list:
            remarks.append(wrong_type(f"{path}[{position}]"))
        elif value is not None:
            digests.update(dict.fromkeys(digests_of(value, field, f"{path}[{position}]", remarks)))
    # One remark for a list, however long it is.
    warnings.extend(remarks[:1])
    return list(digests)


def digest_of(text: str) -> str:
    """SHA-256 of the text in UTF-8, in hex."""
    try:
        return sha256(text.encode()).hexdigest()
    except UnicodeEncodeError:
        return sha256(well_formed(text).encode()).hexdigest()
