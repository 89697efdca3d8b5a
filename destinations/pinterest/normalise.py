"""How each personal value is written before it is hashed: Pinterest's rules, one small function
each.

A function takes text that is trimmed and not blank, as it came: what no reader sees in it and what
stands for nothing is its own business, because most texts have neither. Rules:
https://developers.pinterest.com/docs/api/v5/events-create/ (user_data).
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import NamedTuple

from .cleaning import LONGEST_PLACEHOLDER, PLACEHOLDERS, clean, is_placeholder
from .emails import addresses_in, plain_address
from .nothing import OTHER_DIGESTS_OF_NOTHING
from .regions import country_code
from .values import is_no_id


class Repaired(NamedTuple):
    """Values that are not quite what was written, and the warning that says so."""

    forms: tuple[str, ...]
    code: str
    message: str


Normalised = str | tuple[str, ...] | Repaired | None
"""One value, several of them, "" for nothing left, None for a value that must be dropped."""

_NOT_ASCII_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
_NOT_ASCII_ALPHANUMERICS = bytes(
    byte for byte in range(256) if not (byte < 128 and chr(byte).isalnum())
)
_KEPT_IN_A_CITY = frozenset("LMN")
_CALENDAR_DAY = re.compile(r"([0-9]{4})([-/]?)([0-9]{1,2})\2([0-9]{1,2})(?:[T ][0-9:.,+\-Zz ]*)?")
_MAX_DAY = 40
_UUID_LENGTH = 36
_FIRST_OF_NO_ID = ("0", "-")
# People are called so; programs do not write it like that.
_GIVEN_NAMES = frozenset({"Nan", "Nil"})
_SURNAMES = frozenset({"null", "none"})
_DECIMALS_OF_A_CODE = re.compile(r"([0-9]{3,10})\.0+")
# MD5 and SHA-1, by which many make their user IDs.
_OTHER_DIGEST_LENGTHS = (32, 40)
_EMAIL_REPAIRED = "Text around or between email addresses was removed."
GENDERS: dict[str, str] = {
    **dict.fromkeys(("f", "female", "woman"), "f"),
    **dict.fromkeys(("m", "male", "man"), "m"),
    **dict.fromkeys(("n", "nonbinary", "nb", "other"), "n"),
}
_SEPARATORS_IN_A_GENDER = re.compile(r"[\s_-]+")


def email(text: str) -> Normalised:
    """One address in lower case, or all that are in the text; other text is no address."""
    plain = plain_address(text)
    if plain is not None:
        return plain
    found = addresses_in(text)
    if not found:
        return "" if found == () else None
    if len(found) == 1 and found[0] == clean(text).lower():
        return found[0]
    return Repaired(found, "email_repaired", _EMAIL_REPAIRED)


def first_name(text: str) -> Normalised:
    """Lower case."""
    if text.isascii() and text.isalpha():
        lowered = text.lower()
        if lowered in PLACEHOLDERS:
            return lowered if text in _GIVEN_NAMES else ""
        return lowered
    return _lowered(text)


def last_name(text: str) -> Normalised:
    """Lower case. There are people called Null and None."""
    if text.isascii() and text.isalpha():
        lowered = text.lower()
        if lowered in PLACEHOLDERS:
            return lowered if lowered in _SURNAMES or text in _GIVEN_NAMES else ""
        return lowered
    cleaned = clean(text)
    return cleaned.lower() if cleaned.lower() in _SURNAMES else _lowered(cleaned)


def _lowered(text: str) -> str:
    """A clean text in lower case; "" for a placeholder."""
    cleaned = clean(text)
    if is_placeholder(cleaned):
        return ""
    lowered = cleaned.lower()
    return lowered if lowered.isascii() else unicodedata.normalize("NFC", lowered)


def identifier(text: str) -> Normalised:
    """As it is; 0, -1 and all zeros are nobody's."""
    plain = text.isascii() and " " not in text and text.isprintable()
    cleaned = text if plain else clean(text)
    if len(cleaned) <= LONGEST_PLACEHOLDER:
        if cleaned.casefold() in PLACEHOLDERS:
            return ""
    elif len(cleaned) in _OTHER_DIGEST_LENGTHS and cleaned.lower() in OTHER_DIGESTS_OF_NOTHING:
        return ""
    return "" if cleaned[:1] in _FIRST_OF_NO_ID and is_no_id(cleaned) else cleaned


