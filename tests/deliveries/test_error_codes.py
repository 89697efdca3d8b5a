"""Every code that the code can give is in the one table, and in docs/errors.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from deliveries.error_codes import ERROR_CODES, REFUSAL_CODES, meaning_of, remedy_of
from tests.test_architecture import BASE_DIR, source_files

DOC = (BASE_DIR / "docs" / "errors.md").read_text(encoding="utf-8")
TABLES = set(source_files("deliveries/error_codes"))
CODE_ARGUMENTS = {
    "BodyRefused": 2,
    "EventFiltered": 0,
    "EventRefused": 0,
    "Finding": 0,
    "NoReply": 0,
    "Outcome": 2,
    "RefusedEvent": 0,
    "pause": 1,
}
"""Where a call takes a code."""


def codes_in(path: Path) -> Iterator[str]:
    """Texts that a file gives as a code: as an argument, a keyword or a variable ``code``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            position = CODE_ARGUMENTS.get(name)
            if position is not None and position < len(node.args):
                yield from texts(node.args[position])
            for keyword in node.keywords:
                if keyword.arg in ("code", "error_code", "paused_code"):
                    yield from texts(keyword.value)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                yield from assigned(target, node.value)


def assigned(target: ast.expr, value: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, its_value in zip(target.elts, value.elts, strict=True):
            yield from assigned(one, its_value)
    elif isinstance(target, ast.Name) and target.id in ("code", "PAUSED_BY_A_PERSON"):
        yield from texts(value)


def texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)


NO_LONGER_GIVEN = {"invalid_text"}
"""Rows of older releases have them."""


def used_codes() -> dict[str, set[str]]:
    """Code → the files that give it."""
    found: dict[str, set[str]] = {}
    for path in source_files("deliveries", "destinations"):
        # The doctor's codes are those of its checks (docs/monitoring.md).
        if not {"sandbox", "doctor"} & set(path.parts) and path not in TABLES:
            for code in codes_in(path):
                found.setdefault(code, set()).add(str(path.relative_to(BASE_DIR)))
    return found


def test_every_code_in_the_code_base_is_in_the_table() -> None:
    used = used_codes()
    assert len(used) > 40
    unknown = {code: files for code, files in used.items() if code not in ERROR_CODES}
    ingest = {code for code, files in used.items() if any("ingest" in name for name in files)}
    assert {code for code in unknown if code not in REFUSAL_CODES} == set()
    assert ingest <= set(REFUSAL_CODES)


def test_every_code_of_the_table_is_given_somewhere() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8")
        for path in source_files("deliveries", "destinations")
        if path not in TABLES
    )
    # A code may stand in a table of its own module (HTTP status → code), so any mention counts.
    unused = {code for code in (*ERROR_CODES, *REFUSAL_CODES) if f'"{code}"' not in sources}
    assert unused == NO_LONGER_GIVEN


@pytest.mark.parametrize("code", sorted({*ERROR_CODES, *REFUSAL_CODES}))
def test_the_documentation_says_of_a_code_what_the_admin_says(code: str) -> None:
    for table in (ERROR_CODES, REFUSAL_CODES):
        if code in table:
            meaning, remedy = table[code]
            assert f"| `{code}` | {meaning} | {remedy} |\n" in DOC
            assert meaning.endswith(".")
            assert remedy.endswith(".")


def test_the_documentation_has_no_code_that_is_gone() -> None:
    rows = [line for line in DOC.splitlines() if line.startswith("| `")]
    assert len(rows) == len(ERROR_CODES) + len(REFUSAL_CODES)


def test_an_unknown_code_has_no_words() -> None:
    assert (meaning_of("made_up"), remedy_of("made_up")) == ("", "")
    assert meaning_of("rate_limited") == "Pinterest's rate limit was reached."


def test_nobody_is_told_to_wait_for_a_dead_delivery() -> None:
    assert remedy_of("server_error", "pending").startswith(
        "No action needed. It's sent again later."
    )
    assert remedy_of("server_error", "dead").startswith("No attempts are left.")
    assert remedy_of("worker_lost", "dead") == remedy_of("worker_lost")
    told = [code for code in ERROR_CODES if "sent again" in remedy_of(code, "dead")]
    assert told == []
