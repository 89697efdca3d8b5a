"""JSON values as Pinterest wants them: text, decimal text, integers, booleans. None: not usable."""

from __future__ import annotations

import re
from decimal import Decimal
from math import isfinite
from typing import Any

from .amounts import read_amount
from .cleaning import LONGEST_PLACEHOLDER, PLACEHOLDERS, clean

_PLAIN_DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_ANY_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,10}(?:\.0*)?")
_MAX_NUMBER = 400
_LARGEST_EXPONENT = 308
# The bits of the largest number a JSON reader with doubles can hold.
_LARGEST_BITS = 1024
_INT32 = 2_147_483_647

_BOOLEANS = {
    **dict.fromkeys(("true", "1", "yes", "y", "on", "t", "1.0"), True),
    **dict.fromkeys(("false", "0", "no", "n", "off", "f", "0.0"), False),
}


def usable_text(value: Any) -> str | None:
    """Text as a reader sees it; a number or true as its JSON text; None for everything else.

    Blanks and placeholders ("undefined") are no text, and false is what many languages give for a
    text that is not there.
    """
    if type(value) is str:
        plain = value.isascii() and " " not in value and value.isprintable()
        text = value if plain else clean(value)
        if len(text) > LONGEST_PLACEHOLDER:
            return text
        return None if not text or text.casefold() in PLACEHOLDERS else text
    if value is True:
        return "true"
    if type(value) is int or type(value) is float:
        return decimal_text(value)
    return None


_NO_IDS = frozenset({"0", "-1", "0.0", "-1.0"})


def is_no_id(text: str) -> bool:
    """Whether a text is what databases and programs give for the ID of nobody: 0, -1, all zeros."""
    return text in _NO_IDS or not text.strip("0-")


def decimal_text(value: Any) -> str | None:
    """A number, or text that is one, without exponent: 35.0 → "35", 1e-7 → "0.0000001".

    Text that already is a plain decimal stays as its sender wrote it; what people write ("1.234,50
    €") becomes one where it can be read in one way only.
    """
    if type(value) is float:
        text = repr(value)
        if text[-2:] == ".0":
            return text[:-2] if value else "0"
        if "e" in text:
            return format(Decimal(text), "f")
        return text if isfinite(value) else None
    if type(value) is int:
        return str(value) if value.bit_length() <= _LARGEST_BITS else None
    if type(value) is str:
        text = value.strip()
        if len(text) > _MAX_NUMBER:
            return None
        if _PLAIN_DECIMAL.fullmatch(text):
            return text
        if _ANY_DECIMAL.fullmatch(text):
            number = Decimal(text)
            return format(number, "f") if abs(number.adjusted()) <= _LARGEST_EXPONENT else None
        cleaned = clean(text)
        if cleaned != text:
            return decimal_text(cleaned)
        return read_amount(text) if text else None
    return None


def is_plain_number(value: Any) -> bool:
    """Whether ``decimal_text`` can read the value without guessing at its separators."""
    return type(value) is not str or _ANY_DECIMAL.fullmatch(clean(value)) is not None


def integer(value: Any) -> int | None:
    """A whole number of 32 bits, or text that is one: 2, 2.0, "2", "2,0" → 2; 2.5, true → None."""
    if type(value) is int:
        number = value
    elif type(value) is float:
        if not value.is_integer():
            return None
        number = int(value)
    elif type(value) is str:
        text = value.strip()
        if not _INTEGER.fullmatch(text):
            text = clean(text)
        if not _INTEGER.fullmatch(text):
            text = read_amount(text) or ""
            if not _INTEGER.fullmatch(text):
                return None
        number = int(text.partition(".")[0])
    else:
        return None
    return number if -_INT32 <= number <= _INT32 else None


def boolean(value: Any) -> bool | None:
    """true, false, 1, 0, or a word for them in any case; None for everything else."""
    if type(value) is bool:
        return value
    if type(value) is str:
        return _BOOLEANS.get(clean(value).lower())
    if type(value) is int or type(value) is float:
        return bool(value) if value in (0, 1) else None
    return None
