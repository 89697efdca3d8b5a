"""Bars of a small chart, as numbers that a template writes into an SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 300.0, 56.0
GAP = 2.0
LEAST_HEIGHT = 2.0
"""One rejection among a million is still to be seen."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One slot: delivered from the ground up, failed on top. All in units of the view box."""

    title: str
    x: float
    width: float
    good_y: float
    good_height: float
    bad_y: float
    bad_height: float
    good: int
    bad: int


@dataclass(frozen=True, slots=True)
class Chart:
    bars: Sequence[Bar]
    largest: int
    width: float = WIDTH
    height: float = HEIGHT


def draw_bars(slots: Sequence[tuple[str, int, int]]) -> Chart:
    """A bar for each (title, delivered, failed)."""
    largest = max((good + bad for _, good, bad in slots), default=0)
    pitch = WIDTH / max(len(slots), 1)
    bars = []
    for position, (title, good, bad) in enumerate(slots):
        good_height, bad_height = _height(good, largest), _height(bad, largest)
        good_height = min(good_height, HEIGHT - bad_height)
        bars.append(
            Bar(
                title,
                round(position * pitch + GAP / 2, 2),
                round(pitch - GAP, 2),
                round(HEIGHT - good_height, 2),
                round(good_height, 2),
                round(HEIGHT - good_height - bad_height, 2),
                round(bad_height, 2),
                good,
                bad,
            )
        )
    return Chart(bars, largest)


def _height(count: int, largest: int) -> float:
    return max(LEAST_HEIGHT, HEIGHT * count / largest) if count else 0.0
