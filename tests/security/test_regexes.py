"""No text makes a regular expression of the product take longer than its length explains."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.security.growth import STEEPEST, growth
from tests.security.regexes import Found, all_regexes, alphabet

SMALL, LARGE = 2_000, 8_000
REGEXES = all_regexes()


def runner(found: Found, method: str) -> Callable[[str], Any]:
    compiled = re.compile(found.pattern, found.flags)
    if isinstance(found.pattern, bytes):
        as_text = runner_of(compiled, method, b"")
        return lambda text: as_text(text.encode("latin-1"))
    return runner_of(compiled, method, "")


def runner_of(compiled: re.Pattern[Any], method: str, nothing: Any) -> Callable[[Any], Any]:
    if method in ("sub", "subn"):
        return lambda text: getattr(compiled, method)(nothing, text)
    if method == "finditer":
        return lambda text: sum(1 for _ in compiled.finditer(text))
    run: Callable[[str], Any] = getattr(compiled, method)
    return run


def hostile_texts(found: Found, size: int) -> Iterator[tuple[str, str]]:
    """(name, text): what the pattern likes, repeated, before something that it does not like."""
    letters = alphabet(found)
    pumps = [*letters, *map("".join, itertools.permutations(letters[:7], 2))]
    for pump in pumps:
        for before, after in (("", "\x00"), (letters[0], "!")):
            yield f"{before!r} {pump!r}* {after!r}", before + pump * (size // len(pump)) + after


def steep_texts(found: Found) -> list[str]:
    steep = []
    for method in found.methods:
        run = runner(found, method)
        for (name, small), (_, large) in zip(
            hostile_texts(found, SMALL), hostile_texts(found, LARGE), strict=True
        ):
            if (steepness := growth(run, small, large)) > STEEPEST:
                steep.append(f"{method}: {name} ({steepness:.0f} times)")
                break
    return steep


@pytest.mark.parametrize("found", REGEXES, ids=lambda one: one.place)
def test_the_time_of_a_regular_expression_grows_with_the_text_and_no_faster(found: Found) -> None:
    assert steep_texts(found) == [], found.pattern


def test_the_walk_finds_all_of_them_and_the_judge_sees_what_is_steep() -> None:
    assert len(REGEXES) > 50
    folders = {one.place[: one.place.index("/")] for one in REGEXES}
    assert {"accounts", "deliveries", "destinations", "pinterest_sandbox"} <= folders
    for pattern in (r"[^\s]+@", r"\s+$", r"\d+x"):
        assert steep_texts(Found("here", pattern, 0, ("search",))), pattern
    assert steep_texts(Found("here", r"[^\s]+@", 0, ("match",))) == []
