"""When a child that died is started again, and when that is no use any more."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class RestartPolicy:
    """Decides from the times at which one child died. Knows no clock and no operating system."""

    most_deaths: int = 5
    within_seconds: float = 60
    first_delay_seconds: float = 0.5
    longest_delay_seconds: float = 8
    _died_at: list[float] = field(default_factory=list)

    def note_death(self, now: float) -> float | None:
        """Seconds to wait before the next start; None when it died too often: give up.

        ``now`` is a clock that only goes forward, in seconds. The first death is forgiven
        quickly; the wait doubles with every further one inside the time that is looked at.
        """
        self._died_at = [at for at in self._died_at if now - at < self.within_seconds]
        self._died_at.append(now)
        if len(self._died_at) >= self.most_deaths:
            return None
        delay = self.first_delay_seconds * 2 ** (len(self._died_at) - 1)
        return float(min(delay, self.longest_delay_seconds))
