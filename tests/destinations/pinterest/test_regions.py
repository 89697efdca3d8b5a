"""Countries and states by code, by name in many languages, and with what people write around
them."""

from __future__ import annotations

import unicodedata
from hashlib import sha256

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from destinations.pinterest.place_tables import COUNTRY_CODES, SUBDIVISIONS, fold
from destinations.pinterest.regions import COUNTRY_OF_DIGEST, country_code, state_code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Deutschland", "de"),
        ("Myanmar (Burma)", "mm"),
        ("United Kingdom (UK)", "gb"),
        ("Belau", "pw"),
        ("GB-ENG", "gb"),
        ("Kosovo", "xk"),
        ("USA - United States", "us"),
        ("US-CA", "us"),
        ("🇩🇪", "de"),
        ("🇩🇪 Germany", "de"),
        ("Germany (DE)", "de"),
        ("(DE) Germany", "de"),
        ("DE - Germany", "de"),
        ("en-US", "us"),
        ("pt-BR", "br"),
        ("de-AT", "at"),
        ("DE-AT", None),
        ("US:CA", "us"),
        ("Georgia, USA", "us"),
        ("California, USA", "us"),
        ("Germany, Austria", None),
        ("Korea, Republic of", "kr"),
        ("Korea (South)", "kr"),
        ("Samoa (American)", "as"),
        ("Guinea (Equatorial)", "gq"),
        ("Ireland (Northern)", "gb"),
        ("Bolivia, Plurinational State of", "bo"),
        ("Saint Martin (Dutch part)", "sx"),
        ("St. Martin (French part)", "mf"),
        ("Congo (Kinshasa)", "cd"),
        ("Congo (Brazzaville)", "cg"),
        ("Congo, The Democratic Republic of the", "cd"),
        ("Virgin Islands (British)", "vg"),
        ("Virgin Islands", None),
        ("United States (+1)", "us"),
        ("Germany +49", "de"),
        ("840", "us"),
        ("276", "de"),
        ("Republic of Austria", "at"),
        ("Kingdom of Spain", "es"),
        ("Commonwealth of Australia", "au"),
        ("República Argentina", "ar"),
        ("Republik Österreich", "at"),
        ("Repubblica Italiana", "it"),
        ("République française", "fr"),
        ("xx", None),
        ("zz", None),
        ("EU", None),
        ("Europe", None),
        ("Unknown", None),
        ("12345", None),
        ("USA*", "us"),
        ("U.S.", "us"),
        ("u.k.", "gb"),
        ("The Gambia", "gm"),
        ("Macedonia, the former Yugoslav Republic of", "mk"),
        ("Moldova, Republic of", "md"),
        ("Taiwan, Province of China", "tw"),
        ("Lao PDR", "la"),
        ("Viet Nam", "vn"),
        ("Russian Federation", "ru"),
        ("Россия", "ru"),
        ("Россия (Russia)", "ru"),
        ("中国", "cn"),
        ("日本", "jp"),
        ("Estados Unidos (US)", "us"),
        ("Etats Unis", "us"),
        ("Osterreich", "at"),
        ("Oesterreich", "at"),
        ("Suomi/Finland", "fi"),
        ("Belgium / Belgique / België", "be"),
        ("Hong Kong (SAR China)", "hk"),
        ("Hongkong", "hk"),
        ("S. Korea", "kr"),
        ("N. Korea", "kp"),
        ("Czech Rep.", "cz"),
        ("Dominican Rep.", "do"),
        ("Bosnia & Herzegowina", "ba"),
        ("Bosnia", "ba"),
        ("Trinidad & Tobago", "tt"),
        ("GER", "de"),
        ("NED", "nl"),
        ("SUI", "ch"),
        ("Northern Ireland", "gb"),
        ("United Kingdom - England", "gb"),
        ("Channel Islands", None),
        ("Canary Islands", "es"),
        ("Islas Canarias", "es"),
        ("IC", "es"),
        ("Curacao", "cw"),
        ("Reunion", "re"),
        ("Ivory Coast (Côte d'Ivoire)", "ci"),
        ("Cote D'Ivoire", "ci"),
        ("Swaziland", "sz"),
        ("Eswatini", "sz"),
        ("Eswatini (Swaziland)", "sz"),
        ("Cabo Verde", "cv"),
        ("Timor-Leste", "tl"),
        ("Palestine, State of", "ps"),
        ("Vatican", "va"),
        ("Vatican City", "va"),
        ("Vatican City State (Holy See)", "va"),
        ("Micronesia", "fm"),
        ("Brasil (BR)", "br"),
        ("US of America", "us"),
        ("united  states", "us"),
        ("USA, United States of America", "us"),
        ("United States Of America (USA)", "us"),
        ("Great-Britain", "gb"),
        ("Royaume Uni", "gb"),
        ("Libyan Arab Jamahiriya", "ly"),
        ("Syria", "sy"),
        ("Burkina Faso", "bf"),
        ("Niger", "ne"),
        ("Åland Islands", "ax"),
        ("Aland", "ax"),
        ("São Tomé & Príncipe", "st"),
        ("Wales", "gb"),
        ("El Salvador", "sv"),
        ("Papua New Guinea", "pg"),
        ("PNG", "pg"),
        ("New-Zealand", "nz"),
        ("N. Zealand", None),
        ("CHE", "ch"),
        ("Korea", "kr"),
        (
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            None,
        ),
        ("?", None),
        ("Áo", "at"),
        ("Kongo", None),
        ("ＵＳ", "us"),
        ("United States (US) Minor Outlying Islands", "um"),
        ("Slovak Republic", "sk"),
        ("", None),
        ("usa", "us"),
        ("COTE D'IVOIRE", "ci"),
        ("the netherlands", "nl"),
    ],
)
def test_a_country_is_known_by_code_and_name(text: str, code: str | None) -> None:
    assert country_code(text) == code


