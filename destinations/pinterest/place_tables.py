"""Names of countries, their subdivisions and languages → codes, from the files in ``tables/``.

``bin/make_places.py`` makes the files from Unicode CLDR (Unicode License v3, tables/LICENSE) and
from
``bin/place_names/``, what else people write. All names are stored folded; a lookup is one
``dict.get``.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

_TABLES = Path(__file__).parent / "tables"
_MAX_CODE = 3
_LEADING_THE = re.compile(r"the\s+")
# \w leaves out combining marks, so the accents that NFKD split off go with the punctuation.
_NOT_A_LETTER = re.compile(r"[\W_]+")
# Letters that Unicode does not take apart, but people without them on the keyboard do.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"}
)


def fold(name: str) -> str:
    """A name as the tables know it: no case, accents, spaces, punctuation or leading "the"."""
    plain = name.casefold()
    if not plain.isascii():
        # Twice: letters of mathematics become others only when they are taken apart.
        plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", plain).casefold())
    folded = _NOT_A_LETTER.sub("", _LEADING_THE.sub("", plain.replace("&", " and ")))
    return folded if folded.isascii() else folded.translate(_LETTERS)


def name_key(name: str) -> str:
    """What a name is looked up by: folded, unless that would make a code of it.

    Áo is Vietnamese for Austria, and AO the code of Angola.
    """
    key = fold(name)
    if len(key) <= _MAX_CODE and not name.isascii() and key.isascii():
        composed = unicodedata.normalize("NFKC", name).casefold().strip()
        return key if composed.isascii() else _NOT_A_LETTER.sub("", composed) or key
    return key


def _rows(file_name: str) -> list[list[str]]:
    text = (_TABLES / file_name).read_text(encoding="utf-8")
    return [line.split(" ") for line in text.splitlines() if line and line[0] != "#"]


def _read_codes(file_name: str) -> dict[str, str]:
    return {name: code for code, *names in _rows(file_name) for name in (code, *names)}


def _read_subdivisions() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for country, part, *names in _rows("subdivisions.txt"):
        parts = found.setdefault(country, {})
        for name in (part, *names):
            parts[name] = part
    return found


COUNTRY_CODES = _read_codes("countries.txt")
"""ISO 3166-1 codes (alpha-2, alpha-3, numeric) and folded names → alpha-2, lower case."""

SUBDIVISIONS = _read_subdivisions()
"""alpha-2, lower case → the parts of ISO 3166-2 codes and folded names → that part, lower case."""

LANGUAGE_CODES = _read_codes("languages.txt")
"""Three-letter codes of ISO 639-2, old codes and folded names → ISO 639-1."""
