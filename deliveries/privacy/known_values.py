"""Finding personal values inside texts that are readable otherwise. Pure.

Whoever sends an event decides how many values it holds and how long its texts are, so the time for
a text grows with its length and with nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache

HIDDEN = "•••"
SHORTEST_KNOWN = 4
SHORTEST_CONTAINED = 5
"""A hidden value is looked for inside readable texts from this length on, and as a whole from
SHORTEST_KNOWN on: a quantity of 1 is not hidden because somebody is in house 1."""
LONGEST_CONTAINED = 64
"""Of a longer value the beginning is looked for; from there on all of the text is hidden."""


class KnownValues:
    """Values that must not turn up, whatever their case.

    At each place of a text its next SHORTEST_CONTAINED characters say which lengths come into
    question, at most LONGEST_CONTAINED of them.
    """

    def __init__(self, values: Iterable[str]) -> None:
        self.values = frozenset(values)
        self._whole = {_fold(text) for text in self.values if len(text) >= SHORTEST_KNOWN}
        self._beginnings = {
            text[:LONGEST_CONTAINED] for text in self._whole if len(text) > LONGEST_CONTAINED
        }
        self._parts = self._beginnings | {
            text for text in self._whole if SHORTEST_CONTAINED <= len(text) <= LONGEST_CONTAINED
        }
        lengths: defaultdict[str, set[int]] = defaultdict(set)
        for text in self._parts:
            lengths[text[:SHORTEST_CONTAINED]].add(len(text))
        self._lengths = {start: sorted(found, reverse=True) for start, found in lengths.items()}

    def __or__(self, more: Iterable[str]) -> KnownValues:
        return KnownValues(self.values | frozenset(more))

    def holds(self, text: str) -> bool:
        """Whether one of them is this text, or stands in it."""
        folded = _fold(text)
        return folded in self._whole or any(True for _ in self._spans(folded))

    def without(self, text: str) -> str:
        """The text with HIDDEN in their places."""
        folded = _fold(text)
        if folded in self._whole:
            return HIDDEN
        shown, end = [], 0
        for start, stop in self._spans(folded):
            shown += [text[end:start], HIDDEN]
            end = stop
        return "".join([*shown, text[end:]])

    def _spans(self, folded: str) -> Iterator[tuple[int, int]]:
        """Where they stand, one after the other, the longest at each place."""
        place, last = 0, len(folded) - SHORTEST_CONTAINED
        if not self._lengths:
            return
        while place <= last:
            stop = self._end_of_one(folded, place)
            if stop:
                yield place, stop
            place = stop or place + 1

    def _end_of_one(self, folded: str, place: int) -> int:
        """Where the longest that begins at ``place`` ends; 0: none does."""
        for length in self._lengths.get(folded[place : place + SHORTEST_CONTAINED], ()):
            part = folded[place : place + length]
            if part in self._beginnings:
                return len(folded)
            if part in self._parts:
                return place + length
        return 0


NOTHING_KNOWN = KnownValues(())


def _fold(text: str) -> str:
    """For comparing whatever the case, as long as the text: places stay the same."""
    return text.lower() if text.isascii() else "".join(map(_fold_character, text))


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    upper = character.upper()
    lower = (upper if len(upper) == 1 else character).lower()
    return lower if len(lower) == 1 else character