@pytest.mark.parametrize(
    ("text", "country", "code"),
    [
        ("US-CA", "us", "ca"),
        ("CA-ON", "us", "on"),
        ("US:CA", "us", "ca"),
        ("Washington, D.C.", "us", "dc"),
        ("Washington DC", "us", "dc"),
        ("CA, USA", "us", "ca"),
        ("California (CA)", "us", "ca"),
        ("N.Y.", "us", "ny"),
        ("Calif.", "us", "ca"),
        ("CA 94025", "us", "ca"),
        ("State of California", "us", "ca"),
        ("New York State", "us", "ny"),
        ("NY State", "us", "ny"),
        ("Commonwealth of Massachusetts", "us", "ma"),
        ("CA - California", "us", "ca"),
        ("CA/California", "us", "ca"),
        ("california", "us", "ca"),
        ("California, US", "us", "ca"),
        ("California, United States", "us", "ca"),
        ("Los Angeles, CA", "us", "ca"),
        ("Washington, DC", "us", "dc"),
        ("Kansas City, MO", "us", "mo"),
        ("Ontario", "us", "on"),
        ("Bayern", "us", None),
        ("XX", "us", None),
        ("Foo", "us", None),
        ("Foo", None, None),
        ("Bayern", None, "by"),
        ("NSW", None, "nsw"),
        ("Bavaria", "de", "by"),
        ("Bayern", "de", "by"),
        ("BY", "de", "by"),
        ("DE-BY", "de", "by"),
        ("DE-BY", None, "by"),
        ("Freistaat Bayern", "de", "by"),
        ("Baden Württemberg", "de", "bw"),
        ("Baden-Wuerttemberg", "de", "bw"),
        ("Thueringen", "de", "th"),
        ("New South Wales", "au", "nsw"),
        ("N.S.W.", "au", "nsw"),
        ("Tokyo", "jp", "13"),
        ("東京都", "jp", "13"),
        ("東京", "jp", "13"),
        ("JP13", "jp", "13"),
        ("Tokyo-to", "jp", "13"),
        ("Osaka", "jp", "27"),
        ("Osaka Prefecture", "jp", "27"),
        ("İstanbul", "tr", "34"),
        ("Istanbul", "tr", "34"),
        ("TR34", "tr", "34"),
        ("Kowloon", "hk", "kowloon"),
        ("São Paulo", "br", "sp"),
        ("SP", "br", "sp"),
        ("CDMX", "mx", "cmx"),
        ("Ciudad de México", "mx", "cmx"),
        ("Jalisco", "mx", "jal"),
        ("Île-de-France", "fr", "idf"),
        ("Lombardia", "it", "25"),
        ("Milano", "it", "mi"),
        ("MI", "it", "mi"),
        ("Roma", "it", "rm"),
        ("Madrid", "es", "md"),
        ("Barcelona", "es", "b"),
        ("Cataluña", "es", "ct"),
        ("Noord-Holland", "nl", "nh"),
        ("Zuid Holland", "nl", "zh"),
        ("England", "gb", "eng"),
        ("Greater London", "gb", "lnd"),
        ("Co. Dublin", "ie", "d"),
        ("County Dublin", "ie", "d"),
        ("Dublin", "ie", "d"),
        ("Maharashtra", "in", "mh"),
        ("Karnataka", "in", "ka"),
        ("Orissa", "in", "od"),
        ("Québec", "ca", "qc"),
        ("Quebec", "ca", "qc"),
        ("QC", "ca", "qc"),
        ("PEI", "ca", "pe"),
        ("Newfoundland & Labrador", "ca", "nl"),
        ("B.C.", "ca", "bc"),
        ("Florida", "uy", "fd"),
        ("Georgia", "us", "ga"),
        ("Victoria", "au", "vic"),
        ("Wien", "at", "9"),
        ("Zürich", "ch", "zh"),
        ("Zurich", "ch", "zh"),
        ("Kanton Zürich", "ch", "zh"),
        ("Genève", "ch", "ge"),
        ("Mazowieckie", "pl", "14"),
        ("Puerto Rico", "us", "pr"),
        ("AE", "us", "ae"),
        ("Armed Forces Pacific", "us", "ap"),
        ("12", "us", None),
        ("06", "us", None),
        ("-", "us", None),
        ("???", "de", None),
        ("California", "de", "ca"),
        ("Texas", None, "tx"),
        ("Victoria", None, None),
        ("Punjab", "in", "pb"),
        ("Punjab", "pk", "pb"),
        ("Moscow", "ru", "mow"),
        ("Москва", "ru", "mow"),
        ("서울특별시", "kr", "11"),
        ("서울", "kr", "11"),
        ("Seoul", "kr", "11"),
        ("广东省", "cn", "gd"),
        ("广东", "cn", "gd"),
        ("Guangdong", "cn", "gd"),
        ("Michigan (MI)", "us", "mi"),
        ("Ital", "us", None),
        ("D.C.", "us", "dc"),
        ("W. Virginia", "us", "wv"),
        ("N. Carolina", "us", "nc"),
        ("No. Carolina", "us", "nc"),
        ("Pennsylvannia", "us", None),
        ("US-XX", "us", None),
        ("CALIFORNIA, CA", "us", "ca"),
        ("ca-us", "us", "ca"),
        ("CA-US", None, "ca"),
        ("ON-CA", "ca", "on"),
        ("CA", None, "ca"),
        ("Co. Cork", "ie", "co"),
        ("Comté de X", "fr", "comté de x"),
    ],
)
def test_a_state_is_the_part_of_its_iso_code(
    text: str, country: str | None, code: str | None
) -> None:
    assert state_code(text, country) == code


