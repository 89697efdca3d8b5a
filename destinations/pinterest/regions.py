"""Countries and states as people and shops write them → ISO 3166.

The names are in ``place_tables``; this is what stands around them: ``Germany (DE)``, ``US-CA``,
``CA, USA``, ``USA - United States``, flags. What two places could be meant by is neither.
"""

from __future__ import annotations

import re
from hashlib import sha256

from .place_tables import COUNTRY_CODES, LANGUAGE_CODES, SUBDIVISIONS, fold, name_key

_MAX_NAME = 200
_LANGUAGES = frozenset(LANGUAGE_CODES.values())

_PARENTHESIS = re.compile(r"([^()\[\]]*)[(\[]([^()\[\]]+)[)\]]([^()\[\]]*)")
# None of these begins with blanks, of which each would cost a look at all that follow it.
_SEPARATORS = re.compile(r"[,;:/|_\u2013\u2014]+|(?<=\s)-(?=\s)")
_CODE_PAIR = re.compile(r"([A-Za-z]{2,3})(?:\s*[-_:/]\s*([A-Za-z0-9]{1,3})|([0-9]{2}))")
_TURNED_PAIR = re.compile(r"([A-Za-z]{2,3})[-_](US|USA|CA|CAN)", re.IGNORECASE)
_LOCALE = re.compile(r"([a-z]{2})[-_]([A-Z]{2})")
_DIALING_CODE = re.compile(r"\(?\+\s?[0-9][0-9 -]*+\)?\s*+$")
_POSTAL_CODE = re.compile(r"(?<![\s,])[\s,]++[0-9]{5}(?:-[0-9]{4})?\s*+$")
_FORM_OF_STATE = re.compile(
    r"^(?:bundesrepublik|(?:federal|democratic|islamic|peoples|bolivarian)?republicof|(?:united)?kingdomof|stateof|"
    r"commonwealthof|grandduchyof|principalityof|sultanateof|unionof|federationof|republik|republica(?:del?|d[ao])?|"
    r"republique(?:du|dela|de)?|repubblica(?:d[ei](?:lla)?)?)"
)
KINDS_OF_SUBDIVISION = re.compile(
    r"^(?:state|province|region|county|co\.?|district|governorate|prefecture|department|canton|territory|"
    r"commonwealth|municipality|republic|free state|community|autonomous community|emirate|parish|"
    r"provincia|provincie|provinz|region[ea]|departamento|d[eé]partement|estado|comunidad(?: aut[oó]noma)?|"
    r"comunidade|comune|citt[aà] metropolitana|kanton|freistaat|bundesland|pr[aä]fektur|wojew[oó]dztwo|"
    r"[zž]upanija|jude[tț]ul|gobernaci[oó]n|municipio|principado|principality)"
    r"(?: of the| of| de la| de los| del| de| di| du| da| do| des| d[’'])?\s+"
    r"|[\s-]+(?:state|province|prov\.?|region|county|district|governorate|prefecture|department|canton|"
    r"oblast|municipality|territory|voivodeship|krai|republic|emirate|parish|division|"
    r"autonomous (?:community|region|province)|special region|metropolitan (?:region|area)|l[aä]n|fylke|"
    r"kraj|vil[aâ]yeti|ili|megye|[zž]upanija|apskritis|maakond|city|community|chartered community|"
    r"provinsen|provinssi|maakunta|region(?:en)?|do|si|ken|fu|to)$",
    re.IGNORECASE,
)
"""The word for its kind that a subdivision's name has or has not: "Estado de", " Province"."""

COUNTRY_OF_DIGEST: dict[str, str] = {
    sha256(code.encode()).hexdigest(): code for code in set(COUNTRY_CODES.values())
}
"""The digest of a country's code, as ``user_data.country`` has it → the code."""


def country_code(text: str) -> str | None:
    """ISO alpha-2, lower case, of a code or name in any larger language; None when it is
    neither."""
    if len(text) > _MAX_NAME:
        return None
    return COUNTRY_CODES.get(name_key(text)) or _country_among(text)


