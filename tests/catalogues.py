"""Reads the catalogues of locale/, and finds the texts that belong in them.

What ``makemessages`` extracts with GNU gettext is found here in Python, so that the tests need
nothing that isn't installed with the product.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from django.utils.translation.template import templatize

BASE_DIR = Path(__file__).resolve().parent.parent
CATALOGUES = sorted((BASE_DIR / "locale").rglob("django.po"))
GERMAN = BASE_DIR / "locale" / "de" / "LC_MESSAGES" / "django.po"
LIBRARIES = BASE_DIR / "locale" / "libraries" / "de" / "LC_MESSAGES" / "django.po"
PACKAGES = (
    "accounts",
    "admin_base",
    "brokers",
    "capi_project",
    "deliveries",
    "destinations",
    "launcher",
    "pinterest_sandbox",
    "webserver",
)


class Key(NamedTuple):
    """What a text is looked up by."""

    context: str
    text: str
    plural: str = ""


class Entry(NamedTuple):
    """One text of a catalogue; ``forms`` are the singular and the plural, or the only one."""

    key: Key
    forms: tuple[str, ...]
    is_fuzzy: bool

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """(English, German)"""
        return list(zip((self.key.text, self.key.plural), self.forms, strict=False))


# --- Reading catalogues --------------------------------------------------------------------------


@cache
def read_catalogue(path: Path) -> tuple[Entry, ...]:
    """All entries of a .po file, the header first; those marked as obsolete are none."""
    entries = []
    for block in path.read_text("utf-8").split("\n\n"):
        fields: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if found := re.match(r'(msg\w+(?:\[\d\])?) (".*")$', line):
                name = found[1]
                fields[name] = ast.literal_eval(found[2])
            elif line.startswith('"'):
                fields[name] += ast.literal_eval(line)
        if fields:
            entries.append(
                Entry(
                    Key(fields.get("msgctxt", ""), fields["msgid"], fields.get("msgid_plural", "")),
                    tuple(text for key, text in fields.items() if key.startswith("msgstr")),
                    any(line.startswith("#,") and "fuzzy" in line for line in block.splitlines()),
                )
            )
    return tuple(entries)


def german() -> tuple[Entry, ...]:
    return read_catalogue(GERMAN)[1:]


def compiled(entries: tuple[Entry, ...]) -> dict[Any, str]:
    """What ``msgfmt`` makes of them, as Python's gettext reads it."""
    texts: dict[Any, str] = {}
    for entry in entries:
        if entry.is_fuzzy or not all(entry.forms):
            continue
        name = "\x04".join(filter(None, (entry.key.context, entry.key.text)))
        if entry.key.plural:
            texts |= {(name, number): form for number, form in enumerate(entry.forms)}
        else:
            texts[name] = entry.forms[0]
    return texts


# --- Finding the texts ---------------------------------------------------------------------------

CALL = re.compile(
    r"""(?<![\w.])(n?p?gettext|_)\(\s*
        ((?:u?'(?:[^'\\]|\\.)*'|u?"(?:[^"\\]|\\.)*"|\s*,\s*)+)""",
    re.VERBOSE | re.DOTALL,
)
SHAPES: dict[str, Callable[..., Key]] = {
    "gettext": lambda text, *_: Key("", text),
    "_": lambda text, *_: Key("", text),
    "ngettext": lambda text, plural, *_: Key("", text, plural),
    "pgettext": lambda context, text, *_: Key(context, text),
    "npgettext": lambda context, text, plural, *_: Key(context, text, plural),
}


def texts_in_python(source: str) -> Iterator[Key]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = re.sub("_(lazy|noop)$", "", ast.unparse(node.func).rpartition(".")[2])
            texts = [one.value for one in node.args if isinstance(one, ast.Constant)]
            if name in SHAPES and texts and isinstance(texts[0], str):
                yield SHAPES[name](*texts)


def texts_in_template(source: str) -> Iterator[Key]:
    for name, arguments in CALL.findall(templatize(source)):
        texts = ast.literal_eval(f"({arguments.strip().rstrip(',')},)")
        yield SHAPES[name](*texts)


@cache
def texts_of_the_product() -> frozenset[Key]:
    found: set[Key] = set()
    for package in PACKAGES:
        for path in (BASE_DIR / package).rglob("*.py"):
            found.update(texts_in_python(path.read_text("utf-8")))
    for folder in (*PACKAGES, "templates"):
        for path in (BASE_DIR / folder).rglob("*.html"):
            found.update(texts_in_template(path.read_text("utf-8")))
    return frozenset(found)
