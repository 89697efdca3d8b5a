"""Numbers as people and shops write them: with thousands separators, a decimal comma, a currency.

Only what can be read in one way is read: ``1,000`` is a thousand to some and one to others.
"""

from __future__ import annotations

import re
import unicodedata

_MAX_AMOUNT = 60

_CODES = """\
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD
CAD CDF CHF CLF CLP CNH CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS
GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW
KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN
NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RMB RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP
SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV
WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCY_CODES = frozenset(_CODES.split())
"""ISO 4217, active codes, and two that people use for the yuan."""

# What stands around amounts besides codes, without case and full stops; "$" is any currency sign.
_WORDS = """\
$ us$ usd$ a$ au$ c$ ca$ can$ nz$ hk$ s$ sg$ nt$ mx$ r$ rd$ cl$ co$ ar$ ec$ tt$ j$ b$ z$ bz$ $us
$usd $cad $aud $mxn $a $ca s/ b/ rs r rm rp kr nkr skr dkr zl zł kc kč ft lei leu лв руб р
грн тг дин ден
tl fr sfr frs ksh kshs tsh ush dh dhs euro euros dollar dollars pound pounds yen 元 円 圓 원 cfa
fcfa đ
"""
_CURRENCY_WORDS = frozenset(_WORDS.split())
_BLANK_SIGNS = re.compile(r"\s+")
_APOSTROPHES = dict.fromkeys(map(ord, "'\u2018\u2019\u02bc`\u00b4\u2032\u066c"), "'")
_MINUSES = dict.fromkeys(map(ord, "\u2212\u2012\u2013\u2014\ufe63\uff0d"), "-")
_SIGNS = {**_APOSTROPHES, **_MINUSES, 0x066B: ".", 0xFF0E: ".", 0xFF0C: ",", 0x060C: ","}

_PARTS = re.compile(r"([^0-9]*?)((?:(?<![^\W\d_])[.,])?[0-9](?:[0-9.,' ]*[0-9])?)([^0-9]*)")
_GROUPED_BY_BLANK = re.compile(
    r"([1-9][0-9]{0,2}(?:([ '])[0-9]{3})(?:\2[0-9]{3})*)(?:[.,]([0-9]+))?"
)
_GROUPED_BY_COMMA = re.compile(
    r"([1-9][0-9]{0,2}(?:,[0-9]{3})+|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3})(?:\.([0-9]+))?"
)
_GROUPED_BY_POINT = re.compile(r"([1-9][0-9]{0,2}(?:\.[0-9]{3})+)(?:,([0-9]+))?")
_ONE_SEPARATOR = re.compile(r"([0-9]*)[.,]([0-9]+)")
# 1,000 and 12.345, beside a currency: nobody knows whether it is thousands.
_TWO_MEANINGS = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")
# "12,-" and "12.--" are whole amounts.
_NO_CENTS = re.compile(r"([.,])\s?-{1,2}(?![0-9])")


def read_amount(text: str) -> str | None:
    """An amount as plain decimal text, its decimals as they were written: "1.234,50 €" → "1234.50".

    None for what is no number and for what can be read in two ways.
    """
    if len(text) > _MAX_AMOUNT:
        return None
    parts = _PARTS.fullmatch(_plain_signs(text))
    if parts is None:
        return None
    before, number, after = parts.groups()
    whole = _NO_CENTS.match(after)
    if whole:
        after = after[whole.end() :]
    is_negative, before, after = _sign_of(before, after)
    if not (_is_currency(before) and _is_currency(after)):
        return None
    amount = _without_separators(number, whole[1] if whole else "")
    return f"-{amount}" if amount and is_negative else amount


def _plain_signs(text: str) -> str:
    """Digits of any script as ASCII, currency signs as $, blanks as one, invisible ones out."""
    if not text.isascii():
        signs = []
        for sign in text.translate(_SIGNS):
            category = unicodedata.category(sign)
            if category == "Nd":
                sign = str(unicodedata.decimal(sign))
            elif category == "Sc":
                sign = "$"
            elif category == "Cf":
                continue
            signs.append(sign)
        text = "".join(signs)
    return _BLANK_SIGNS.sub(" ", text).strip(" \"'")


def _sign_of(before: str, after: str) -> tuple[bool, str, str]:
    """Whether the amount is negative, and what stands around it without its sign."""
    if before.startswith("(") and after.endswith(")"):
        return True, before[1:], after[:-1]
    if before.count("-") + after.count("-") == 1:
        return True, before.replace("-", ""), after.replace("-", "")
    return False, before.replace("+", "", 1), after


def _is_currency(text: str) -> bool:
    """Whether there is nothing, or the code, sign or word of a currency."""
    word = text.replace(" ", "").strip(".")
    if not word:
        return True
    return word.upper() in CURRENCY_CODES or word.replace(".", "").lower() in _CURRENCY_WORDS


def _without_separators(number: str, decimal_sign: str) -> str | None:
    """The digits with a decimal point; ``decimal_sign``: what is known to stand for it."""
    if number.isdecimal():
        return number
    by_blank = _GROUPED_BY_BLANK.fullmatch(number)
    if by_blank:
        return _joined(by_blank[1], by_blank[3])
    if decimal_sign:
        grouped = (_GROUPED_BY_POINT if decimal_sign == "," else _GROUPED_BY_COMMA).fullmatch(
            number
        )
        return _joined(grouped[1], None) if grouped and grouped[2] is None else None
    if _TWO_MEANINGS.fullmatch(number):
        return None
    grouped = _GROUPED_BY_COMMA.fullmatch(number) or _GROUPED_BY_POINT.fullmatch(number)
    if grouped:
        return _joined(grouped[1], grouped[2])
    single = _ONE_SEPARATOR.fullmatch(number)
    return f"{single[1] or '0'}.{single[2]}" if single else None


def _joined(groups: str, decimals: str | None) -> str:
    whole = re.sub("[^0-9]", "", groups)
    return f"{whole}.{decimals}" if decimals else whole
