"""A bulk retry beside live traffic: `bin/bench bulk [--json] [--count 100000]`.

On PostgreSQL, Redis, web, two worker processes and the sandbox with 50 ms latency: so many dead
deliveries of one destination are retried, all of them, by one bulk action. Meanwhile events are
posted to that destination and to another one; how late is each, and how does the action get on?
"""

from __future__ import annotations

import base64
import http.client
import itertools
import sys
import time
from typing import Any

from benchmarks.command import Command
from benchmarks.load import make_event
from benchmarks.rig import WRITE_KEY, Rig, make_shop, wait_until

OTHER_KEY = "bench-other-key"
EVERY_SECONDS = 0.5
WANTED_SECONDS = 5.0


def main() -> int:
    command = Command("bulk", __doc__)
    command.add_argument("--count", type=int, default=100_000, help="number of failed deliveries")
    options = command.read()
    with Rig(sandbox_faults=("latency=0.05",)) as rig:
        figures = _measure(rig, options.count)
    command.print_figures(figures)
    slowest = max(figures["live_same_max_seconds"], figures["live_other_max_seconds"])
    return 0 if slowest < WANTED_SECONDS else 1


def _measure(rig: Rig, count: int) -> dict[str, Any]:
    rig.configure_django()
    busy_id = make_shop()
    make_shop("Other", OTHER_KEY)
    _fill_dead(busy_id, count)
    rig.start("sandbox", "web", "workers", "beat")
    from deliveries.actions.bulk import start_bulk_action
    from deliveries.models import BulkAction, Delivery
    from deliveries.search import Selection
    from deliveries.statuses import OPEN

    started = time.monotonic()
    action = start_bulk_action("retry", Selection(destination_ids=(busy_id,)))
    counted_seconds = time.monotonic() - started
    progress: list[tuple[float, int]] = []
    keys = itertools.cycle((WRITE_KEY, OTHER_KEY))
    for number in itertools.count():
        _post(rig.options.port, next(keys), f"live-{number}")
        action.refresh_from_db()
        progress.append((round(time.monotonic() - started, 1), action.changed_count))
        if action.finished_at is not None:
            break
        time.sleep(EVERY_SECONDS)
    action_seconds = time.monotonic() - started
    wait_until(
        lambda: not Delivery.objects.filter(status__in=OPEN).exists(), "the rest", seconds=300
    )
    drained_seconds = time.monotonic() - started
    assert BulkAction.objects.get(pk=action.pk).changed_count == count
    same, other = _live_latencies(busy_id), _live_latencies(busy_id, others=True)
    return {
        "retried": count,
        "count_seconds": round(counted_seconds, 2),
        "action_seconds": round(action_seconds, 1),
        "drained_seconds": round(drained_seconds, 1),
        "retried_per_second": round(count / drained_seconds),
        "progress": progress[:: max(1, len(progress) // 10)],
        "live_events": len(same) + len(other),
        "live_same_max_seconds": max(same),
        "live_other_max_seconds": max(other),
    }


def _fill_dead(destination_id: int, count: int) -> None:
    from django.utils import timezone

    from benchmarks.log_filling import analyze, fill_due
    from deliveries.models import Delivery
    from destinations.models import Source

    now = timezone.now()
    fill_due(Source.objects.get(write_key=WRITE_KEY).pk, [destination_id], count, now)
    Delivery.objects.update(
        status="dead", due_at=None, settled_at=now, attempt_count=13, error_code="server_error"
    )
    analyze()


def _post(port: int, write_key: str, message_id: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(
            "POST",
            "/v1/track",
            make_event(message_id, "new", message_id).encode(),
            {"Authorization": "Basic " + base64.b64encode(f"{write_key}:".encode()).decode()},
        )
        status = connection.getresponse().status
    finally:
        connection.close()
    if status != 200:
        raise RuntimeError(f"Ingest answered {status}.")


def _live_latencies(destination_id: int, *, others: bool = False) -> list[float]:
    """Seconds from received to settled of each posted event."""
    from deliveries.models import Delivery

    live = Delivery.objects.filter(event__message_id__startswith="live-", status="delivered")
    chosen = (
        live.exclude(destination_id=destination_id)
        if others
        else live.filter(destination_id=destination_id)
    )
    return sorted(
        round((settled_at - created_at).total_seconds(), 2)
        for settled_at, created_at in chosen.values_list("settled_at", "created_at")
    )


if __name__ == "__main__":
    sys.exit(main())
