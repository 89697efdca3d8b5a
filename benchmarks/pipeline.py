"""From POST to settled, on this machine's cores: `bin/bench pipeline [--json] [--seconds 180]`.

Three phases on PostgreSQL, Redis, web, two worker processes and the sandbox with 50 ms latency:
the workers alone on a ready backlog; events posted in batches of 100 at --rate for --seconds; and
the latency at half that rate. The floor of the same run: the same rows written with COPY and the
same bodies sent raw.
"""

from __future__ import annotations

import base64
import http.client
import json
import multiprocessing
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, wait
from typing import Any

import orjson

from benchmarks.command import Command
from benchmarks.people import EVENTS_OF_A_VISIT, KINDS, identify, store_people, visitor
from benchmarks.rig import WRITE_KEY, Rig, make_shop, wait_until
from benchmarks.workload import make_lines

BATCH = 100
CONNECTIONS = 4
WARM_UP_SHARE = 0.1
"""Of the events or the time: what starts, compiles and connects then isn't counted as cost."""


def main() -> int:
    command = Command("pipeline", __doc__)
    command.add_argument("--seconds", type=float, default=180, help="length of the sustained phase")
    command.add_argument("--rate", type=int, default=3000, help="events/s posted")
    command.add_argument(
        "--backlog", type=int, default=60_000, help="number of events in the drain phase"
    )
    command.add_argument("--only", choices=("drain", "sustained", "latency"))
    command.add_argument("--memory", choices=("on", "off"), default="on", help="identity memory")
    command.add_argument("--people", type=int, default=0, help="users and devices known beforehand")
    options = command.read()
    lines = [_of_a_visit(number, line) for number, line in enumerate(make_lines(2000))]
    shop = (options.memory, options.people)
    half = options.rate // 2
    phases = {
        "drain": (_drain, (lines, options.backlog, *shop)),
        "sustained": (_sustained, (lines, options.rate, options.seconds, *shop)),
        "latency": (_sustained, (lines, half, min(options.seconds, 60), *shop)),
    }
    figures: dict[str, Any] = {"settings": vars(options)}
    for phase, (measure, arguments) in phases.items():
        if options.only in (None, phase):
            # A process of its own: the product's settings are read once in a process.
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                measured = pool.submit(measure, *arguments).result()
            figures |= measured if phase != "latency" else {"at_half_rate": measured}
            command.say(f"{phase}: {json.dumps(measured, indent=1)}")
    figures["events_per_second"] = figures.get(
        "settled_per_second", figures.get("drained_per_second")
    )
    figures["peak_rss_mb"] = figures.get("peak_worker_rss_mb")
    command.print_json(figures)
    return 0


def _drain(lines: list[bytes], count: int, memory: str, people: int) -> dict[str, Any]:
    """How fast the workers alone empty a ready backlog."""
    with Rig(sandbox_faults=("latency=0.05",)) as rig:
        rig.configure_django()
        destination_id = make_shop(memory=memory)
        store_people(WRITE_KEY, people)
        started = time.perf_counter()
        _store_backlog(lines, count)
        stored_seconds = time.perf_counter() - started
        rig.start("sandbox")
        from deliveries.engine.wakeups import wake
        from deliveries.models import Delivery
        from deliveries.statuses import OPEN

        rig.start("workers", "beat")
        wake([destination_id] * 4, at_once=True)
        wait_until(lambda: _settled_count() >= count * WARM_UP_SHARE, "the first events", 120)
        cpu_before, counted_from = rig.cpu_seconds(), _settled_count()
        peak = 0.0

        def is_drained() -> bool:
            nonlocal peak
            peak = max(
                peak, sum(rig.rss_mb(name) for name in rig.running if name.startswith("worker"))
            )
            return not Delivery.objects.filter(status__in=OPEN).exists()

        wait_until(is_drained, "the backlog to drain", 300)
        cpu = _cpu_per_event(cpu_before, rig.cpu_seconds(), count - counted_from)
        drained_per_second = _rate_between_batches(count)
        floor = _floor(rig, destination_id)
    return {
        "drained_per_second": round(drained_per_second),
        "stored_per_second_in_process": round(count / stored_seconds),
        "peak_worker_rss_mb": round(peak),
        "drain_floor_per_second": round(floor),
        "drain_cpu_us_per_event": cpu,
        "drain_share_of_floor": round(drained_per_second / floor, 2),
    }


