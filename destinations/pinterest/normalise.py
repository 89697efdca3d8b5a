"""How each personal value is written before it is hashed: Pinterest's rules, one small function each.

A function takes text that is trimmed and not blank. Rules:
https://developers.pinterest.com/docs/api/v5/events-create/ (user_data).
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from .regions import country_code

Normalised = str | tuple[str, ...] | None
"""One value, several of them, "" for nothing left, None for a value that must be dropped."""

_NOT_ASCII_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
_NOT_ASCII_ALPHANUMERICS = bytes(
    byte for byte in range(256) if not (byte < 128 and chr(byte).isalnum())
)
_KEPT_IN_A_CITY = frozenset("LMN")
_CALENDAR_DAY = re.compile(r"([0-9]{4})([-/]?)([0-9]{1,2})\2([0-9]{1,2})(?:[T ][0-9:.,+\-Zz ]*)?")
_MAX_DAY = 40
GENDERS: dict[str, str] = {
    **dict.fromkeys(("f", "female", "woman"), "f"),
    **dict.fromkeys(("m", "male", "man"), "m"),
    **dict.fromkeys(("n", "nonbinary", "nb", "other"), "n"),
}
_SEPARATORS_IN_A_GENDER = re.compile(r"[\s_-]+")


def email(text: str) -> Normalised:
    """Lower case; text without @ is no address."""
    return text.lower() if "@" in text else None


def phone(text: str) -> Normalised:
    """Digits only, leading zeros off."""
    if text.isascii():
        return text.encode().translate(None, _NOT_ASCII_DIGITS).lstrip(b"0").decode()
    return digits(text).lstrip("0")


def digits(text: str) -> str:
    """Only the decimal digits, of any script, as ASCII."""
    if text.isascii():
        return text.encode().translate(None, _NOT_ASCII_DIGITS).decode()
    return "".join(str(unicodedata.decimal(sign)) for sign in text if sign.isdecimal())


def gender(text: str) -> Normalised:
    """f, m or n, from any of the known spellings."""
    folded = text.lower()
    return GENDERS.get(folded) or GENDERS.get(_SEPARATORS_IN_A_GENDER.sub("", folded))


def birthday(text: str) -> Normalised:
    """YYYYMMDD, from that, ISO dates and date-times, and YYYY/MM/DD; a day that exists."""
    try:
        # The two usual forms; fromisoformat also reads week dates, which these checks keep out.
        if len(text) == 8 and text.isdecimal():
            date.fromisoformat(text)
            return text
        if len(text) == 10 and text[4] == "-" == text[7]:
            date.fromisoformat(text)
            return text.replace("-", "")
    except ValueError:
        return None
    if len(text) > _MAX_DAY:
        return None
    day = _CALENDAR_DAY.fullmatch(text)
    if day is None:
        return None
    year, separator, month, of_month = day.groups()
    if not separator and len(month + of_month) != 4:
        return None
    try:
        date(int(year), int(month), int(of_month))
    except ValueError:
        return None
    return f"{year}{month:0>2}{of_month:0>2}"


def city(text: str) -> Normalised:
    """Lower case without spaces, punctuation and symbols; letters and marks of every script."""
    lowered = text.lower().replace(" ", "")
    if lowered.isascii():
        if lowered.isalpha():
            return lowered
        return lowered.encode().translate(None, _NOT_ASCII_ALPHANUMERICS).decode()
    return "".join(sign for sign in lowered if unicodedata.category(sign)[0] in _KEPT_IN_A_CITY)


def postal_code(text: str) -> Normalised:
    """Digits; a code with letters counts in both forms, with its letters and without them."""
    if text.isascii():
        unspaced = text.replace("-", "").replace(" ", "")
        if unspaced.isdecimal():
            return unspaced
        lowered = text.lower().encode()
        only_digits = lowered.translate(None, _NOT_ASCII_DIGITS).decode()
        with_letters = lowered.translate(None, _NOT_ASCII_ALPHANUMERICS).decode()
        return only_digits if only_digits == with_letters else (with_letters, only_digits)
    only_digits = digits(text)
    with_letters = "".join(sign for sign in text.lower() if sign.isalnum())
    return only_digits if with_letters.isdecimal() else (with_letters, only_digits)


def country(text: str) -> Normalised:
    """ISO alpha-2, lower case."""
    return country_code(text)


def advertising_id(text: str) -> Normalised:
    """Lower case."""
    # All zeros is what devices give for users who limit ad tracking: nobody's ID.
    return text.lower() if text.strip("0-") else ""
