"""Pruning beside ingest: `bin/bench retention [--json] [--count 300000] [--rate 500]`.

A log of so many settled events over sixty days, and web processes that take single events at a
steady rate: alone, and while `manage.py prune` removes what is older than the retention. How long
does ingest take then, and how much is pruned in a second?
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.command import Command
from benchmarks.ingest import run
from benchmarks.rig import WRITE_KEY, Rig, make_shop

ROOT = Path(__file__).resolve().parent.parent
CONNECTIONS = 16
BODY_DAYS, LOG_DAYS = 5, 20
"""Of the sixty days of the log: two thirds of its rows go, and three quarters of the rest's
bodies."""


def main() -> int:
    command = Command("retention", __doc__)
    command.add_argument("--count", type=int, default=300_000, help="settled events in the log")
    command.add_argument("--rate", type=int, default=500, help="requests/s")
    command.add_argument("--seconds", type=float, default=15, help="length of each of the two runs")
    options = command.read()
    with Rig() as rig:
        figures = _measure(rig, options.count, options.rate, options.seconds)
    command.print_figures(figures)
    return 0


def _measure(rig: Rig, count: int, rate: int, seconds: float) -> dict[str, Any]:
    rig.configure_django()
    destination_id = make_shop()
    from django.utils import timezone

    from benchmarks.log_filling import analyze, fill_closed
    from deliveries.models import Event
    from destinations.models import Source

    source_id = Source.objects.get(write_key=WRITE_KEY).pk
    fill_closed(source_id, [destination_id], count, timezone.now())
    analyze()
    rig.start("web")
    port = rig.options.port
    orders = {"rate": rate, "connections": CONNECTIONS}
    run(port, "/v1/track", seconds=3, **orders)  # caches, connections, prepared statements
    alone = run(port, "/v1/track", seconds=seconds, **orders)
    before = Event.objects.count()
    pruning = _start_pruning(rig)
    started = time.monotonic()
    try:
        beside = run(port, "/v1/track", seconds=seconds, **orders)
        was_pruning_all_along = pruning.poll() is None
        pruning_seconds = time.monotonic() - started
        pruned = before + beside.request_count - Event.objects.count()
    finally:
        pruning.terminate()
        pruning.wait()
    return {
        "rate": rate,
        "alone": asdict(alone),
        "beside_pruning": asdict(beside),
        "pruned_events": pruned,
        "pruned_events_per_second": round(pruned / pruning_seconds),
        "was_pruning_all_along": was_pruning_all_along,
    }


def _start_pruning(rig: Rig) -> subprocess.Popen[bytes]:
    """The command that an installation would run, and the task does the same."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "prune"],
        cwd=ROOT,
        env={
            **rig.environment,
            "BODY_RETENTION_DAYS": str(BODY_DAYS),
            "LOG_RETENTION_DAYS": str(LOG_DAYS),
        },
        stdout=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    sys.exit(main())
