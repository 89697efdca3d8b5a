"""Whether something takes longer than the size of what it gets explains."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

NOISE_SECONDS = 0.003
"""What takes less for the larger input needs no second look."""
STEEPEST = 8
"""Times as long for four times the size: 4 when it grows with the size, 16 with its square."""


def growth(run: Callable[[Any], Any], small: Any, large: Any) -> float:
    """How many times as long the large input takes, at most STEEPEST if that is nothing to mind."""
    if seconds(run, large, 1) < NOISE_SECONDS:
        return 0
    grown = seconds(run, large, 3) / max(seconds(run, small, 3), 1e-6)
    return grown if seconds(run, large, 3) >= NOISE_SECONDS else 0


def seconds(run: Callable[[Any], Any], given: Any, tries: int) -> float:
    """Of processor time: what else the machine does counts for nothing."""
    best = float("inf")
    for _ in range(tries):
        started = time.process_time()
        run(given)
        best = min(best, time.process_time() - started)
    return best
