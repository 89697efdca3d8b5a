"""Every sentence that a person sees keeps to the house's words, and no name is a metaphor.

What a person sees: the documentation, templates, every text in the code that has more than one word
(translated or not: pages, messages, help of commands), what scripts print, and the examples of
configuration. Docstrings and comments of the code are for those who work on it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.variables import BASE_DIR

PACKAGES = (
    "accounts",
    "admin_base",
    "benchmarks",
    "brokers",
    "capi_project",
    "deliveries",
    "destinations",
    "launcher",
    "pinterest_sandbox",
    "webserver",
)


class Rule(NamedTuple):
    """``pattern`` ignores case; ``bad`` breaks the rule, ``good`` says the same and does not."""

    pattern: str
    instead: str
    bad: str
    good: str


RULES = (
    Rule(r"\bmend(?:s|ed|ing)?\b", "fix", "Mend the cause.", "Fix the cause."),
    Rule(r"\banew\b", "again", "Counted anew.", "Counted again."),
    Rule(
        r"\bby (?:itself|themselves)\b",
        "automatically, separately",
        "It's sent by itself.",
        "It's sent automatically.",
    ),
    Rule(r"\be-mails?\b", "email", "An e-mail address.", "An email address."),
    Rule(
        r"(?<!there )\b(?:is|are|was|were) no (?!longer\b|more than\b)\w+",
        "isn't (a, valid)",
        "The body is no JSON.",
        "The body isn't JSON, and there is no more to read. It is no longer pending.",
    ),
    Rule(r"\bbegun\b", "started", "Begun at noon.", "Started at noon."),
    Rule(
        r"\b(?:a|an|another|each|every|failed|first|last|next|no|one|per|second|this) try\b"
        r"|\b(?:\d+|after|all|fresh|given|many|more|no|of|these|up|with) tries\b"
        r"|\btries (?:are|at|in|is|left|of|spent|used|were)\b",
        "attempt",
        "The next try comes soon; all tries are used up.",
        "The next attempt comes soon; the worker tries to send, then try again.",
    ),
    Rule(
        r"\b(?:be|been|is|are|was|were|not) taken\b(?! as\b)"
        r"|\btak(?:e|es|ing|en) (?:events?|no events?|deliveries|requests?|lists?)\b"
        r"|\b(?:Pinterest|database|destination|source|relay) (?:takes|took)\b",
        "accepted",
        "The event is not taken: the source takes events of one origin.",
        "The event isn't accepted: it takes a minute. That name is already in use.",
    ),
    Rule(r"\b(?:door)?bells?\b", "wake-up", "Ingest rings a bell.", "Ingest sends a wake-up."),
    Rule(r"\blanes?\b", "queue, circuit breaker", "In its lane.", "In its queue."),
    Rule(r"\bwalk(?:s|ed|ing)?\b", "scan", "A walk through the log.", "A scan of the log."),
    Rule(r"\b(?:roads?|storms?|leash|doors?)\b", "the field's term", "A storm.", "A burst."),
    Rule(
        r"\bswitch(?:es|ed|ing)? (?:it |them |this destination )?(?:on|off)\b"
        r"|\bswitch(?:es)? (?:\w+ ){1,3}(?:on|off)\b",
        "turn on, turn off",
        "Switch test mode on. It is switched off.",
        "Turn test mode on. It's turned off. Switch to the other page.",
    ),
    Rule(
        r"\blog(?:s|ged|ging)? in\b(?! (?:a|its|the)\b)|\b(?:first|two-factor) logins?\b",
        "sign in, two-factor authentication",
        "Log in first.",
        "Sign in first, then open the delivery log in the admin.",
    ),
    Rule(r"\buser name\b", "username", "Your user name.", "Your username."),
    Rule(
        r"\b\w*(?:neighbour|colour|honour|behaviour|favour)\w*\b|\bcatalogues?\b|\blicence\b"
        r"|\b\w*(?:normalis|serialis|organis|recognis|optimis|initialis|summaris)\w+\b",
        "the American spelling",
        "The neighbours are normalised.",
        "The neighbors are normalized.",
    ),
    Rule(r"\d %(?![(\w])", "no space before %", "100 % of them", "100% of them"),
    Rule(r"\bas it (?:is|stands)\b(?! (?:now|stored))", "as is", "Sent as it is.", "Sent as is."),
)
PATTERNS = [re.compile(rule.pattern, re.IGNORECASE) for rule in RULES]

ALLOWED = {("benchmarks/workload.py", "Road"): "the address of a made-up customer"}
"""(file, what is found there) → why it may stay."""


class Text(NamedTuple):
    """A text that a person sees, and where it is."""

    file: str
    line: int
    words: str


# --- Documents, scripts and examples -------------------------------------------------------------

NOT_PROSE = re.compile(r"^```.*?^```|`[^`\n]*`|\]\([^)\s]*\)|<!--.*?-->", re.MULTILINE | re.DOTALL)
WHOLE_FILES = (
    ".env.example",
    "Dockerfile",
    "compose.yaml",
    *(f"bin/{path.name}" for path in sorted((BASE_DIR / "bin").iterdir()) if path.is_file()),
)


def blanked(match: re.Match[str]) -> str:
    """Something that is no word in its place, so that lines keep their numbers."""
    return "‥" + "\n" * match[0].count("\n")


def texts_of_documents() -> Iterator[Text]:
    documents = [*sorted(BASE_DIR.glob("*.md")), *sorted((BASE_DIR / "docs").glob("*.md"))]
    for path in documents:
        # A sentence goes on in the next line, and its rule must not end there.
        prose = NOT_PROSE.sub(blanked, path.read_text("utf-8"))
        name = str(path.relative_to(BASE_DIR))
        start = 1
        for paragraph in re.split(r"(\n\s*\n|\n(?=[-|#\d]))", prose):
            yield Text(name, start, " ".join(paragraph.split()))
            start += paragraph.count("\n")
    for name in WHOLE_FILES:
        for number, line in enumerate((BASE_DIR / name).read_text("utf-8").splitlines(), start=1):
            yield Text(name, number, line)


# --- Templates -----------------------------------------------------------------------------------

UNSEEN = re.compile(
    r"\{#.*?#\}|\{% comment.*?endcomment %\}|<(?:script|style)\b.*?</(?:script|style)>|\{\{.*?\}\}",
    re.DOTALL,
)
ATTRIBUTE = re.compile(r'\b(?:title|alt|placeholder|aria-label|value)="([^"<>{]*)"')


def texts_of_template(source: str) -> Iterator[tuple[int, str]]:
    """(line, text): what stands between tags, in attributes that are shown, in literals of tags."""
    source = UNSEEN.sub(blanked, source)
    for tag in re.finditer(r"\{%.*?%\}", source, re.DOTALL):
        line = source.count("\n", 0, tag.start()) + 1
        for literal in re.findall(r'"([^"]*)"', tag[0]):
            yield line, literal
    for number, line_text in enumerate(re.sub(r"\{%.*?%\}", blanked, source).splitlines(), start=1):
        for text in ATTRIBUTE.findall(line_text):
            yield number, text
        yield number, unescape(re.sub(r"<[^>]*>?|^[^<>]*>", " ", line_text))


def texts_of_templates() -> Iterator[Text]:
    for path in sorted((BASE_DIR / "templates").rglob("*")):
        if path.suffix in (".html", ".txt"):
            for line, words in texts_of_template(path.read_text("utf-8")):
                yield Text(str(path.relative_to(BASE_DIR)), line, " ".join(words.split()))


# --- Code ----------------------------------------------------------------------------------------

SHOWN_DOCSTRINGS = {"pinterest_sandbox/faults.py"}
"""Of modules whose docstring another module shows."""


def docstrings_of(tree: ast.Module) -> set[int]:
    """The ids of nodes that are docstrings, or stand where a text says what the line above is."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def texts_of_code(source: str, *, shows_docstring: bool = False) -> Iterator[tuple[int, str]]:
    """(line, text) of every literal of more than one word; parts of f-strings are joined."""
    tree = ast.parse(source)
    unseen = docstrings_of(tree)
    shows_docstring |= any(
        isinstance(node, ast.Name) and node.id == "__doc__" for node in ast.walk(tree)
    )
    if shows_docstring and (docstring := ast.get_docstring(tree)):
        yield 1, docstring
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "‥" for part in node.values]
            unseen |= {id(part) for part in node.values}
            yield node.lineno, "".join(map(str, parts))
        elif (
            isinstance(node, ast.Constant)
            and id(node) not in unseen
            and isinstance(node.value, str)
            and " " in node.value.strip()
        ):
            yield node.lineno, node.value


