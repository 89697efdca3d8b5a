"""JSON values as Pinterest wants them: text, decimal text, integers, booleans. None: not usable."""

from __future__ import annotations

import re
from decimal import Decimal
from math import isfinite
from typing import Any

_PLAIN_DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_ANY_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,10}(?:\.0*)?")
_LONGEST_NUMBER = 400
_LARGEST_EXPONENT = 308
# The bits of the largest number a JSON reader with doubles can hold.
_LARGEST_BITS = 1024
_INT32 = 2_147_483_647

_BOOLEANS = {"true": True, "false": False}


def well_formed(text: str) -> str:
    """The text with every lone surrogate replaced by U+FFFD, and split pairs joined."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def usable_text(value: Any) -> str | None:
    """Text as it is; a number or boolean as its JSON text; None for blanks and everything else."""
    if type(value) is str:
        if not value or value.isspace():
            return None
        return value if value.isascii() else well_formed(value)
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int or type(value) is float:
        return decimal_text(value)
    return None


def decimal_text(value: Any) -> str | None:
    """A number, or text that is one, without exponent: 35.0 → "35", 1e-7 → "0.0000001".

    Text that already is a plain decimal stays as its sender wrote it.
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
        if len(text) > _LONGEST_NUMBER:
            return None
        if _PLAIN_DECIMAL.fullmatch(text):
            return text
        if _ANY_DECIMAL.fullmatch(text):
            number = Decimal(text)
            if abs(number.adjusted()) <= _LARGEST_EXPONENT:
                return format(number, "f")
    return None


def integer(value: Any) -> int | None:
    """A whole number of 32 bits, or text that is one: 2, 2.0, "2" → 2; 2.5 and true → None."""
    if type(value) is int:
        number = value
    elif type(value) is float:
        if not value.is_integer():
            return None
        number = int(value)
    elif type(value) is str:
        text = value.strip()
        if not _INTEGER.fullmatch(text):
            return None
        number = int(text.partition(".")[0])
    else:
        return None
    return number if -_INT32 <= number <= _INT32 else None


def boolean(value: Any) -> bool | None:
    """true, false, or their text in any case; None for everything else."""
    if type(value) is bool:
        return value
    if type(value) is str:
        return _BOOLEANS.get(value.strip().lower())
    return None
