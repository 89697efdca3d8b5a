"""The German catalogue has every text, and says in German what the English says."""

from __future__ import annotations

import gettext as gettext_module
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.catalogues import (
    BASE_DIR,
    CATALOGUES,
    GERMAN,
    LIBRARIES,
    Key,
    compiled,
    german,
    read_catalogue,
    texts_in_python,
    texts_in_template,
    texts_of_the_product,
)

REMEDY = (
    "run the two commands of docs/operations.md, “Languages”, and translate what is empty or fuzzy"
)


def test_texts_are_found_where_gettext_finds_them() -> None:
    assert list(texts_in_python('gettext_lazy("a " "b") + ngettext("c", "d", n)')) == [
        Key("", "a b"),
        Key("", "c", "d"),
    ]
    template = (
        """{% translate "It's one" %} {{ a|default:_("two") }} {% translate "x" context "y" %}"""
        "{% blocktranslate trimmed count n=n %}\n {{ n }} of\n 1%"
        "{% plural %}more{% endblocktranslate %}"
    )
    assert set(texts_in_template(template)) == {
        Key("", "It's one"),
        Key("", "two"),
        Key("y", "x"),
        Key("", "%(n)s of 1%%", "more"),
    }
    assert len(texts_of_the_product()) > 1000


# --- The catalogue -------------------------------------------------------------------------------


def test_every_text_is_translated() -> None:
    done = {entry.key for entry in german() if all(entry.forms) and not entry.is_fuzzy}
    assert sorted(texts_of_the_product() - done) == [], REMEDY


def test_every_translation_is_of_a_text() -> None:
    assert sorted({entry.key for entry in german()} - texts_of_the_product()) == [], REMEDY


def test_no_text_is_translated_twice() -> None:
    counts = Counter((entry.key.context, entry.key.text) for entry in german())
    assert [key for key, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: str(path.relative_to(BASE_DIR)))
def test_what_is_compiled_is_what_is_written(path: Path) -> None:
    with path.with_suffix(".mo").open("rb") as file:
        found: dict[Any, str] = gettext_module.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    found[""] = re.sub("(?m)^POT-.*\n", "", found[""])
    expected = compiled(read_catalogue(path))
    expected[""] = re.sub("(?m)^POT-.*\n", "", expected[""])  # msgfmt may drop it
    assert found == expected, REMEDY


def test_every_catalogue_is_checked() -> None:
    assert len(CATALOGUES) == 3
    assert [path.with_suffix(".po") for path in sorted((BASE_DIR / "locale").rglob("*.mo"))] == (
        CATALOGUES
    )


PLACEHOLDER = re.compile(r"%\(\w+\)\w|%%|%[sd]|\{\w*\}|\*\*")
TAG = re.compile(r"</?\w[^>]*>")


def differences(english: str, translated: str) -> list[str]:
    """In what a translation differs that must be as in the English."""
    found = []
    for what, pattern in (("placeholder", PLACEHOLDER), ("tag", TAG)):
        if Counter(pattern.findall(english)) != Counter(pattern.findall(translated)):
            found.append(what)
    for what, pattern in (
        ("end", re.compile(r"[.…:?!]?$")),
        ("space at the end", re.compile(r"^\s*|\s*$")),
    ):
        if pattern.findall(english) != pattern.findall(translated):
            found.append(what)
    return found


def test_a_translation_fills_in_what_the_english_does() -> None:
    found = [
        (english, translated, what)
        for path in (GERMAN, LIBRARIES)
        for entry in read_catalogue(path)[1:]
        for english, translated in entry.pairs
        for what in differences(english, translated)
        if what != "end" or path == GERMAN
    ]
    assert found == []


@pytest.mark.parametrize(
    ("english", "translated", "what"),
    [
        ("%(count)s of %(total)s", "%(count)s von %(count)s", ["placeholder"]),
        ("%(percent)s%%", "%(percent)s %", ["placeholder"]),
        ("<b>all</b>", "<b>alle<b>", ["tag"]),
        ("Delete …", "Löschen", ["end"]),
        ("All. ", "Alle.", ["end", "space at the end"]),
        ('<a href="%(url)s">all</a>.', 'Alle: <a href="%(url)s">hier</a>.', []),
    ],
)
def test_a_difference_is_found(english: str, translated: str, what: list[str]) -> None:
    assert differences(english, translated) == what


# --- Its words -----------------------------------------------------------------------------------

CODE = re.compile(r"%\(\w+\)s|<[^>]*>|https?://\S+|\w+[._/=]\S*|“(?:processed|failed)“")
ENGLISH = re.compile(r"\b(the|and|of|with|is|are|from|not|this|that|it|you|your|be|by|or)\b")
SAME_IN_GERMAN = {
    "ads manager conversions conversions api set up api": "the way through Pinterest's menus",
    "female male non binary": "values that are sent",
    "conversion token ads manager conversions": "names",
    "csrf trusted origins": "the names of settings",
}
"""Words in a row that both languages have → why."""
OTHER_TERMS = re.compile(
    r"\b(Ereignis\w*|Stapel\w*|Lieferung\w*|Identitätsspeicher\w*|Identity|Zugriffstoken\w*"
    r"|Write[- ]?[Kk]ey|Retry|Replay|Wiederholung\w*|[Ss]ichern|Login|einloggen|ausloggen"
    r"|du|dir|dich|dein\w*)\b"
)
RIGHTLY_OTHER = {"Wiederherstellungscodes sichern": "they are kept elsewhere, not stored here"}
QUOTES = re.compile(r"„[^„“”]*“")


def broken_rules(english: str, translated: str) -> list[str]:
    """What gives a translation away as half done: English in it, another word for a term."""
    english, words = (CODE.sub(" ", text) for text in (english, translated))
    found = ENGLISH.findall(words) if english != words else []
    spoken, said = (re.findall(r"[a-zäöüß']{2,}", text.lower()) for text in (english, words))
    runs = {tuple(said[at : at + 4]) for at in range(len(said) - 3)}
    known = " ".join(SAME_IN_GERMAN)
    found += [
        run
        for at in range(len(spoken) - 3)
        if tuple(spoken[at : at + 4]) in runs
        and (run := " ".join(spoken[at : at + 4])) not in known
    ]
    if translated not in RIGHTLY_OTHER:
        found += OTHER_TERMS.findall(words)
    found += re.findall("[„“”]", QUOTES.sub("", translated))
    return found


def test_no_english_is_left_and_every_term_is_the_same() -> None:
    found = [
        (translated, broken)
        for path in (GERMAN, LIBRARIES)
        for entry in read_catalogue(path)[1:]
        for english, translated in entry.pairs
        if (broken := broken_rules(english, translated))
        and broken != ["or"]  # what is typed: custom (or)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("english", "translated", "broken"),
    [
        ("Send it again later", "Send it again later!", ["it", "send it again later"]),
        ("Discard the event", "Das Ereignis verwerfen", ["Ereignis"]),
        ("Choose “A”", "“A” wählen", ["“", "”"]),
        ("Choose “A”", "„A“ wählen", []),
        ("in context.page.url and so on", "in context.page.url und so weiter", []),
    ],
)
def test_what_is_half_done_is_found(english: str, translated: str, broken: list[str]) -> None:
    assert broken_rules(english, translated) == broken
