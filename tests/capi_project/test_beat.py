"""Beat sends what the schedule says, and needs no disk for it."""

from __future__ import annotations

from capi_project.beat import MemoryScheduler
from capi_project.celery import SCHEDULE, app
from tests.stack import Stack


def test_the_whole_schedule_is_in_it() -> None:
    entries = MemoryScheduler(app).schedule.items()
    found = {name: entry.schedule.run_every.total_seconds() for name, entry in entries}
    assert found == {"alerts": 30} | {name: every for name, (every, _) in SCHEDULE.items()}


def test_beat_writes_no_file(stack: Stack) -> None:
    stack.wait_until(lambda: stack.rows("SELECT 1 FROM deliveries_pulse WHERE name = 'sweep'"))
    assert [path.name for path in stack.folder.iterdir() if "beat" in path.name] == []
