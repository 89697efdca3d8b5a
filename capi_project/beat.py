"""When beat sends what: counted from its start, in memory.

Celery's own scheduler keeps the moments of the last runs in a file. A disk that is full, or half
of a file after a power cut, would end beat with it; and there is nothing in it worth keeping, for
every task looks in the database what there is to do.
"""

from __future__ import annotations

from celery.beat import Scheduler


class MemoryScheduler(Scheduler):
    """The schedule of the settings."""

    def setup_schedule(self) -> None:
        self.merge_inplace(self.app.conf.beat_schedule)
