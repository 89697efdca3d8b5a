"""Every word that the admin shows can be translated: none stands bare in a template or in
Python."""

from __future__ import annotations

import ast
import gettext as gettext_module
import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.template import engines
from django.test import Client
from django.utils import translation
from django.utils.translation import trans_real

from deliveries.engine.dispatch import deliver_batch
from destinations.snippets import SNIPPETS
from pinterest_sandbox.sandbox import Sandbox
from tests.factories import make_deliveries, make_destination

BASE_DIR = Path(__file__).resolve().parent.parent
TEMPLATES = [
    path
    for folder in ("admin", "relay", "unfold")
    for path in sorted((BASE_DIR / "templates" / folder).rglob("*.html"))
]
MODULES = [
    path
    for folder in (
        "accounts",
        "admin_base",
        "capi_project",
        "deliveries",
        "destinations",
        "launcher",
    )
    for path in sorted((BASE_DIR / folder).glob("*.py"))
]

# --- Templates -----------------------------------------------------------------------------------

TOKEN = re.compile(
    r"(\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|<(?:[^<>{]|\{%.*?%\}|\{\{.*?\}\}|\{(?![%{]))*>)", re.DOTALL
)
SHOWN_ATTRIBUTE = re.compile(r'\b(?:title|alt|placeholder|aria-label)="((?:\{%.*?%\}|[^"])*)"')
TRANSLATED = re.compile(r"\{% blocktranslate.*?\{% endblocktranslate %\}", re.DOTALL)
NOT_WORDS = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|&\w+;", re.DOTALL)
NEVER_TRANSLATED = {
    "CAPI Relay": "the product's name",
    "relay-log": "a class name, in the block of the body's classes",
}


def bare_words(template: str) -> list[tuple[int, str]]:
    """(line, text) of what a template shows to a person without asking the catalogue."""
    found = []
    line, is_icon, code_depth = 1, False, 0
    # What is in a blocktranslate is translated as a whole; its lines still count.
    template = TRANSLATED.sub(lambda match: "\n" * match[0].count("\n"), template)
    for token in TOKEN.split(template):
        if token.startswith("<"):
            is_icon = "material-symbols-outlined" in token
            if re.match(r"</?(code|pre)\b", token):
                code_depth += -1 if token.startswith("</") else 1
            for text in SHOWN_ATTRIBUTE.findall(token):
                if re.search("[A-Za-z]", NOT_WORDS.sub("", text)):
                    found.append((line, text))
        elif not token.startswith(("{%", "{{", "{#")) and not is_icon and not code_depth:
            text = NOT_WORDS.sub("", token).strip()
            if re.search("[A-Za-z]", text) and text not in NEVER_TRANSLATED:
                before = token[: len(token) - len(token.lstrip())]
                found.append((line + before.count("\n"), text))
        for literal in re.findall(r'(?:\bdefault:|\b(?!class=)\w+=)"([^"]*)"', token):
            # A word handed on by a tag or a filter; {% include … with key="sent" %} is none.
            if token.startswith(("{%", "{{")) and re.search(r"[A-Za-z].* |[A-Z]", literal):
                found.append((line, literal))
        line += token.count("\n")
    return found


def test_templates_show_no_word_past_the_catalogue() -> None:
    found = [
        f"{path.relative_to(BASE_DIR)}:{line}: {text}"
        for path in TEMPLATES
        for line, text in bare_words(path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("<p>\nNothing here</p>", [(2, "Nothing here")]),
        ('<p>{% translate "Nothing here" %}</p>', []),
        ("{% blocktranslate %}{{ n }}\nof <b>all</b>{% endblocktranslate %}<p>x</p>", [(2, "x")]),
        ('<input placeholder="All">', [(1, "All")]),
        ('<input placeholder="{% translate "All" %}" title="{{ a }}">', []),
        ('<i class="material-symbols-outlined" aria-hidden="true">delete</i>', []),
        ("<code>context.ip</code> {{ a }} · {% if b %}&amp;{% endif %}", []),
        ('{{ name|default:"deleted destination" }}', [(1, "deleted destination")]),
        ('{{ name|default:_("deleted destination") }}', []),
        (
            '{% include "a.html" with key="sent" subtitle="as it went out" %}',
            [(1, "as it went out")],
        ),
    ],
)
def test_a_bare_word_in_a_template_is_found(template: str, found: list[tuple[int, str]]) -> None:
    assert bare_words(template) == found


