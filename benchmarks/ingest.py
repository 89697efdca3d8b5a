"""`bin/bench ingest`: how many events a second does ingest take, durably, on this machine?

PostgreSQL in a scratch database, web processes as bin/run starts them, the load generator on the
same cores. Every answer is checked, and at the end the stored events are counted.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.load import Measured, Orders
from benchmarks.people import KINDS
from benchmarks.ports import free_port
from benchmarks.rig import family_cpu_seconds, postgres_cpu_seconds
from benchmarks.scratch import durability, scratch_database

ROOT = Path(__file__).resolve().parent.parent
WRITE_KEY = "bench-write-key"
WRITE_KEY_OFF = "bench-write-key-of-a-source-that-remembers-nothing"
PAIRS = 20
TARGETS = {
    "single_requests_per_second": 1700,
    "p99_ms_at_half": 50,
    "batch_events_per_second": 10_000,
}
CONNECTIONS = 32
BATCH_CONNECTIONS = 8
BATCH_SIZE = 100
START_SECONDS = 30


def measure(
    seconds: float, memory: str = "on", people: int = 0, visits: str = ""
) -> dict[str, Any]:
    """All figures. Raises RuntimeError when an answer was not 200 OK or an event is missing."""
    with scratch_database() as url, data_folder() as folder:
        environment = make_environment(url, folder)
        prepare_installation(environment, memory, people)
        with web_server(environment) as (port, pid):

            def cpu() -> float:
                return family_cpu_seconds(pid) + postgres_cpu_seconds(url)

            run(
                port, "/v1/track", seconds=2, kind=visits
            )  # caches, connections, prepared statements
            before = cpu()
            single = run(port, "/v1/track", seconds=seconds, kind=visits)
            single_cpu = (cpu() - before) / single.request_count
            rate = single.request_count / single.seconds
            half_rate = TARGETS["single_requests_per_second"] / 2
            half = run(
                port, "/v1/track", seconds=seconds, rate=half_rate, connections=64, kind=visits
            )
            before = cpu()
            batch = run(
                port,
                "/v1/batch",
                seconds=seconds,
                batch_size=BATCH_SIZE,
                connections=BATCH_CONNECTIONS,
                kind=visits,
            )
            batch_cpu = (cpu() - before) / batch.request_count / BATCH_SIZE
        settings = durability(url)
    return {
        "single_requests_per_second": round(rate),
        "p99_ms_at_half": round(half.p99_ms, 1),
        "batch_events_per_second": round(BATCH_SIZE * batch.request_count / batch.seconds),
        # Of all processes of the web server and of PostgreSQL's sessions.
        "single_cpu_us_per_event": round(single_cpu * 1e6),
        "batch_cpu_us_per_event": round(batch_cpu * 1e6),
        "single": asdict(single),
        "half": asdict(half),
        "batch": asdict(batch),
        "cores": os.cpu_count(),
        "postgresql": settings,
        "targets": TARGETS,
    }


def compare(seconds: float, people: int, visits: str) -> dict[str, Any]:
    """Batches for a source with memory on and for one with it off, in turns; CPU of an event."""
    with scratch_database() as url, data_folder() as folder:
        environment = make_environment(url, folder)
        prepare_installation(environment, "on", people)
        found: dict[str, list[float]] = {"on": [], "off": []}
        with web_server(environment) as (port, pid):
            for number in range(2 * PAIRS + 2):
                memory = "on" if number % 4 in (1, 2) else "off"
                before = family_cpu_seconds(pid) + postgres_cpu_seconds(url)
                sent = run(
                    port,
                    "/v1/batch",
                    WRITE_KEY if memory == "on" else WRITE_KEY_OFF,
                    seconds=seconds,
                    batch_size=BATCH_SIZE,
                    connections=BATCH_CONNECTIONS,
                    kind=visits,
                    first_visit=number * 5000,
                )
                after = family_cpu_seconds(pid) + postgres_cpu_seconds(url)
                if number > 1:  # the first ones fill caches
                    found[memory].append((after - before) / sent.request_count / BATCH_SIZE * 1e6)
    # The lowest quarter: what else the machine does only ever adds.
    on, off = (statistics.quantiles(found[memory], n=4)[0] for memory in ("on", "off"))
    return {
        "cpu_us_per_event": {
            memory: [round(one, 1) for one in each] for memory, each in found.items()
        },
        "on": round(on, 1),
        "off": round(off, 1),
        "ratio": round(on / off, 3),
        "load_average": round(os.getloadavg()[0], 1),
    }


def make_environment(url: str, folder: str) -> dict[str, str]:
    """As of somebody who set DATABASE_URL and nothing else."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "LANG", "WEB_WORKERS", "WEB_THREADS")
        if name in os.environ
    }
    return {**kept, "DATABASE_URL": url, "CAPI_DATA_DIR": folder}


