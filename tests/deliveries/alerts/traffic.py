"""Made-up traffic of a shop: days and weeks have their shape, and chance adds its part."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

QUARTER = 900
DAY = 86_400


@dataclass(slots=True)
class Shop:
    """``per_hour``: events in an average hour. Each week is up to 10% busier or calmer, and each
    day up to 10% again; a sale on one day doubles it, and one outage loses three hours."""

    per_hour: float
    seed: int
    sale_day: int = 17
    outage_at: int = 30 * DAY + 14 * 3600
    drops_at: int | None = None
    drop: float = 0.7

    def rate(self, second: int) -> float:
        """Events per second, on average, at a second since Monday of the first week."""
        day, hour = second // DAY, second % DAY / 3600
        shape = 0.25 + 0.75 * max(0.0, math.sin(math.pi * (hour - 6) / 17)) ** 1.5
        weekend = 1.35 if day % 7 >= 5 else 1.0
        of_week = random.Random(f"{self.seed} week {day // 7}").uniform(0.9, 1.1)
        of_day = random.Random(f"{self.seed} day {day}").uniform(0.9, 1.1)
        rate = self.per_hour / 3600 * shape * weekend * of_week * of_day * 1.6
        if day == self.sale_day:
            rate *= 2
        if 0 <= second - self.outage_at < 3 * 3600:
            rate = 0
        if self.drops_at is not None and second >= self.drops_at:
            rate *= 1 - self.drop
        return rate

    def count(self, begin: int, seconds: int) -> int:
        """How many events come in that time; the same whenever asked."""
        mean = self.rate(begin + seconds // 2) * seconds
        chance = random.Random(f"{self.seed} count {begin} {seconds}")
        # Visitors send several events each, so counts vary twice as much as single ones would.
        return max(0, round(chance.gauss(mean, math.sqrt(2 * mean)))) if mean else 0
