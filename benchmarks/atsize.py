"""Claim, sweep and drain in a log of millions: `bin/bench atsize [--json] [--scale 1.0]`.

On PostgreSQL with the sandbox, one thread. First 10,000 due deliveries in an empty log are
drained; then 5 M closed and 1 M due ones are written by SQL and the same is measured there.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.command import Command
from benchmarks.rig import Rig, cpu_seconds

CLOSED, DUE, SMALL = 5_000_000, 1_000_000, 10_000
DESTINATIONS = 5
REPEATS = 31
CLAIM_TARGET_MS, SWEEP_TARGET_MS, DRAIN_TARGET = 30, 50, 1.2


def main() -> int:
    command = Command("atsize", __doc__)
    command.add_argument("--scale", type=float, default=1.0, help="1.0: 5 M closed and 1 M due")
    options = command.read()

    with Rig() as rig:
        rig.configure_django()
        rig.start("sandbox")
        figures = measure(options.scale, command.say)
    figures["settings"] = {"scale": options.scale}
    command.print_json(figures)
    return 0 if figures["within_targets"] else 1


def measure(scale: float, say: Callable[[str], None]) -> dict[str, Any]:
    from django.utils import timezone

    from benchmarks.log_filling import analyze, fill_closed, fill_due
    from destinations.models import Destination, Source

    source = Source.objects.create(name="Bench shop")
    destinations = [
        Destination.objects.create(
            name=f"Bench {number}",
            service=Destination.Service.SANDBOX,
            advertiser_id=f"54975588517{number}",
            conversion_token="bench-token",
        ).pk
        for number in range(DESTINATIONS)
    ]
    first = destinations[0]
    fill_due(source.pk, [first], 2 * SMALL, timezone.now())
    analyze()
    drain(first, SMALL)  # warms up: connections, caches, prepared statements
    small = drain(first, SMALL)
    say(f"drain, {SMALL:,} due in an empty log: {small}")

    started = time.monotonic()
    closed, due = int(CLOSED * scale), int(DUE * scale)
    fill_closed(source.pk, destinations, closed, timezone.now())
    fill_due(source.pk, destinations, due, timezone.now())
    analyze()
    say(f"wrote {closed:,} closed and {due:,} due in {time.monotonic() - started:.0f} s")

    claim_ms, sweep_ms = time_claim(first), time_sweep()
    say(f"claim of 1,000: median {claim_ms:.1f} ms (target < {CLAIM_TARGET_MS})")
    say(f"sweep: median {sweep_ms:.1f} ms (target < {SWEEP_TARGET_MS})")
    large = drain(first, min(2 * SMALL, due // DESTINATIONS))
    ratio = large.cpu_us / small.cpu_us
    say(f"drain there: {large}, {ratio:.2f} times (target < {DRAIN_TARGET})")
    steps = time_steps()
    for name, milliseconds in steps.items():
        say(f"{name}: median {milliseconds:.1f} ms a step of 1,000")
    return {
        "closed": closed,
        "due": due,
        "claim_ms": claim_ms,
        "sweep_ms": sweep_ms,
        "drain_us_per_event": {"small": asdict(small), "large": asdict(large)},
        "drain_ratio": ratio,
        "step_ms": steps,
        "within_targets": claim_ms < CLAIM_TARGET_MS
        and sweep_ms < SWEEP_TARGET_MS
        and ratio < DRAIN_TARGET,
    }


def time_claim(destination_id: int) -> float:
    """The median time of a claim of 1,000, in ms; all are given back in the end."""
    from datetime import timedelta

    from django.utils import timezone

    from deliveries.engine.claims import ClaimRules, claim, release
    from deliveries.engine.types import Claimed

    rules = ClaimRules(1000, timedelta(seconds=2), timedelta(seconds=120), 2 * REPEATS)
    claims: list[Claimed] = []

    def claim_a_batch() -> float:
        started = time.perf_counter()
        claimed = claim(destination_id, rules, timezone.now(), "bench")
        taken = time.perf_counter() - started
        assert claimed is not None
        assert len(claimed.delivery_ids) == rules.size
        claims.append(claimed)
        return taken

    median = median_ms(claim_a_batch)
    for claimed in claims:
        release(claimed)
    return median


def time_sweep() -> float:
    """The median time of looking for destinations with something due, in ms."""
    from django.utils import timezone

    from deliveries.engine.claims import destinations_with_due_deliveries

    def sweep() -> float:
        started = time.perf_counter()
        found = list(destinations_with_due_deliveries(timezone.now()))
        assert len(found) == DESTINATIONS
        return time.perf_counter() - started

    return median_ms(sweep)


def time_steps() -> dict[str, float]:
    """The median times of steps of 1,000: of a bulk action, and of each scan of the retention."""
    from datetime import timedelta

    from django.utils import timezone

    from deliveries.actions.bulk import run_step, start_bulk_action
    from deliveries.privacy.retention import PRUNE_JOBS, prune_step
    from deliveries.search import Selection
    from deliveries.statuses import BulkVerb

    action = start_bulk_action(BulkVerb.DISCARD, Selection(statuses=("rejected", "dead")))
    medians = {"bulk discard": median_ms(lambda: _seconds(lambda: run_step(action.pk)), 7)}
    now = timezone.now()
    bodies_before, log_before = now - timedelta(days=20), now - timedelta(days=55)
    for job in PRUNE_JOBS:
        cutoff = log_before if job.is_log else bodies_before
        medians[f"prune {job.name}"] = median_ms(
            lambda job=job, cutoff=cutoff: _seconds(lambda: prune_step(job, cutoff, now)), 7
        )
    return medians


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def median_ms(timed: Callable[[], float], repeats: int = REPEATS) -> float:
    return statistics.median(timed() for _ in range(repeats)) * 1000


@dataclass(frozen=True, slots=True)
class Cost:
    """What draining took for each event, in µs: on the clock (the median batch), and of processor
    time, here and in the database. Other work on the machine makes the first longer, not the
    second.
    """

    clock_us: float
    cpu_us: float

    def __str__(self) -> str:
        return f"{self.cpu_us:.0f} µs of processor time an event ({self.clock_us:.0f} on the clock)"


def drain(destination_id: int, count: int) -> Cost:
    """Deliver ``count`` deliveries in this thread."""
    from deliveries.engine.dispatch import deliver_batch

    costs = []
    done = 0
    cpu = _cpu_seconds_used()
    while done < count:
        started = time.perf_counter()
        delivered = deliver_batch(destination_id)
        assert delivered, "nothing was due"
        costs.append((time.perf_counter() - started) / delivered * 1e6)
        done += delivered
    return Cost(statistics.median(costs), (_cpu_seconds_used() - cpu) / done * 1e6)


def _cpu_seconds_used() -> float:
    """By this process and by its session of a database on this machine."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return time.process_time() + cpu_seconds(cursor.fetchone()[0])


if __name__ == "__main__":
    sys.exit(main())
