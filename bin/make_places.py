#!/usr/bin/env python3
"""Makes destinations/pinterest/tables/ from Unicode CLDR and bin/place_names/.

    npm pack cldr@8.0.0 && tar xzf cldr-8.0.0.tgz
    bin/make_places.py package/3rdparty/cldr

A name that two places share is left out, unless it is the English or the local name of one of them.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
OWN_NAMES = ROOT / "bin" / "place_names"
TABLES = ROOT / "destinations" / "pinterest" / "tables"
HEADER = """\
# Made by bin/make_places.py from Unicode CLDR; do not edit. Copyright Unicode, Inc., see LICENSE.
# {}
"""

# Languages in which shops name countries; the official ones of a country are always read for it.
SHOP_LANGUAGES = (
    "ar bg bn bs ca cs cy da de el en es et eu fa fi fil fr ga gl he hi hr hu hy id is it ja ka "
    "kk ko lt "
    "lv mk ms mt nb nl no pl pt pt_PT ro ru sk sl sq sr sr_Latn sv sw th tr uk ur uz vi zh "
    "zh_Hant es_MX "
    "fr_CA en_GB de_AT de_CH"
)
PARENTS = {"ac": "sh", "ta": "sh", "cp": "fr", "dg": "io", "ea": "es", "ic": "es", "cq": "gg"}
NO_COUNTRIES = {"eu", "ez", "un", "qo", "zz", "xa", "xb"}
# Polish, Danish and others call either of the two so.
AMBIGUOUS_COUNTRIES = ("Kongo",)

# The same words behind Chinese, Japanese and Korean names, which have no blank.
CJK_KINDS = re.compile(
    r"(?:特別行政區|特别行政区|壮族自治区|回族自治区|维吾尔自治区|自治区|自治區|特別自治道|省|市|都|府|県|縣|州|"
    r"특별자치시|특별자치도|특별시|광역시|도|시)$"
)
# How Germans and Scandinavians write these letters without them.
UMLAUTS = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "å": "aa",
        "ø": "oe",
        "Ä": "Ae",
        "Ö": "Oe",
        "Ü": "Ue",
        "Å": "Aa",
    }
)


def variants(name: str) -> Iterator[str]:
    """A name in the ways in which keyboards and habits change it."""
    name = re.sub(r"[²³¹†*]", "", name)
    forms = [name, name.translate(UMLAUTS)]
    for form in tuple(forms):
        for whole, short in (
            ("Saint ", "St "),
            ("Sankt ", "St "),
            ("Santa ", "Sta "),
            (" and ", " "),
        ):
            if whole in form:
                forms.append(form.replace(whole, short))
        forms.append(form.replace("St. ", "Saint "))
        if form.endswith(" Islands"):
            forms += [form.removesuffix("s"), form.removesuffix(" Islands") + " Is"]
    yield from forms


# Codes come first: ČR isn't a name of Costa Rica, but CR is its code.
CODES = -1


class Names:
    """Names of places, claimed in the order in which they are added: what is there first stays."""

    def __init__(self) -> None:
        self.codes: dict[str, str] = {}
        self._level: dict[str, int] = {}
        self._shared: set[str] = set()

    def add(self, code: str, names: Iterable[str], level: int) -> None:
        """Names of one level that two codes claim belong to neither."""
        for folded in dict.fromkeys(key for name in names for key in (name_key(name), fold(name))):
            if not folded or (level > 2 and len(folded) < 3 and folded.isascii()):
                continue
            known = self.codes.get(folded)
            if known is None:
                self.codes[folded], self._level[folded] = code, level
            elif known != code and self._level.get(folded) == level:
                self._shared.add(folded)

    def end_level(self) -> None:
        if self._shared:
            print("left out, because two have it:", *sorted(self._shared))
        for folded in self._shared:
            self.codes[folded] = ""
        self._shared.clear()

    def rows(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for folded, code in sorted(self.codes.items()):
            if code and folded != code:
                found[code].append(folded)
        return found


def parse(path: Path) -> ElementTree.Element:
    return ElementTree.parse(path).getroot()


def display_names(cldr: Path, folder: str, locale: str, kind: str) -> dict[str, list[str]]:
    path = cldr / "common" / folder / f"{locale}.xml"
    found: dict[str, list[str]] = defaultdict(list)
    if path.is_file():
        for entry in parse(path).iterfind(f"localeDisplayNames/*/{kind}"):
            if entry.text and "↑" not in entry.text:
                found[entry.get("type", "").lower()].append(entry.text)
    return found


def official_languages(cldr: Path) -> dict[str, list[str]]:
    """alpha-2 → the languages that are official there, or that most people speak."""
    supplemental = parse(cldr / "common" / "supplemental" / "supplementalData.xml")
    found: dict[str, list[str]] = defaultdict(list)
    for territory in supplemental.iterfind("territoryInfo/territory"):
        for spoken in territory.iterfind("languagePopulation"):
            if spoken.get("officialStatus") or float(spoken.get("populationPercent", 0)) > 50:
                found[territory.get("type", "").lower()].append(spoken.get("type", ""))
    return found


def extras(file_name: str, codes: int) -> Iterator[list[str]]:
    """The rows of one of our own lists: ``codes`` codes, then the names."""
    for row in (OWN_NAMES / file_name).read_text(encoding="utf-8").splitlines():
        if not row.startswith("#"):
            *head, names = row.split(" ", codes)
            yield [*head, *names.split("|")]


def make_countries(cldr: Path, official: dict[str, list[str]]) -> Names:
    names = Names()
    supplemental = parse(cldr / "common" / "supplemental" / "supplementalData.xml")
    english = display_names(cldr, "main", "en", "territory")
    countries = []
    for row in supplemental.iterfind("codeMappings/territoryCodes"):
        code = row.get("type", "").lower()
        if len(code) == 2 and code not in NO_COUNTRIES and code in english:
            target = PARENTS.get(code, code)
            countries.append(code)
            codes = [code, row.get("alpha3"), row.get("numeric")]
            names.add(target, [one for one in codes if one], CODES)
    names.end_level()
    for code, *more in extras("countries.txt", 1):
        names.add(code, [form for name in more for form in variants(name)], 0)
    names.end_level()
    names.codes.update({fold(name): "" for name in AMBIGUOUS_COUNTRIES})
    locales = {
        locale: display_names(cldr, "main", locale, "territory")
        for locale in {
            *SHOP_LANGUAGES.split(),
            *(one for all_of in official.values() for one in all_of),
        }
    }
    for level, chosen in (
        (1, lambda code: ["en"]),
        (2, lambda code: official[code]),
        (3, lambda code: SHOP_LANGUAGES.split()),
    ):
        # "Myanmar (Burma)" is called Myanmar as well, unless that is the whole name of another.
        for shorten in (False, True):
            for code in countries:
                for locale in chosen(code):
                    for name in locales.get(locale, {}).get(code, ()):
                        form = name.partition("(")[0] if shorten else name
                        names.add(PARENTS.get(code, code), variants(form), level * 2 + shorten)
            names.end_level()
    return names


def make_subdivisions(cldr: Path, official: dict[str, list[str]]) -> dict[str, Names]:
    containment = parse(cldr / "common" / "supplemental" / "subdivisions.xml")
    current: set[str] = set()
    for group in containment.iter("subgroup"):
        current |= set(group.get("contains", "").split())
    locales = {"en", *(one for all_of in official.values() for one in all_of)}
    by_locale = {one: display_names(cldr, "subdivisions", one, "subdivision") for one in locales}
    found: dict[str, Names] = defaultdict(Names)
    for identity in sorted(current):
        found[identity[:2]].add(identity[2:], [identity[2:]], CODES)
    for country, part, *more in extras("subdivisions.txt", 2):
        found[country].add(part, more, 0)
    for names in found.values():
        names.end_level()
    # Parts that ISO has withdrawn give their names to today's, where those have the same.
    withdrawn = sorted(set(by_locale["en"]) - current)
    for level, identities, languages in (
        (1, sorted(current), lambda country: ["en"]),
        (2, sorted(current), lambda country: official[country]),
        (3, withdrawn, lambda country: ["en"]),
    ):
        for shorten in (False, True):
            for identity in identities:
                country, part = identity[:2], identity[2:]
                for locale in languages(country):
                    for name in by_locale.get(locale, {}).get(identity, ()):
                        forms = {
                            form
                            for one in variants(name)
                            for form in (shorter(one) if shorten else [one])
                        }
                        target = part
                        if level == 3:
                            target = found[country].codes.get(fold(name)) or part
                            forms.add(part)
                        if not (level == 3 and country in ("us", "ca")):
                            found[country].add(target, forms, level * 2 + shorten)
            for names in found.values():
                names.end_level()
    return found


def shorter(name: str) -> list[str]:
    bare = KINDS_OF_SUBDIVISION.sub("", name)
    return [
        form
        for form in {bare, KINDS_OF_SUBDIVISION.sub("", bare), CJK_KINDS.sub("", name)}
        if form and form != name
    ]


def make_languages(cldr: Path) -> Names:
    names = Names()
    metadata = parse(cldr / "common" / "supplemental" / "supplementalMetadata.xml")
    for code, *more in extras("languages.txt", 1):
        names.add(code, more, 0)
    for alias in metadata.iter("languageAlias"):
        code, old = alias.get("replacement", ""), alias.get("type", "")
        if len(code) == 2 and len(old) in (2, 3):
            names.add(code, [old], 1)
    names.end_level()
    english = display_names(cldr, "main", "en", "language")
    for level, locale_of in ((2, lambda code: "en"), (3, lambda code: code)):
        for code in english:
            if len(code) == 2:
                own = display_names(cldr, "main", locale_of(code), "language")
                names.add(code, own.get(code, ()), level)
        names.end_level()
    return names


def write(name: str, says: str, rows: Iterable[str]) -> None:
    text = HEADER.format(says) + "".join(f"{row}\n" for row in rows)
    (TABLES / name).write_text(text, encoding="utf-8")
    print(f"{name}: {len(text.encode()) // 1024} KB")


def main(cldr: Path) -> None:
    official = official_languages(cldr)
    countries = make_countries(cldr, official)
    write(
        "countries.txt",
        "alpha-2, then the other codes and names of a country, folded.",
        (" ".join([code, *names]) for code, names in sorted(countries.rows().items())),
    )
    write(
        "subdivisions.txt",
        "alpha-2 of a country, part of an ISO 3166-2 code, then its names, folded.",
        (
            " ".join([country, part, *names])
            for country, found in sorted(make_subdivisions(cldr, official).items())
            for part, names in sorted(
                {**{p: [] for p in found.codes.values() if p}, **found.rows()}.items()
            )
        ),
    )
    write(
        "languages.txt",
        "ISO 639-1, then other codes and names of a language, folded.",
        (" ".join([code, *names]) for code, names in sorted(make_languages(cldr).rows().items())),
    )
    shutil.copy(cldr / "LICENSE", TABLES / "LICENSE")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    TABLES.mkdir(exist_ok=True)
    for missing in ("countries.txt", "subdivisions.txt", "languages.txt"):
        (TABLES / missing).touch()
    from destinations.pinterest.place_tables import fold, name_key
    from destinations.pinterest.regions import KINDS_OF_SUBDIVISION

    main(Path(sys.argv[1]))
