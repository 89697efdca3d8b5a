"""How the countries of the world number their phones, from ``tables/phones.txt``.

``bin/make_phones.py`` makes the file from libphonenumber's metadata (Apache License 2.0,
tables/LICENSE-phones). Patterns are compiled once, when a number of their country comes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

_TABLE = Path(__file__).parent / "tables" / "phones.txt"
_MAX_CALLING_CODE = 3


class Country(NamedTuple):
    """One country: ``abroad`` is dialled before a calling code there (00, 011), ``trunk`` before a
    national number (0), which ``rule`` replaces; patterns are regular expressions, "" for none."""

    code: str
    calling_code: str
    abroad: str
    trunk: str
    rule: str
    lengths: frozenset[int]
    national: str

    def is_national(self, digits: str) -> bool:
        """Whether these digits look like a number of this country, without any prefix."""
        return (
            len(digits) in self.lengths and _compiled(self.national).fullmatch(digits) is not None
        )

    def without_trunk(self, digits: str) -> str:
        """The digits without the prefix of national numbers, where they have one."""
        found = _compiled(self.trunk).match(digits) if self.trunk else None
        if found is None or not found.end():
            return digits
        if self.rule:
            if not found.lastindex or found[found.lastindex] is None:
                return digits[found.end() :] if found.lastindex is None else digits
            return found.expand(self.rule) + digits[found.end() :]
        # A group around the whole prefix means that it belongs to the number.
        return digits if found.lastindex and found[1] == found[0] else digits[found.end() :]

    def without_abroad(self, digits: str) -> str | None:
        """What is dialled behind the prefix for calls abroad; None without one."""
        found = _compiled(self.abroad).match(digits) if self.abroad else None
        return digits[found.end() :] if found and found.end() else None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _read() -> dict[str, Country]:
    found = {}
    for line in _TABLE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            code, calling_code, abroad, trunk, rule, lengths, national = (
                "" if cell == "-" else cell for cell in line.split("\t")
            )
            found[code] = Country(
                code,
                calling_code,
                abroad,
                trunk,
                rule.replace("$", "\\"),
                frozenset(map(int, lengths.split(","))),
                national,
            )
    return found


PHONE_COUNTRIES: dict[str, Country] = _read()
"""alpha-2, lower case → how the country numbers its phones."""


def _by_calling_code() -> dict[str, tuple[Country, ...]]:
    found: dict[str, tuple[Country, ...]] = {}
    for country in PHONE_COUNTRIES.values():
        found[country.calling_code] = (*found.get(country.calling_code, ()), country)
    return found


COUNTRIES_OF_CALLING_CODE = _by_calling_code()
"""Calling code → the countries that share it, the main one first."""


def countries_of(digits: str) -> tuple[Country, ...]:
    """The countries whose calling code international digits begin with; none for no such code."""
    for length in range(1, _MAX_CALLING_CODE + 1):
        found = COUNTRIES_OF_CALLING_CODE.get(digits[:length])
        if found:
            return found
    return ()
