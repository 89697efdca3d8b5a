"""Every regular expression of the product, found in its source, with how it is used."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from re import _constants as constants  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from tests.test_architecture import BASE_DIR, PACKAGES, module_name, source_files

OF_A_TABLE = {"destinations/pinterest/phone_tables.py"}
"""Patterns that libphonenumber publishes, of digits alone; a phone number of more than
500 characters does not get that far."""
METHODS = frozenset({"search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"})
FOLDERS = (*PACKAGES, "pinterest_sandbox", "webserver")


@dataclass(frozen=True, slots=True)
class Found:
    """A regular expression: where it stands, and by which methods it is used."""

    place: str
    pattern: Any
    flags: int
    methods: tuple[str, ...]


def all_regexes() -> list[Found]:
    files = source_files(*(folder for folder in FOLDERS if (BASE_DIR / folder).is_dir()))
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in files}
    used: defaultdict[str, set[str]] = defaultdict(set)
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in METHODS:
                used[_name_of(node.value)].add(node.attr)
    return [found for path, tree in trees.items() for found in _regexes_of(path, tree, used)]


def _regexes_of(path: Path, tree: ast.Module, used: dict[str, set[str]]) -> Iterator[Found]:
    names = {
        id(node.value): _name_of(target)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if _name_of(node.func.value) != "re" or node.func.attr not in METHODS | {"compile"}:
            continue
        place = f"{path.relative_to(BASE_DIR)}:{node.lineno}"
        name = names.get(id(node), "")
        if compiled := getattr(import_module(module_name(path)), name or "-", None):
            methods = tuple(sorted(used.get(name, ()))) or ("search",)
            yield Found(place, compiled.pattern, compiled.flags & ~re.UNICODE, methods)
            continue
        pattern = _text_of(node.args[0])
        if pattern is None and place.rpartition(":")[0] in OF_A_TABLE:
            continue
        if pattern is None:
            raise AssertionError(f"{place}: made of values; this test cannot judge it.")
        flags = 0
        for argument in [*node.args[1:], *(keyword.value for keyword in node.keywords)]:
            for part in ast.walk(argument):
                if isinstance(part, ast.Attribute) and _name_of(part.value) == "re":
                    flags |= getattr(re, part.attr)
        method = "search" if node.func.attr == "compile" else node.func.attr
        yield Found(place, pattern, int(flags), (method,))


def _name_of(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _text_of(node: ast.expr) -> str | None:
    """A literal, or literals that are added."""
    try:
        value = ast.literal_eval(node)
    except ValueError:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = _text_of(node.left), _text_of(node.right)
            return None if left is None or right is None else left + right
        return None
    return value if isinstance(value, str) else None


def alphabet(found: Found) -> list[str]:
    """Characters by which the parts of the pattern differ: its own, and one of each class."""
    letters: dict[str, None] = {}
    _collect(parser.parse(found.pattern, found.flags), letters)
    for one in ("a", "1", " ", "\t", "!"):
        letters.setdefault(one)
    return list(letters)[:16]


CATEGORIES = {
    constants.CATEGORY_DIGIT: "0",
    constants.CATEGORY_SPACE: " ",
    constants.CATEGORY_WORD: "w",
    constants.CATEGORY_NOT_DIGIT: "x",
    constants.CATEGORY_NOT_SPACE: "x",
    constants.CATEGORY_NOT_WORD: "-",
}


def _collect(part: Any, letters: dict[str, None]) -> None:
    """Go through what ``re`` made of a pattern."""
    if isinstance(part, parser.SubPattern | list):
        for one in part:
            _collect(one, letters)
    elif isinstance(part, tuple):
        if len(part) == 2 and part[0] in (constants.LITERAL, constants.NOT_LITERAL):
            letters.setdefault(chr(part[1]))
        elif len(part) == 2 and part[0] is constants.RANGE:
            letters.setdefault(chr(part[1][0]))
        elif len(part) == 2 and part[0] is constants.CATEGORY:
            letters.setdefault(CATEGORIES.get(part[1], "x"))
        else:
            for one in part:
                _collect(one, letters)
