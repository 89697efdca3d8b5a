"""Phone numbers as E.164 digits, from the ways in which people, shops and spreadsheets write them.

``+44 (0)20 7946 0958``, ``tel:+1-415-555-0123;ext=89``, ``1.4155550123E+10``, two numbers in one
text. A national number gets the calling code of the country that the event is from, if it is a
number of that country. What each rule rests on: https://www.itu.int/rec/T-REC-E.164 and
libphonenumber's metadata.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from .cleaning import clean, is_placeholder
from .normalise import Normalised, Repaired, ascii_digits
from .phone_tables import COUNTRIES_OF_CALLING_CODE, PHONE_COUNTRIES, Country, countries_of

MIN_DIGITS, MAX_DIGITS = 7, 15

_NOT_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
_USUAL_SIGNS = b"0123456789 -.()"
# A prefix of national numbers behind a calling code: +44 0…, +1 1415…, +7 8912…
_TRUNKS_BEHIND_CODES = frozenset({"11", "78", *(f"{code}0" for code in COUNTRIES_OF_CALLING_CODE)})
_MAX_TEXT = 500

_SCIENTIFIC = re.compile(r"\+?([0-9])(?:[.,]([0-9]+))?[eE]\+?([0-9]{1,2})")
_DECIMALS = re.compile(r"(\+?[0-9]{7,15})[.,]0+")
# A spreadsheet that shows fewer has thrown the others away.
_MIN_SIGNIFICANT = 8
_OTHER_HASH = re.compile(
    r"(?=.*[a-f])(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})",
    re.IGNORECASE,
)
_PARAMETER = re.compile(r";\s*(?:ext|isub|phone-context|postd)\s*=[^;,|/]*", re.IGNORECASE)
_EXTENSION = re.compile(
    r"(?<=[0-9)])[\s.,;-]{0,8}\(?\s{0,4}(?:extension|extn?|ext|x|anexo|interno?|int|poste|ramal|durchwahl|dw|"
    r"nebenstelle|\u0434\u043e\u0431|#)[\s.:#=]{0,8}[0-9]{0,8}\s{0,4}[#)]?\s{0,4}$",
    re.IGNORECASE,
)
_BETWEEN = re.compile(
    r"[;,|]|\s(?:or|oder|ou|and|und|et|&)\s|(?<=[0-9)])\s{0,8}(?=\+)", re.IGNORECASE
)
_TRUNK_IN_BRACKETS = re.compile(r"(\D{0,8}[0-9]{1,5}\D{0,8}?)[(\[]\s{0,4}0\s{0,4}[)\]]")
# These keep the zero of a national number behind the calling code.
_KEEP_THE_ZERO = ("39", "378", "379")
_AS_LONG_AS_IN_THE_US = 10
_US_EXCHANGE = re.compile(r"[2-9][0-9]{2}[2-9][0-9]{6}")


class Home(NamedTuple):
    """A country that an event says it is from, alpha-2 in lower case, and where it says so."""

    country: str
    source: str


def plain_phone(text: str) -> str | None:
    """The digits of a number with + and its calling code, written in the usual way; else None."""
    if text[0] != "+" or not text.isascii():
        return None
    raw = text.encode()
    if raw.translate(None, _USUAL_SIGNS) != b"+":
        return None
    digits = raw.translate(None, _NOT_DIGITS).decode()
    if (
        not MIN_DIGITS <= len(digits) <= MAX_DIGITS
        or digits[0] == "0"
        or digits[:2] in _TRUNKS_BEHIND_CODES
        or ("0" in digits[2:4] and not _TRUNKS_BEHIND_CODES.isdisjoint((digits[:3], digits[:4])))
    ):
        return None
    return digits


class _Reading(NamedTuple):
    """One number. ``is_certain``: it fits its country. ``home``: the one that gave the calling
    code."""

    digits: str
    is_certain: bool = True
    is_repaired: bool = False
    home: Home | None = None


def phones_in(text: str, homes: tuple[Home, ...] = ()) -> Normalised:
    """The E.164 digits of every number in a text. ``homes``: whose national numbers to try, in
    order.

    "" for a placeholder, None for what is no phone number.
    """
    text = clean(text)
    if is_placeholder(text):
        return ""
    if len(text) > _MAX_TEXT or _OTHER_HASH.fullmatch(text):
        return None
    if not text.isascii():
        text = ascii_digits(unicodedata.normalize("NFKC", text))
    spreadsheet = _number_of_spreadsheet(text)
    if spreadsheet is not None:
        text = spreadsheet
    readings = _readings(text, homes)
    if not readings:
        return None
    forms = tuple(dict.fromkeys(reading.digits for reading in readings))
    uncertain = [reading for reading in readings if not reading.is_certain]
    assumed = next((reading.home for reading in readings if reading.home), None)
    if uncertain:
        return Repaired(forms, "phone_without_country_code", _WITHOUT_CODE)
    if assumed:
        message = _ASSUMED.format(assumed.country.upper(), assumed.source)
        return Repaired(forms, "phone_country_assumed", message)
    if len(readings) > 1 or readings[0].is_repaired or spreadsheet is not None:
        return Repaired(forms, "phone_repaired", _REPAIRED)
    return forms


_WITHOUT_CODE = (
    "The phone number has no country code and doesn't match a country of the event. Its digits "
    "were "
    "sent."
)
_ASSUMED = "The phone number has no country code. Assumed {} from the {}."
_REPAIRED = (
    "The phone number had an extension, a (0), another number, or a spreadsheet's format. It was "
    "sent "
    "as plain digits."
)


def _number_of_spreadsheet(text: str) -> str | None:
    """1.4155550123E+10 and 14155550123.0 as digits; "" when digits are lost; None for other
    text."""
    decimals = _DECIMALS.fullmatch(text)
    if decimals:
        return decimals[1]
    scientific = _SCIENTIFIC.fullmatch(text)
    if scientific is None:
        return None
    fraction, exponent = (scientific[2] or "").rstrip("0"), int(scientific[3])
    if not _MIN_SIGNIFICANT - 1 <= len(fraction) <= exponent <= MAX_DIGITS:
        return ""
    return f"{scientific[1]}{fraction}".ljust(exponent + 1, "0")


def _readings(text: str, homes: tuple[Home, ...]) -> list[_Reading]:
    text = _PARAMETER.sub("", text)
    parts = [part for part in _BETWEEN.split(text) if _count(_EXTENSION.sub("", part))]
    whole = [part for part in parts if _count(_EXTENSION.sub("", part)) >= MIN_DIGITS]
    # 415,555,0123 is one number; 030/1234567, too.
    readings = []
    for part in whole or ["".join(parts)]:
        numbers = part.split("/")
        if min(map(_count, numbers)) < MIN_DIGITS:
            numbers = [part]
        found = [_read(number, homes) for number in numbers]
        readings += [reading for reading in found if reading]
    if whole and len(whole) < len(parts):
        return [reading._replace(is_repaired=True) for reading in readings]
    return readings


def _count(text: str) -> int:
    return sum(map(str.isdecimal, text))


def _read(text: str, homes: tuple[Home, ...]) -> _Reading | None:
    number = _EXTENSION.sub("", text)
    is_repaired = number != text
    bracketed = _TRUNK_IN_BRACKETS.match(number)
    start = re.search("[0-9]", number)
    if start is None or sum(map(str.isalpha, number)) > _count(number):
        return None
    digits = "".join(filter(str.isdecimal, number))
    has_plus = "+" in number[: start.start()]
    if has_plus or digits.startswith("00"):
        digits = digits.lstrip("0")
        reading = _international(digits)
    elif bracketed and len(bracketed[0]) < len(number) and _count(bracketed[1]) <= 3:
        reading = _international(digits)  # 44 (0)20 …: only a calling code stands before a (0)
    else:
        reading = _national(digits, homes)
    if reading is None or not MIN_DIGITS <= len(reading.digits) <= MAX_DIGITS:
        return None
    return reading._replace(is_repaired=reading.is_repaired or is_repaired)


def _international(digits: str) -> _Reading | None:
    """Digits with a calling code: those of the country, without the 0 that is dialled at home
    only."""
    for country in countries_of(digits):
        national = digits[len(country.calling_code) :]
        if country.is_national(national):
            return _Reading(digits)
        bare = country.without_trunk(national)
        # Some rules add an area code; behind a calling code it is not left out.
        if bare != national and national.endswith(bare) and country.is_national(bare):
            return _Reading(country.calling_code + bare, is_repaired=True)
    zero = next(
        (
            code
            for country in countries_of(digits)
            if digits.startswith((code := country.calling_code) + "0")
        ),
        "",
    )
    if zero and zero not in _KEEP_THE_ZERO:
        return _Reading(zero + digits[len(zero) :].lstrip("0"), is_repaired=True)
    return _Reading(digits)


def _national(digits: str, homes: tuple[Home, ...]) -> _Reading:
    """Digits without +: of one of the homes, or with a calling code all the same, or undecided."""
    for home in homes:
        country = PHONE_COUNTRIES.get(home.country)
        if country is None:
            continue
        abroad = country.without_abroad(digits)
        if abroad and _is_whole(abroad):
            return _Reading(abroad)
        rest = digits.removeprefix(country.calling_code)
        if rest != digits and not country.is_national(digits):
            for national in (rest, country.without_trunk(rest)):
                if country.is_national(national):
                    return _Reading(country.calling_code + national, is_repaired=national != rest)
        bare = country.without_trunk(digits)
        for national in (bare, digits):
            if country.is_national(national):
                return _Reading(country.calling_code + national, home=home)
    if digits.startswith("0"):
        return _Reading(digits.lstrip("0"), is_certain=False)
    return _Reading(digits, is_certain=_is_whole(digits) and not _looks_american(digits))


def _is_whole(digits: str) -> bool:
    """Whether digits begin with a calling code and go on with a number of one of its countries."""
    return any(
        _fits(country, digits[len(country.calling_code) :]) for country in countries_of(digits)
    )


def _fits(country: Country, national: str) -> bool:
    return country.is_national(national) and len(national) >= MIN_DIGITS


def _looks_american(digits: str) -> bool:
    """Ten digits that are a number of the US, too, whatever calling code they begin with."""
    return len(digits) == _AS_LONG_AS_IN_THE_US and bool(_US_EXCHANGE.fullmatch(digits))