def python_files(*folders: str) -> list[Path]:
    """Without migrations: those say what was."""
    return [
        path
        for folder in folders
        for path in sorted((BASE_DIR / folder).rglob("*.py"))
        if "migrations" not in path.parts
    ]


def texts_of_packages() -> Iterator[Text]:
    for path in python_files(*PACKAGES):
        name = str(path.relative_to(BASE_DIR))
        source = path.read_text("utf-8")
        for line, words in texts_of_code(source, shows_docstring=name in SHOWN_DOCSTRINGS):
            yield Text(name, line, " ".join(words.split()))


def broken_rules(words: str) -> Iterator[tuple[str, str]]:
    """(what is found, what to write instead)"""
    for rule, pattern in zip(RULES, PATTERNS, strict=True):
        for found in pattern.finditer(words):
            yield found[0], rule.instead


# --- Tests ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "texts",
    [texts_of_documents, texts_of_templates, texts_of_packages],
    ids=lambda one: one.__name__,
)
def test_what_people_read_keeps_to_the_words_of_the_house(
    texts: type[Iterator[Text]],
) -> None:
    found = [
        f"{text.file}:{text.line}: “{bad}” (write: {instead}) in: {text.words[:160]}"
        for text in texts()
        for bad, instead in broken_rules(text.words)
        if (text.file, bad) not in ALLOWED
    ]
    assert found == []