def _store_backlog(lines: list[bytes], count: int) -> None:
    """Through the code of ingest, in requests of 1000."""
    from django.utils import timezone

    from deliveries.ingest.envelope import Arrival, accept_event
    from deliveries.ingest.store import store_request
    from destinations.routing import routes_for

    routes = routes_for(WRITE_KEY)
    assert routes is not None
    for start in range(0, count, 1000):
        arrival = Arrival(timezone.now(), "203.0.113.7")
        accepted = []
        for number in range(start, min(start + 1000, count)):
            event = orjson.loads(lines[number % len(lines)])
            event["messageId"] = f"backlog-{number}"
            accepted.append(accept_event(event, "", arrival))
        store_request(routes, accepted, [], arrival.received_at)


def _settled_count() -> int:
    from deliveries.models import Delivery

    return Delivery.objects.exclude(settled_at=None).count()


def _rate_between_batches(count: int) -> float:
    """Settled per second from the first request's start to the last settlement."""
    from django.db.models import Max, Min

    from deliveries.models import Batch, Delivery

    first = Batch.objects.aggregate(at=Min("sent_at"))["at"]
    last = Delivery.objects.aggregate(at=Max("settled_at"))["at"]
    return count / (last - first).total_seconds()


def _floor(rig: Rig, destination_id: int) -> float:
    """Events/s when the rows of the drained deliveries are only copied and the bodies only sent.

    One connection copies the rows that draining wrote (deliveries twice: claimed and settled;
    attempts; batches) into bare tables while nothing else runs; then the requests of all batches
    are sent again, four at a time as the workers do.
    """
    from django.db import connection

    from deliveries.db.compression import unpack
    from deliveries.models import Attempt, Batch, Delivery
    from destinations.connections import client_for
    from destinations.models import Destination

    count = Delivery.objects.count()
    copying = 0.0
    with connection.cursor() as cursor:
        for model, times in ((Delivery, 2), (Attempt, 1), (Batch, 1)):
            table = model._meta.db_table
            with cursor.copy(f"COPY {table} TO STDOUT (FORMAT binary)") as source:
                rows = [bytes(chunk) for chunk in source]
            for _ in range(times):
                cursor.execute(f"CREATE TABLE floor_{table} AS SELECT * FROM {table} LIMIT 0")
                started = time.perf_counter()
                with cursor.copy(f"COPY floor_{table} FROM STDIN (FORMAT binary)") as sink:
                    for chunk in rows:
                        sink.write(chunk)
                copying += time.perf_counter() - started
                cursor.execute(f"DROP TABLE floor_{table}")
    bodies = [unpack(body) for body in Batch.objects.values_list("request_body", flat=True)]
    destination = Destination.objects.get(pk=destination_id)

    def send(body: bytes) -> None:
        client_for(destination).send(body)

    started = time.perf_counter()
    with ThreadPoolExecutor(8) as senders:
        list(senders.map(send, bodies))
    sending = time.perf_counter() - started
    return count / (copying + sending)


