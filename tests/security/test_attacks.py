"""The table of attacks says so when one did not hold, or could not be carried out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.security import attacks
from tests.security.target import Row, Target


def test_an_attack_that_cannot_be_carried_out_did_not_hold() -> None:
    def breaks(target: Target) -> Iterator[Row]:
        yield Row(3, "a list", "0", "0", held=True)
        raise RuntimeError("no such page\nand more")

    first, second = attacks.attempt(3, breaks, None)  # type: ignore[arg-type]
    assert first.held
    assert (second.number, second.attack, second.held) == (3, "breaks", False)
    assert second.measured == "RuntimeError: no such page"


@pytest.mark.parametrize(("held", "status"), [(True, 0), (False, 1)])
def test_the_exit_status_says_whether_all_of_them_held(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], held: bool, status: int
) -> None:
    def run(*_: Any, **__: Any) -> list[Row]:
        return [Row(1, "a", "0", "0", held=True), Row(2, "b", "1", "0", held)]

    monkeypatch.setattr(attacks, "run", run)
    monkeypatch.setattr(attacks, "use_test_settings", lambda: None)
    monkeypatch.setattr(sys, "argv", ["attacks", "--short"])
    assert attacks.main() == status
    assert f"2 rows, {status} did not hold" in capsys.readouterr().out


def test_there_are_sixteen_and_each_back_end_gets_all_that_differ_there() -> None:
    assert set(attacks.attacks(on_sqlite=True, is_short=False)) == set(range(1, 17))
    assert set(range(1, 17)) - set(attacks.attacks(on_sqlite=False, is_short=False)) == {7, 10, 14}
    assert set(range(1, 17)) - set(attacks.attacks(on_sqlite=False, is_short=True)) == {14}
