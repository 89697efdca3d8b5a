"""What the catalog of events costs: `bin/bench catalog [--json] [--events 200000] [--names 500]`.

In one process: events with so many names (frequent ones and rare ones) are stored, and the upkeep
takes them in. Then the same with as many made-up names as events, as somebody with a public key
might send them. What counts is processor time, of this process and of PostgreSQL's session.
"""

from __future__ import annotations

import random
import time
from datetime import timedelta
from typing import Any

import orjson

from benchmarks.command import Command
from benchmarks.rig import Rig, cpu_seconds
from benchmarks.workload import make_event

SHAPES = 1000
"""Different events, under ever other names."""
APART = timedelta(milliseconds=20)


def main() -> int:
    command = Command("catalog", __doc__)
    command.add_argument("--events", type=int, default=200_000, help="events of each kind")
    command.add_argument("--names", type=int, default=500, help="names of the first kind")
    options = command.read()
    with Rig() as rig:
        rig.configure_django()
        figures = _measure(options.events, options.names)
    command.print_figures(figures)
    return 0


def _measure(count: int, names: int) -> dict[str, Any]:
    from destinations.models import Source

    draw = random.Random(1)
    usual = [f"Event {number}" for number in range(names)]
    weights = [1 / (number + 1) for number in range(names)]
    figures: dict[str, Any] = {"events": count, "names": names}
    for kind, chosen in (
        ("usual", iter(draw.choices(usual, weights, k=count))),
        ("made_up", (f"made up {draw.getrandbits(60):x}" for _ in range(count))),
    ):
        source = Source.objects.create(name=kind, write_key=kind)
        _store(source.pk, chosen)
        figures |= {f"{kind}_{name}": figure for name, figure in _take_in(source.pk, count).items()}
    return figures


def _store(source_id: int, names: Any) -> None:
    from django.db import connection
    from django.utils import timezone

    from deliveries.db.compression import pack

    shapes = [make_event(number) for number in range(SHAPES)]
    begin = timezone.now() - timedelta(hours=6)
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY deliveries_event (source_id, message_id, type, name, received_at, body) "
            "FROM STDIN"
        ) as copy,
    ):
        for number, name in enumerate(names):
            event = {**shapes[number % len(shapes)], "type": "track", "event": name}
            moment = begin + number * APART
            body = pack(orjson.dumps(event))
            copy.write_row((source_id, f"m{source_id}-{number}", "track", name, moment, body))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE deliveries_event")


def _take_in(source_id: int, count: int) -> dict[str, Any]:
    from django.db import connection
    from django.utils import timezone

    from deliveries.catalog.counting import catalog_step
    from deliveries.models import SeenEvent

    connection.ensure_connection()
    backend: int = connection.connection.info.backend_pid
    now = timezone.now() + timedelta(hours=source_id)
    catalog_step(now)
    before = time.process_time() + cpu_seconds(backend)
    steps = []
    while True:
        started = time.perf_counter()
        if not catalog_step(now + timedelta(seconds=31)):
            break
        steps.append(time.perf_counter() - started)
    used = time.process_time() + cpu_seconds(backend) - before
    return {
        "us_per_event": round(used / count * 1e6, 2),
        "slowest_step_ms": round(max(steps) * 1000, 1),
        "rows": SeenEvent.objects.count(),
    }


if __name__ == "__main__":
    raise SystemExit(main())