def _country_among(text: str) -> str | None:
    flag = "".join(
        chr(ord(sign) - 0x1F1E6 + 97) for sign in text if 0x1F1E6 <= ord(sign) <= 0x1F1FF
    )
    if len(flag) == 2 and not fold(text):
        return COUNTRY_CODES.get(flag)
    text = _DIALING_CODE.sub("", text)
    locale = _LOCALE.fullmatch(text.strip())
    if locale and locale[1] in _LANGUAGES and locale[2].lower() in COUNTRY_CODES:
        return COUNTRY_CODES[locale[2].lower()]
    pair = _subdivision_by_code(text)
    if pair:
        return pair[0]
    parenthesis = _PARENTHESIS.fullmatch(text)
    if parenthesis:
        around, inner = f"{parenthesis[1]} {parenthesis[3]}", parenthesis[2]
        if parenthesis[1].strip() and parenthesis[3].strip():
            return _plain_country(around)  # United States (US) Minor Outlying Islands
        return _one_country([f"{inner} {around}"]) or _one_country([around, inner])
    parts = [part for part in _SEPARATORS.split(text) if part.strip()]
    if len(parts) == 2:
        # "Korea, Republic of"
        turned = COUNTRY_CODES.get(fold(f"{parts[1]} {parts[0]}"))
        if turned:
            return turned
        # "Georgia, USA"
        last = _plain_country(parts[1])
        if last and fold(parts[0]) in SUBDIVISIONS.get(last, ()):
            return last
    return _one_country(parts)


def _plain_country(text: str) -> str | None:
    name = name_key(text)
    return COUNTRY_CODES.get(name) or COUNTRY_CODES.get(_FORM_OF_STATE.sub("", name))


def _one_country(parts: list[str]) -> str | None:
    """The country that all the parts that name one agree on."""
    found = {code for part in parts if (code := _plain_country(part))}
    return found.pop() if len(found) == 1 else None


def state_code(text: str, country: str | None) -> str | None:
    """The part of a subdivision's ISO 3166-2 code behind the country's, lower case.

    ``country``: the event's, alpha-2, None when it has none that is known. US states and Canadian
    provinces are known without it. A region of another country that ISO does not list stays as it
    is, lower-cased; what is no state of the US or Canada, and of no known country, is None.
    """
    if len(text) > _MAX_NAME:
        return None
    countries = _COUNTRIES_TO_ASK.get(country, (country,)) if country else _COUNTRIES_TO_ASK["us"]
    name = fold(text)
    for one in countries:
        part = SUBDIVISIONS.get(one, _NONE).get(name)
        if part:
            return part
    pair = _subdivision_by_code(text) or _subdivision_by_turned_code(text)
    if pair:
        return pair[1]
    part = _part_among(text, countries)
    if part:
        return part
    if not country:
        return _CODES_ANYWHERE.get(name) or _NAMES_ANYWHERE.get(name) or None
    if country in _COUNTRIES_TO_ASK:
        return None
    # As it is, where ISO 3166-2 does not know the region; a US state stays one whatever the
    # country.
    return next(
        (part for one in ("us", "ca") if (part := SUBDIVISIONS[one].get(name)) and len(name) > 2),
        text.lower() if name else None,
    )


_COUNTRIES_TO_ASK: dict[str, tuple[str, ...]] = {"us": ("us", "ca"), "ca": ("ca", "us")}
_NONE: dict[str, str] = {}


def _subdivision_by_code(text: str) -> tuple[str, str] | None:
    """Country and part of a whole ISO 3166-2 code: US-CA, US:CA, USA/CA, JP13."""
    pair = _CODE_PAIR.fullmatch(text.strip())
    if pair is None:
        return None
    country, part = COUNTRY_CODES.get(pair[1].lower()), (pair[2] or pair[3]).lower()
    if country and SUBDIVISIONS.get(country, _NONE).get(part) == part:
        return country, part
    return None


def _subdivision_by_turned_code(text: str) -> tuple[str, str] | None:
    """The same the other way round, for the US and Canada: CA-US."""
    turned = _TURNED_PAIR.fullmatch(text.strip())
    return _subdivision_by_code(f"{turned[2]}-{turned[1]}") if turned else None


def _part_among(text: str, countries: tuple[str, ...]) -> str | None:
    """The one subdivision that a decorated name has in it: "California (CA)", "CA, USA", "NY
    State"."""
    bare = _POSTAL_CODE.sub("", text)
    parenthesis = _PARENTHESIS.fullmatch(bare)
    if parenthesis:
        parts = [f"{parenthesis[1]} {parenthesis[3]}", parenthesis[2]]
    else:
        parts = _SEPARATORS.split(bare)
    for without_kind in (False, True):
        found = set()
        for part in parts:
            name = fold(KINDS_OF_SUBDIVISION.sub("", part.strip()) if without_kind else part)
            for country in countries:
                code = SUBDIVISIONS.get(country, _NONE).get(name)
                if code:
                    found.add(code)
                    break
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def _anywhere() -> tuple[dict[str, str], dict[str, str]]:
    """Codes and names that mean the same part wherever they are found."""
    codes: dict[str, str] = {}
    names: dict[str, str] = {}
    for parts in SUBDIVISIONS.values():
        for name, part in parts.items():
            if name == part:
                if not part.isdecimal():
                    codes[part] = part
            else:
                names[name] = part if names.get(name, part) == part else ""
    return codes, names


_CODES_ANYWHERE, _NAMES_ANYWHERE = _anywhere()
