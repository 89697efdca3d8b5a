#!/usr/bin/env python3
"""Makes destinations/pinterest/tables/ from Unicode CLDR and the names below.

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
TABLES = ROOT / "destinations" / "pinterest" / "tables"
HEADER = """\
# Made by bin/make_places.py from Unicode CLDR; do not edit. Copyright Unicode, Inc., see LICENSE.
# {}
"""

# Languages in which shops name countries; the official ones of a country are always read for it.
SHOP_LANGUAGES = (
    "ar bg bn bs ca cs cy da de el en es et eu fa fi fil fr ga gl he hi hr hu hy id is it ja ka kk ko lt "
    "lv mk ms mt nb nl no pl pt pt_PT ro ru sk sl sq sr sr_Latn sv sw th tr uk ur uz vi zh zh_Hant es_MX "
    "fr_CA en_GB de_AT de_CH"
)
PARENTS = {"ac": "sh", "ta": "sh", "cp": "fr", "dg": "io", "ea": "es", "ic": "es", "cq": "gg"}
NO_COUNTRIES = {"eu", "ez", "un", "qo", "zz", "xa", "xb"}

# What CLDR does not have: former and short names, official titles, other codes, parts of a country
# that people take for one.
COUNTRY_EXTRAS = """\
lk Ceylon
pg PNG
nz NZ Aotearoa|Aotearoa
ae UAE|Emirates|الإمارات
as American Samoa
ba Bosnia|BIH|Bosnia-Herzegowina|Bosnia & Herz.|Bosnia & Herzegowina|Bosnien
be BEL
bg BUL|Република България
bn Brunei Darussalam
bo Plurinational State of Bolivia
bq Bonaire|Saba|Sint Eustatius|Bonaire, Sint Eustatius and Saba
bs The Bahamas
cc Cocos Islands|Cocos (Keeling) Islands
cd Democratic Republic of the Congo|Democratic Republic of Congo|DR Congo|DRC|Congo (DRC)|Zaire|ZAR|Congo, the Democratic Republic of the|Congo, Dem. Rep.
cg Republic of the Congo|Congo Republic|Congo|Congo, Rep.
ch SUI|Swiss
ci Ivory Coast
cl CHI
cn People's Republic of China|PR China|PRC|P.R.C.|Mainland China|中华人民共和国|中華人民共和國
cv Cape Verde
cz Czech Republic|Czech Rep.
de Federal Republic of Germany|GER|BRD|DDR|DD|Bundesrepublik Deutschland
dk DEN
do Dom. Rep.|Dominican Rep.|República Dominicana
es Balearic Islands|Islas Canarias|Reino de España|Islas Baleares
fi Finnland
fk Falkland Islands (Malvinas)|Malvinas
fm Federated States of Micronesia
fo Faeroe Islands
fr Metropolitan France|FX|République française|French Republic
gb UK|Great Britain|Britain|England|Scotland|Wales|Northern Ireland|United Kingdom of Great Britain and Northern Ireland|ENG|SCO|WLS|NIR|Engeland|Inglaterra|Angleterre|Inghilterra|Schottland|Großbritannien|Grande-Bretagne|Gran Bretaña|Gran Bretagna|Grã-Bretanha|Groot-Brittannië|Wielka Brytania|Anglia|Storbritannien
gm The Gambia
gr EL|GRE|Hellas|Ellada|Hellenic Republic|Ελληνική Δημοκρατία
hk Hong Kong SAR|Hong Kong SAR China|HKSAR|Hong Kong China
hm Heard Island and McDonald Islands
hr CRO
id INA
ie Republic of Ireland|Eire|Irish Republic|Southern Ireland
ir Islamic Republic of Iran|Persia
it Italian Republic|Repubblica Italiana
kn St Kitts and Nevis
kp North Korea|Korea (North)|DPRK|Democratic People's Republic of Korea|Korea, Democratic People's Republic of|N. Korea|N Korea
kr South Korea|Korea (South)|Republic of Korea|Korea, Republic of|ROK|Korea|S. Korea|S Korea|República de Corea|Südkorea
la Lao People's Democratic Republic|Lao PDR|Laos PDR
lv LAT
ly Libyan Arab Jamahiriya|State of Libya
md Republic of Moldova
mf Saint Martin (French part)
mk Macedonia|FYROM|FYR Macedonia|The former Yugoslav Republic of Macedonia|Former Yugoslav Republic of Macedonia
mm Burma|BU
mo Macau SAR|Macao SAR|Macao SAR China|Macau SAR China|Macau China
my MAS
nl Holland|The Netherlands|NED|Kingdom of the Netherlands|Hollande|Holanda|Olanda|Hollanti
pf Tahiti
ph PHI|The Philippines
ps Palestine|State of Palestine|Palestinian Territory|Palestinian Territory, Occupied|Occupied Palestinian Territory
pt POR|Madeira|Azores
pw Belau
re Reunion Island
ro ROM
ru Russian Federation|Российская Федерация
th ประเทศไทย|Siam
sa KSA|السعودية
sh Saint Helena, Ascension and Tristan da Cunha|Ascension|Tristan da Cunha
si SLO
st Sao Tome
sx Sint Maarten (Dutch part)|Saint Martin (Dutch part)|St Maarten|St Martin (Dutch part)
sy Syrian Arab Republic
sz Swaziland
tc Turks and Caicos
tl East Timor|TMP|TP
tr Türkiye|Turkiye|Turkey|Republic of Türkiye
tt Trinidad|Tobago
tw Taiwan|Taiwan, Province of China|Chinese Taipei|TPE|Republic of China|Taiwan ROC|中華民國|台湾|臺灣
tz United Republic of Tanzania
us United States|United States of America|USA|America|The States|US of A|Estados Unidos de América|EEUU|EE. UU.|EUA|États-Unis d'Amérique|Vereinigte Staaten von Amerika|Stati Uniti d'America|Verenigde Staten van Amerika|VS|U.S. of A.|US of America|Etats Unis d'Amerique|EE.UU. de América|Amerika
va Vatican|Holy See|Holy See (Vatican City State)|Vatican City State
vc St Vincent and the Grenadines|St Vincent
ve Bolivarian Republic of Venezuela
vg British Virgin Islands|Virgin Islands, British|Virgin Islands (UK)|BVI
vi US Virgin Islands|United States Virgin Islands|Virgin Islands, U.S.|Virgin Islands (US)|Virgin Islands, US|USVI
vn Viet Nam|VIE
xk Kosovo|XKX|RKS|KOS|Republic of Kosovo|Kosova
za RSA
ye Yemen Arab Republic
"""

# State abbreviations of the press and of the old post, and names without their kind.
SUBDIVISION_EXTRAS = """\
us al Ala
us ak Alas
us az Ariz
us ar Ark
us ca Calif|Cal|Cali
us co Colo
us ct Conn
us de Del
us dc Washington DC|Washington D.C.|D.C.|Washington, District of Columbia
us fl Fla
us hi Hawai'i
us id Ida
us il Ill
us in Ind
us ks Kans|Kan
us ky Ken
us ma Mass
us md Mary
us mi Mich
us mn Minn
us ms Miss
us mt Mont
us ne Nebr|Neb
us nv Nev
us nm N. Mex|N. Mexico|N Mexico
us nh N. Hampshire|N Hampshire
us nj N. Jersey|N Jersey
us ri R. Island|Rhode Is
us nd N. Dak|N. Dakota|No. Dakota|N Dakota
us nc N. Car|N. Carolina|No. Carolina|N Carolina
us sc S. Car|S. Carolina|So. Carolina|S Carolina
us ok Okla
us or Ore|Oreg
us pa Penn|Penna
us sd S. Dak|S. Dakota|So. Dakota|S Dakota
us tn Tenn
us tx Tex
us vt Verm
us va Virg
us wa Wash|Washington State
us wv W. Va|W Virginia|W. Virginia|West Va
us wi Wis|Wisc
us wy Wyo
us ny New York State|NY State
us pr Puerto Rico
us gu Guam
us as American Samoa
us mp Northern Mariana Islands
us vi US Virgin Islands|United States Virgin Islands|Virgin Islands
us um US Minor Outlying Islands
us aa Armed Forces Americas|Armed Forces (the) Americas
us ae Armed Forces Europe|Armed Forces Africa|Armed Forces Canada|Armed Forces Middle East
us ap Armed Forces Pacific
us fm Federated States of Micronesia|Micronesia
us mh Marshall Islands
us pw Palau
ca ab Alta
ca bc Colombie-Britannique|B.C.
ca mb Man
ca nb Nouveau-Brunswick
ca nl Newfoundland|Terre-Neuve-et-Labrador|NF|Nfld
ca ns Nouvelle-Écosse
ca nt Territoires du Nord-Ouest|NWT
ca on Ont
ca pe Île-du-Prince-Édouard|PEI
ca qc Québec|Que|PQ
ca sk Sask
ca yt Yukon|Yukon Territory|Territoire du Yukon
au act A.C.T.|ACT Australia
mx cmx CDMX|DF|D.F.|Distrito Federal|Ciudad de México|Mexico City
mx mex Estado de México|Edomex|Edo. de México|México
br df Distrito Federal
in od OR|Orissa
in ts TG|Telangana
in uk UT|Uttarakhand|Uttaranchal
in cg CT|Chhattisgarh
in py Pondicherry
es md Madrid
es ib Islas Baleares|Illes Balears|Baleares|Balears|Balearic Islands
gb lnd London|Greater London|City of London
jp 13 Tokyo|東京
jp 26 京都
jp 27 大阪
"""

LANGUAGE_EXTRAS = """\
he iw
id in
yi ji
jv jw
ro mo
sr sh
tl fil|Filipino|Tagalog
nb Bokmål
zh Mandarin|Chinese|cmn
pt Brazilian Portuguese
no Norwegian|Norsk
el Greek
"""

CJK_KINDS = re.compile(
    r"(?:特別行政區|特别行政区|壮族自治区|回族自治区|维吾尔自治区|自治区|自治區|特別自治道|省|市|都|府|県|縣|州|"
    r"특별자치시|특별자치도|특별시|광역시|도|시)$"
)
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


# Codes come first: ČR is no name of Costa Rica, but CR is its code.
CODES = -1


class Names:
    """Names of places, claimed in the order in which they are added: what is there first stays."""

    def __init__(self) -> None:
        self.codes: dict[str, str] = {}
        self._level: dict[str, int] = {}
        self._shared: set[str] = set()

    def add(self, code: str, names: Iterable[str], level: int) -> None:
        """Names of one level that two codes claim belong to neither."""
        for name in names:
            folded = fold(name)
            if not folded or (level > 2 and len(folded) < 3 and folded.isascii()):
                continue
            known = self.codes.get(folded)
            if known is None:
                self.codes[folded], self._level[folded] = code, level
            elif known != code and self._level[folded] == level:
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


def extras(text: str, codes: int) -> Iterator[list[str]]:
    for row in text.splitlines():
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
    for code, *more in extras(COUNTRY_EXTRAS, 1):
        names.add(code, [form for name in more for form in variants(name)], 0)
    names.end_level()
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
    for country, part, *more in extras(SUBDIVISION_EXTRAS, 2):
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
    for code, *more in extras(LANGUAGE_EXTRAS, 1):
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
    from destinations.pinterest.place_tables import fold
    from destinations.pinterest.regions import KINDS_OF_SUBDIVISION

    main(Path(sys.argv[1]))