def test_every_country_of_iso_3166_is_there_and_kosovo() -> None:
    codes = set(COUNTRY_CODES.values())
    assert len(codes) == 250
    assert all(COUNTRY_CODES[code] == code for code in codes)
    assert set(COUNTRY_OF_DIGEST) == {sha256(code.encode()).hexdigest() for code in codes}


def test_every_state_and_province_is_there() -> None:
    states = set(SUBDIVISIONS["us"].values())
    assert len(states) == 51 + 6 + 3 + 3  # with territories, armed forces, associated states
    assert len(set(SUBDIVISIONS["ca"].values())) == 13


def test_a_code_is_never_the_name_of_another() -> None:
    for parts in SUBDIVISIONS.values():
        assert all(parts[part] == part for part in set(parts.values()))


@given(name=st.sampled_from(sorted(COUNTRY_CODES)))
def test_a_country_read_twice_is_the_same(name: str) -> None:
    code = country_code(name)
    assert code is not None
    assert country_code(code) == code


DECORATIONS = st.sampled_from(
    ["{}", " {} ", "{}.", "({})", "{0} ({0})", "{0} - {0}", "{0}, {0}", "*{}"]
)


@given(name=st.sampled_from(sorted(COUNTRY_CODES)), decoration=DECORATIONS)
def test_what_stands_around_a_country_changes_nothing(name: str, decoration: str) -> None:
    assert country_code(decoration.format(name)) == COUNTRY_CODES[name]


@given(name=st.sampled_from(sorted(SUBDIVISIONS["us"])), decoration=DECORATIONS)
def test_what_stands_around_a_state_changes_nothing(name: str, decoration: str) -> None:
    code = SUBDIVISIONS["us"][name]
    assert state_code(decoration.format(name), "us") == code
    assert state_code(f"{decoration.format(name)}, USA", "us") == code


@given(name=st.text(max_size=30))
@example(name="\U0001d6e2")  # a capital alpha of mathematics
def test_composed_and_decomposed_names_fold_alike(name: str) -> None:
    forms = [unicodedata.normalize(form, name) for form in ("NFC", "NFD", "NFKC", "NFKD")]
    assert len({fold(form) for form in forms}) == 1


@given(text=st.text(max_size=40), country=st.sampled_from([None, "us", "de", "jp", "xk"]))
def test_anything_is_read_or_not_but_never_fails(text: str, country: str | None) -> None:
    assert country_code(text) in {None, *COUNTRY_CODES.values()}
    code = state_code(text, country)
    assert code is None or code == code.lower()
