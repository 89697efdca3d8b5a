"""docs/security.md names tests and commands; all of them exist, and its attacks are those of the
script."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.security.attacks import attacks
from tests.variables import BASE_DIR

TEXT = (BASE_DIR / "docs" / "security.md").read_text("utf-8")
FILE = re.compile(r"(?<![\w/.])(?:tests|bin|docs|\.ci)/[\w./-]*\w")
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


@pytest.mark.parametrize("name", sorted(set(FILE.findall(TEXT))))
def test_what_is_named_exists(name: str) -> None:
    path = BASE_DIR / name
    assert path.is_file()
    if path.name.startswith("test_"):
        assert "def test_" in path.read_text("utf-8")


@pytest.mark.parametrize("name", sorted(set(re.findall(r"python -m ([\w.]+)", TEXT))))
def test_each_module_that_is_to_be_run_can_be_found(name: str) -> None:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    assert '__name__ == "__main__"' in Path(spec.origin).read_text("utf-8")


def test_every_attack_has_a_promise_and_a_test() -> None:
    rows = {int(number): tests for number, _, _, tests in ROW.findall(TEXT)}
    assert rows.keys() == attacks(on_sqlite=True, is_short=False).keys()
    assert all(FILE.search(tests) for tests in rows.values())


def test_the_pattern_finds_what_the_page_names() -> None:
    found = set(FILE.findall(TEXT))
    assert {".ci/run", "bin/audit", "tests/flow/test_slow_clients.py"} <= found
    assert len(found) > 30