def prepare_installation(environment: dict[str, str], memory: str, people: int) -> None:
    """Migrate; one source with one destination, its identity memory on or off, and people."""
    script = (
        "from destinations.models import *\n"
        f"source = Source.objects.create(name='Bench', write_key={WRITE_KEY!r}, "
        f"identity_memory={memory!r})\n"
        "destination = Destination.objects.create(name='Sandbox', service='sandbox', "
        "advertiser_id='1', conversion_token='token')\n"
        "other = Source.objects.create(name='Forgetful', "
        f"write_key={WRITE_KEY_OFF!r}, identity_memory='off')\n"
        "destination.sources.add(source, other)\n"
    )
    if people:
        script += (
            f"from benchmarks.people import store_people\nstore_people({WRITE_KEY!r}, {people})\n"
        )
    for arguments in (["migrate", "--verbosity", "0"], ["shell", "--command", script]):
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def data_folder() -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="capi-relay-bench-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def web_server(environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    """The web part of bin/run; yields its port and its process."""
    from launcher.commands import commands, read_options

    port = free_port()
    command = commands(read_options({**environment, "PORT": str(port)}))["web"]
    server = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        wait_until_up(server, port)
        yield port, server.pid
    finally:
        server.terminate()
        server.wait(timeout=15)


def wait_until_up(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("The web server did not start.")


def run(port: int, path: str, write_key: str = WRITE_KEY, **orders: Any) -> Measured:
    """One run of the load generator, in its own process."""
    authorization = "Basic " + base64.b64encode(f"{write_key}:".encode()).decode()
    orders.setdefault("connections", CONNECTIONS)
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        cwd=ROOT,
        input=json.dumps(asdict(Orders("127.0.0.1", port, path, authorization, **orders))),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    measured = Measured(**json.loads(answer.stdout))
    if measured.error_count:
        raise RuntimeError(f"{measured.error_count} bad answers; the first: {measured.first_error}")
    return measured


def main() -> int:
    parser = argparse.ArgumentParser(prog="bin/bench ingest", description=__doc__)
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument(
        "--seconds", type=float, default=10, help="length of each of the three runs"
    )
    parser.add_argument(
        "--memory",
        choices=("on", "off", "both"),
        default="on",
        help="identity memory; both: only what batches cost with it and without, in turns",
    )
    parser.add_argument("--people", type=int, default=0, help="users and devices known beforehand")
    parser.add_argument(
        "--visits", choices=sorted({*KINDS}), default="", help="all visits of one kind"
    )
    options = parser.parse_args()
    if options.memory == "both":
        print(json.dumps(compare(options.seconds, options.people, options.visits), indent=1))
        return 0
    figures = measure(options.seconds, options.memory, options.people, options.visits)
    met = (
        figures["single_requests_per_second"] >= TARGETS["single_requests_per_second"]
        and figures["p99_ms_at_half"] < TARGETS["p99_ms_at_half"]
        and figures["batch_events_per_second"] >= TARGETS["batch_events_per_second"]
    )
    if options.json:
        print(json.dumps({**figures, "targets_met": met}))
    else:
        single, half, batch = figures["single"], figures["half"], figures["batch"]
        print(
            f"single events     {figures['single_requests_per_second']:>7,} requests/s   p99 "
            f"{single['p99_ms']:.1f} ms   (target 1,700)"
        )
        print(f"at 850 requests/s {'':>7} {'':10}   p99 {half['p99_ms']:.1f} ms   (target < 50)")
        print(
            f"batches of 100    {figures['batch_events_per_second']:>7,} events/s     p99 "
            f"{batch['p99_ms']:.1f} ms   (target 10,000)"
        )
        print(f"{figures['cores']} cores, PostgreSQL {figures['postgresql']}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
