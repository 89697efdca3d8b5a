"""The language of a locale, an Accept-Language header or a name, as ISO 639-1."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from .cleaning import clean, is_placeholder
from .place_tables import LANGUAGE_CODES, fold

_TAG = re.compile(r"([A-Za-z]{2,3})(?:[-_.@ ].*)?", re.DOTALL)
_ENTRIES = re.compile(r"[,|/]")
_QUALITY = re.compile(r";\s*q\s*=\s*([0-9.]{1,8})\s*$", re.IGNORECASE)
_MAX_LIST = 1_000


def language(value: Any) -> str | None:
    """ISO 639-1, lower case, of a locale or a list of them, the one that is liked best first.

    ``iw-IL`` → he, ``de;q=0.7, fr`` → fr, ``["en-US", "en"]`` → en, ``deu`` → de, ``Deutsch`` → de.
    """
    if type(value) is str:
        return _language_of(value) if len(value) <= _MAX_LIST else None
    if type(value) is list:
        return next(filter(None, map(language, value)), None)
    return None


@lru_cache(maxsize=1024)
def _language_of(text: str) -> str | None:
    liked = []
    for position, entry in enumerate(_ENTRIES.split(clean(text))):
        quality = _QUALITY.search(entry)
        try:
            weight = float(quality[1]) if quality else 1.0
        except ValueError:
            weight = 0.0
        code = _code_of(entry[: quality.start()] if quality else entry) if weight > 0 else None
        if code:
            liked.append((-weight, position, code))
    return min(liked)[2] if liked else None


def _code_of(entry: str) -> str | None:
    text = entry.partition(";")[0].strip()
    if is_placeholder(text):
        return None
    tag = _TAG.fullmatch(text)
    if tag:
        code = tag[1].lower()
        known = LANGUAGE_CODES.get(code)
        if known or len(code) == 2:
            return known or code
    name = fold(text)
    return LANGUAGE_CODES.get(name) or LANGUAGE_CODES.get(fold(text.partition("(")[0]))