def _sustained(
    lines: list[bytes], rate: int, seconds: float, memory: str, people: int
) -> dict[str, Any]:
    """Post at ``rate`` for ``seconds``; what was settled, how the backlog moved, how late it
    was."""
    with Rig(sandbox_faults=("latency=0.05",)) as rig:
        rig.configure_django()
        make_shop(memory=memory)
        store_people(WRITE_KEY, people)
        rig.start("sandbox", "web", "workers", "beat")
        from deliveries.models import Delivery, Event
        from deliveries.statuses import OPEN

        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            posting = pool.submit(
                _post, rig.options.port, _bodies(lines), rate, seconds, "sustained"
            )
            backlog: list[int] = []
            peak = 0.0
            wait([posting], timeout=seconds * WARM_UP_SHARE)
            cpu_before, counted_from = rig.cpu_seconds(), _settled_count()
            while not wait([posting], timeout=5).done:
                backlog.append(Delivery.objects.filter(status__in=OPEN).count())
                peak = max(peak, sum(rig.rss_mb(name) for name in rig.running if "worker" in name))
            posted = posting.result()
        wait_until(lambda: not Delivery.objects.filter(status__in=OPEN).exists(), "the rest", 120)
        stored = Event.objects.count()
        cpu = _cpu_per_event(cpu_before, rig.cpu_seconds(), _settled_count() - counted_from)
        latencies = _latencies()
        span = _posting_span_seconds()
    half = len(backlog) // 2
    return {
        "posted_events": posted["events"],
        "stored_events": stored,
        "posted_per_second": round(posted["events"] / posted["seconds"]),
        "settled_per_second": round(stored / span),
        "failed_requests": posted["failures"],
        "backlog_first_half_mean": round(statistics.mean(backlog[:half] or [0])),
        "backlog_second_half_mean": round(statistics.mean(backlog[half:] or [0])),
        "cpu_us_per_event": cpu,
        "latency_p50_seconds": latencies[0],
        "latency_p95_seconds": latencies[1],
        "peak_worker_rss_mb": round(peak),
    }


def _of_a_visit(number: int, line: bytes) -> bytes:
    """An event of a visit (``people.py``), without a message ID: the poster gives each its own."""
    visit = number // EVENTS_OF_A_VISIT
    kind = KINDS[visit % len(KINDS)]
    who = visitor(visit) if kind == "known" else f"{visit:015d}"
    event = identify(orjson.loads(line), kind, who)
    del event["messageId"]
    return orjson.dumps(event)


def _bodies(lines: list[bytes]) -> list[list[bytes]]:
    return [lines[start : start + BATCH] for start in range(0, len(lines), BATCH)]


def _post(
    port: int, bodies: list[list[bytes]], rate: int, seconds: float, tag: str
) -> dict[str, Any]:
    """Runs in a process of its own: batches of 100 at a steady rate over four connections."""
    with ThreadPoolExecutor(CONNECTIONS) as senders:
        posted = list(
            senders.map(
                lambda sender: _post_over_one_connection(
                    port, bodies, rate / CONNECTIONS, seconds, f"{tag}-{sender}"
                ),
                range(CONNECTIONS),
            )
        )
    return {
        "events": sum(events for events, _ in posted),
        "failures": sum(failures for _, failures in posted),
        "seconds": seconds,
    }


def _post_over_one_connection(
    port: int, bodies: list[list[bytes]], rate: float, seconds: float, tag: str
) -> tuple[int, int]:
    authorization = "Basic " + base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    started = time.perf_counter()
    number = failures = 0
    while (elapsed := time.perf_counter() - started) < seconds:
        ahead = number * BATCH / rate - elapsed
        if ahead > 0:
            time.sleep(ahead)
        events = [
            line[:-1] + f',"messageId":"{tag}-{number}-{place}"}}'.encode()
            for place, line in enumerate(bodies[number % len(bodies)])
        ]
        connection.request("POST", "/v1/batch", b'{"batch":[' + b",".join(events) + b"]}", headers)
        answer = connection.getresponse()
        answer.read()
        failures += answer.status != 200
        number += 1
    return (number - failures) * BATCH, failures


def _cpu_per_event(
    before: dict[str, float], after: dict[str, float], count: int
) -> dict[str, float]:
    """CPU microseconds for each event, by part: what the cores really spent."""
    spent = {name: round((after[name] - before[name]) / count * 1e6, 1) for name in after}
    return {**spent, "total": round(sum(spent.values()), 1)}


def _latencies() -> tuple[float, float]:
    """p50 and p95 of received → settled, in seconds."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY "
            "extract(epoch FROM settled_at - created_at)) FROM deliveries_delivery"
        )
        (values,) = cursor.fetchone()
    return round(values[0], 2), round(values[1], 2)


def _posting_span_seconds() -> float:
    from django.db.models import Max, Min

    from deliveries.models import Delivery

    span = Delivery.objects.aggregate(first=Min("created_at"), last=Max("settled_at"))
    return float((span["last"] - span["first"]).total_seconds())


if __name__ == "__main__":
    sys.exit(main())