def test_every_exception_is_needed() -> None:
    needed = {
        (text.file, bad)
        for texts in (texts_of_documents, texts_of_templates, texts_of_packages)
        for text in texts()
        for bad, _ in broken_rules(text.words)
    }
    assert ALLOWED.keys() - needed == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.instead)
def test_each_rule_finds_what_it_forbids_and_nothing_else(rule: Rule) -> None:
    assert rule.instead in {instead for _, instead in broken_rules(rule.bad)}
    assert list(broken_rules(rule.good)) == []


def test_every_kind_of_place_is_read() -> None:
    template = (
        '{# anew #}<p class="anew">\nMend &amp; more</p>{% translate "counted anew" %}'
        '<input title="by itself"><script>let anew</script>{{ anew }}'
    )
    assert [
        (line, bad) for line, text in texts_of_template(template) for bad, _ in broken_rules(text)
    ] == [
        (2, "anew"),
        (2, "by itself"),
        (2, "Mend"),
    ]
    code = (
        '"""Anew."""\nnumber = 1\n"""Anew."""\n'
        "a = gettext('counted anew')\nb = f'{number} tries left'\nc = 'anew'\n"
    )
    assert {(line, bad) for line, text in texts_of_code(code) for bad, _ in broken_rules(text)} == {
        (4, "anew"),
        (5, "tries left"),
    }
    assert [line for line, _ in texts_of_code('"""Anew."""\nprint(__doc__)')] == [1]


METAPHORS = {
    "bell": "wake-up",
    "doorbell": "wake-up",
    "bells": "wake-ups",
    "lane": "circuit, queue",
    "lanes": "circuits, queues",
    "walking": "scan",
    "walked": "scanned",
    "walker": "scan",
    "road": "connection",
    "storm": "burst, faults",
    "weather": "faults",
    "leash": "parent watch",
    "pulse": "heartbeat",
    "greeting": "banner",
    "door": "entry point",
    "doors": "entry points",
}


def words_of_names(source: str) -> Iterator[tuple[int, str]]:
    """(line, word in lower case) of everything that the source gives a name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            names = [node.id]
        elif isinstance(node, ast.arg):
            names = [node.arg]
        elif isinstance(node, ast.Attribute):
            names = [node.attr]
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = [node.name]
        else:
            continue
        for name in names:
            for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name):
                yield node.lineno, word.lower()


def test_no_name_in_the_code_is_a_metaphor() -> None:
    found = [
        f"{path.relative_to(BASE_DIR)}:{line}: {word} (write: {METAPHORS[word]})"
        for path in python_files(*PACKAGES, "tests")
        for line, word in [
            *words_of_names(path.read_text("utf-8")),
            *((1, word) for word in path.stem.split("_")),
        ]
        if word in METAPHORS
    ]
    assert found == []


def test_the_words_of_a_name_are_told_apart() -> None:
    source = "class LaneState:\n    def ring_bell(self, HTTPRoad): self.door = lanes"
    assert METAPHORS.keys() >= {"lane", "bell", "road", "door", "lanes"}
    assert {"lane", "bell", "road", "door", "lanes"} <= {word for _, word in words_of_names(source)}