def digits(text: str) -> str:
    """Only the decimal digits, of any script, as ASCII."""
    if text.isascii():
        return text.encode().translate(None, _NOT_ASCII_DIGITS).decode()
    return "".join(str(unicodedata.decimal(sign)) for sign in text if sign.isdecimal())


def ascii_digits(text: str) -> str:
    """The same text with the decimal digits of every script as ASCII."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in text)


def gender(text: str) -> Normalised:
    """f, m or n, from any of the known spellings."""
    cleaned = clean(text)
    if is_placeholder(cleaned):
        return ""
    folded = cleaned.lower()
    return GENDERS.get(folded) or GENDERS.get(_SEPARATORS_IN_A_GENDER.sub("", folded))


def birthday(text: str) -> Normalised:
    """YYYYMMDD, from that, ISO dates and date-times, and YYYY/MM/DD; a day that exists."""
    try:
        # The two usual forms; fromisoformat also reads week dates, which these checks keep out.
        if len(text) == 8 and text.isdecimal() and text.isascii():
            date.fromisoformat(text)
            return text
        if len(text) == 10 and text[4] == "-" == text[7] and text.isascii():
            date.fromisoformat(text)
            return text.replace("-", "")
    except ValueError:
        return None
    if len(text) > _MAX_DAY:
        return None
    text = ascii_digits(clean(text))
    if is_placeholder(text):
        return ""
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
    if len(text) <= LONGEST_PLACEHOLDER and text.casefold() in PLACEHOLDERS:
        return ""
    if not text.isascii() or not text.isprintable():
        text = clean(text)
        if is_placeholder(text):
            return ""
    lowered = text.lower().replace(" ", "")
    if lowered.isascii():
        if lowered.isalpha():
            return lowered
        return lowered.encode().translate(None, _NOT_ASCII_ALPHANUMERICS).decode()
    kept = "".join(sign for sign in lowered if unicodedata.category(sign)[0] in _KEPT_IN_A_CITY)
    return unicodedata.normalize("NFC", kept)


def postal_code(text: str) -> Normalised:
    """Digits; a code with letters counts in both forms, with its letters and without them.

    Text without a digit is no postal code.
    """
    if text.isascii():
        unspaced = text.replace("-", "").replace(" ", "")
        if unspaced.isdecimal():
            return unspaced
        decimals = _DECIMALS_OF_A_CODE.fullmatch(unspaced)
        if decimals:
            return decimals[1]  # a spreadsheet's number
        lowered = text.lower().encode()
        only_digits = lowered.translate(None, _NOT_ASCII_DIGITS).decode()
        with_letters = lowered.translate(None, _NOT_ASCII_ALPHANUMERICS).decode()
        if not only_digits or only_digits == with_letters:
            return only_digits
        return with_letters, only_digits
    cleaned = ascii_digits(clean(text))
    if cleaned.isascii():
        return postal_code(cleaned)
    only_digits = digits(cleaned)
    with_letters = "".join(sign for sign in cleaned.lower() if sign.isalnum())
    if not only_digits or with_letters.isdecimal():
        return only_digits
    return unicodedata.normalize("NFC", with_letters), only_digits


def country(text: str) -> Normalised:
    """ISO alpha-2, lower case."""
    # N/A without its punctuation is the code of Namibia.
    cleaned = clean(text)
    return "" if is_placeholder(cleaned) else country_code(cleaned)


def advertising_id(text: str) -> Normalised:
    """Lower case."""
    # All zeros is what devices give for users who limit ad tracking: nobody's ID.
    if len(text) == _UUID_LENGTH and text.isascii() and text.isprintable() and " " not in text:
        return text.lower() if text.strip("0-") else ""
    found = identifier(text)
    return found.lower() if type(found) is str else found