def test_every_template_can_be_read() -> None:
    for path in TEMPLATES:
        engines["django"].get_template(str(path.relative_to(BASE_DIR / "templates")))


# --- Python --------------------------------------------------------------------------------------

SHOWN_ARGUMENTS = {"verbose_name", "verbose_name_plural", "help_text", "label", "description"}
SHOWN_NAMES = SHOWN_ARGUMENTS | {"title", "empty_title", "empty_text", "search_placeholder"}
SHOWN_KEYS = {"title", "SITE_SUBHEADER"}
MESSAGE_LEVELS = {"success", "info", "warning", "error"}
HTML = re.compile(r"<[^>]*>|\{[^}]*\}")


def bare_literals(source: str) -> list[tuple[int, str]]:
    """(line, text) of literals in places whose text a person sees."""
    return sorted(
        (text.lineno, ast.unparse(text))
        for node in ast.walk(ast.parse(source))
        for text in _shown(node)
        if _is_bare(text)
    )


def _shown(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions below ``node`` that are shown as they are."""
    if isinstance(node, ast.keyword) and node.arg in SHOWN_ARGUMENTS:
        yield node.value
    elif isinstance(node, ast.ClassDef):
        for line in node.body:
            if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
                if line.targets[0].id in SHOWN_NAMES:
                    yield line.value
                elif any(
                    ast.unparse(base).endswith(("TextChoices", "IntegerChoices"))
                    for base in node.bases
                ):
                    yield from line.value.elts[1:] if isinstance(line.value, ast.Tuple) else ()
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value in SHOWN_KEYS:
                yield value
    elif isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        if name.partition(".")[0] == "messages" and name.rpartition(".")[2] in MESSAGE_LEVELS:
            yield from node.args[1:2]
        elif name in ("ValidationError", "_entry"):
            yield from node.args[:1]
        elif name == "show_badge":
            yield from node.args[2:3]
        elif name.endswith(".add_error"):
            yield from node.args[1:2]
        elif name in ("format_html", "format_html_join"):
            yield from (text for text in node.args[:1] if _has_words_beside_html(text))


def _has_words_beside_html(text: ast.expr) -> bool:
    return isinstance(text, ast.Constant) and bool(re.search("[A-Za-z]", HTML.sub("", text.value)))


def _is_bare(text: ast.expr) -> bool:
    """A literal with letters, alone, chosen by a condition, joined or filled in."""
    if isinstance(text, ast.IfExp):
        return _is_bare(text.body) or _is_bare(text.orelse)
    if isinstance(text, ast.BinOp):
        return _is_bare(text.left) or _is_bare(text.right)
    if isinstance(text, ast.BoolOp):
        return any(_is_bare(value) for value in text.values)
    if isinstance(text, ast.JoinedStr):
        return any(_is_bare(part) for part in text.values)
    return (
        isinstance(text, ast.Constant)
        and isinstance(text.value, str)
        and bool(re.search("[A-Za-z]", text.value))
    )


def test_python_shows_no_word_past_the_catalogue() -> None:
    found = [
        f"{path.relative_to(BASE_DIR)}:{line}: {text}"
        for path in MODULES
        if path.name != "settings.py"  # its titles are those of the ingest API's description
        for line, text in bare_literals(path.read_text("utf-8"))
        if (path.name, text) != ("apps.py", "'capi_project'")  # Django's name for the app
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        'Field(help_text="A site.")',
        'class A:\n    verbose_name = "source"',
        'class A(models.TextChoices):\n    ON = "on", "On"',
        '@display(description="Time")\ndef shown(): ...',
        'context = {"title": "Discard" if a else b}',
        'messages.success(request, f"{count} discarded.")',
        "format_html('<b class=\"x\">of {}</b>', n)",
        'raise ValidationError("No.")',
        'show_badge("dead", "cancel", "Off")',
    ],
)
def test_a_bare_literal_is_found(source: str) -> None:
    assert len(bare_literals(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        'Field(help_text=gettext_lazy("A site."))',
        'class A(models.TextChoices):\n    ON = "on", gettext_lazy("On")',
        'messages.success(request, gettext("%(count)s discarded.") % {"count": count})',
        "format_html('<b class=\"x\">{}</b>', n)",
        'form.add_error("name", gettext("No."))',
    ],
)
def test_what_is_looked_up_is_not_bare(source: str) -> None:
    assert bare_literals(source) == []


def test_no_text_is_filled_in_before_it_is_looked_up() -> None:
    """gettext(f"…") asks the catalogue for something that it cannot have."""
    found = [
        f"{path.relative_to(BASE_DIR)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("gettext", "gettext_lazy", "gettext_noop", "ngettext")
        and isinstance(node.args[0], ast.JoinedStr | ast.BinOp)
    ]
    assert found == []


# --- Pages in a made-up language -----------------------------------------------------------------

MADE_UP = "eo"
TAG = re.compile(r"""<(?:[^<>"']|"[^"]*"|'[^']*')*>""")
INNERMOST = re.compile(r"⟦[^⟦⟧]*⟧")
UNTRANSLATED = {
    "admin@example.com",  # who is signed in
    "admin",
    "CAPI Relay",
    "Shop",
    "Pinterest",
    "Order Completed",  # from here on: what the sender wrote, and Pinterest's own words about it
    "track",
    "message-",
    "checkout",
    "click_id is missing",
    "properties.total",
    "CSV",  # from here on: names of formats, tools and keys
    "JSONL",
    "curl",
    "esc",
    *(title for _, title, _ in SNIPPETS),
}


class Catalogue(gettext_module.NullTranslations):
    """Every message, in brackets."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧" if message else ""

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"

    def pgettext(self, context: str, message: str) -> str:
        return self.gettext(message)

    def npgettext(self, context: str, msgid1: str, msgid2: str, n: int) -> str:
        return self.ngettext(msgid1, msgid2, n)

    def language(self) -> str:
        return MADE_UP

    to_language = language


@pytest.fixture
def made_up_language(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    settings.LANGUAGES = [*settings.LANGUAGES, (MADE_UP, "Made up")]
    settings.LANGUAGE_CODE = MADE_UP
    known = {**trans_real._translations, MADE_UP: Catalogue()}
    monkeypatch.setattr(trans_real, "_translations", known)
    with translation.override(MADE_UP):
        yield


def words_past_the_catalogue(page: str) -> set[str]:
    """What the page shows outside the brackets and is no name, number or code."""
    for markup in ("script", "style", "pre", "code", "textarea", "time"):
        page = re.sub(rf"<{markup}\b.*?</{markup}>", " ", page, flags=re.DOTALL)
    page = re.sub(
        r"<span[^>]*material-symbols-outlined[^>]*>.*?</span>", " ", page, flags=re.DOTALL
    )
    while INNERMOST.search(page):
        page = INNERMOST.sub(" ", page)
    shown = SHOWN_ATTRIBUTE.findall(page) + TAG.split(page)
    found = set()
    for text in map(unescape, shown):
        for name in sorted(UNTRANSLATED, key=len, reverse=True):
            text = text.replace(name, " ")
        if re.search("[A-Za-z]{2,}", text):
            found.add(" ".join(text.split()))
    return found


@pytest.mark.django_db
@pytest.mark.usefixtures("made_up_language")
def test_the_main_pages_take_their_words_from_the_catalogue(
    admin_client: Client, sandbox: Sandbox
) -> None:
    destination = make_destination(name="Pinterest 1")
    (delivery,) = make_deliveries(destination)
    deliver_batch(destination.pk)
    pages = {
        "/admin/": "⟦Delivery rate⟧",
        "/admin/deliveries/delivery/": "⟦Search⟧",
        f"/admin/deliveries/delivery/{delivery.pk}/change/": "⟦Other deliveries of this event⟧",
        f"/admin/destinations/destination/{destination.pk}/change/": "⟦What to send⟧",
        f"/admin/destinations/source/{destination.sources.get().pk}/change/": "⟦Connect⟧",
        "/admin/deliveries/bulkaction/new/replay/": "⟦Which events?⟧",
    }
    past = {}
    for url, expected in pages.items():
        response = admin_client.get(url)
        assert response.status_code == 200, url
        page = response.content.decode()
        assert expected in page, url
        past[url] = words_past_the_catalogue(page)
    assert past == {url: set() for url in pages}


@pytest.mark.django_db
@pytest.mark.usefixtures("made_up_language")
def test_the_scripts_find_their_words_in_the_page(admin_client: Client) -> None:
    page = admin_client.get("/admin/").content.decode()
    found = re.search(r'<script id="relay-words" type="application/json">(.*?)</script>', page)
    assert found is not None
    words: dict[str, Any] = json.loads(found[1])
    asked = {
        key
        for path in (BASE_DIR / "capi_project/static/relay").glob("*.js")
        for key in re.findall(r'\bword\("(\w+)"\)', path.read_text("utf-8"))
    }
    assert words.keys() == asked
    assert words["copied"] == "⟦Copied⟧"
