"""`bin/bench transform`: events/s of parse + transform + serialize on one core, beside its floor.

The floor is what no transform can do without: ``orjson.loads``, twelve SHA-256 hex digests and
``orjson.dumps`` of the same events, and nothing else (the digests are of the message ID, which is
as long as an email address). Both are timed in turns, so that a busy machine slows both; every
number is the median of the rounds.
"""

from __future__ import annotations

import argparse
import platform
import resource
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from hashlib import sha256
from itertools import cycle, islice
from time import perf_counter
from typing import Any

import orjson

from benchmarks.workload import make_lines
from destinations.pinterest.client import encode_request
from destinations.pinterest.consent_gate import ConsentBlock
from destinations.pinterest.rule_gate import Condition, EventRule
from destinations.pinterest.transform import TransformConfig, conversion_names, transform

ROUNDS = 7
BATCH_SIZE = 1_000
NOW = 1_715_800_000.0
_HASHED_TEXTS = 12
GATES: dict[str, Any] = {
    "consent_mode": "strict",
    "consent_categories": (ConsentBlock("oneTrust", "and", ("C0002", "C0004")),),
    "us_privacy": "limit",
    "event_rules": (EventRule(False, False, (Condition("properties.value", "lt", "0"),)),),
    "bots": "filter",
}
"""All gates on; none of them filters an event of the workload that has CONSENT."""
CONSENT = {
    "provider": "oneTrust",
    "allowedConsentIds": ["C0001", "C0002", "C0003", "C0004"],
    "deniedConsentIds": ["C0005"],
    "resolutionStrategy": "and",
}


def transform_batch(lines: Iterable[bytes], config: TransformConfig) -> bytes:
    """The body of one request: every line parsed, transformed and serialized."""
    conversions = []
    for line in lines:
        event = orjson.loads(line)
        for name in conversion_names(event, config):
            conversions.append(orjson.dumps(transform(event, name, config, NOW).fields))
    return encode_request(conversions)


def floor_batch(lines: Iterable[bytes]) -> bytes:
    """The same lines with only the work nobody can leave out."""
    written = []
    for line in lines:
        event = orjson.loads(line)
        text = event["messageId"]
        for _ in range(_HASHED_TEXTS):
            sha256(text.encode()).hexdigest()
        written.append(orjson.dumps(event))
    return encode_request(written)


def with_consent(line: bytes) -> bytes:
    """A line whose event grants consent."""
    event = orjson.loads(line)
    event["context"]["consentManagement"] = CONSENT
    return orjson.dumps(event)


def in_batches(lines: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    iterator = iter(lines)
    while batch := list(islice(iterator, size)):
        yield batch


def seconds_for(work: Callable[[list[bytes]], bytes], batches: list[list[bytes]]) -> float:
    started = perf_counter()
    for batch in batches:
        work(batch)
    return perf_counter() - started


def peak_rss_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kilobytes on Linux, bytes on macOS.
    return peak / 1024 if sys.platform != "darwin" else peak / 1024 / 1024


def measure_speed(options: argparse.Namespace) -> dict[str, Any]:
    lines = make_lines(options.events)
    batches = list(in_batches(lines, options.batch))
    config = config_with_map(options.map_rows)
    gated = replace(config, **GATES)
    own: list[float] = []
    floor: list[float] = []
    consented = list(in_batches(map(with_consent, lines), options.batch))
    without_gates: list[float] = []
    with_gates: list[float] = []
    for _ in range(options.rounds):
        floor.append(options.events / seconds_for(floor_batch, batches))
        own.append(options.events / seconds_for(lambda b: transform_batch(b, config), batches))
        for speeds, chosen in ((without_gates, config), (with_gates, gated)):
            seconds = seconds_for(lambda b, c=chosen: transform_batch(b, c), consented)
            speeds.append(options.events / seconds)
    return {
        "gated_events_per_second": round(statistics.median(with_gates)),
        "share_with_gates": round(
            statistics.median(on / off for on, off in zip(with_gates, without_gates, strict=True)),
            3,
        ),
        "events_per_second": round(statistics.median(own)),
        "floor_events_per_second": round(statistics.median(floor)),
        "share_of_floor": round(
            statistics.median(mine / bare for mine, bare in zip(own, floor, strict=True)), 3
        ),
        "bytes_per_event": round(sum(map(len, lines)) / len(lines)),
    }


def measure_memory(options: argparse.Namespace) -> dict[str, Any]:
    """Streams events through and keeps none of them."""
    few = make_lines(2_000)
    config = config_with_map(options.map_rows)
    started = perf_counter()
    for batch in in_batches(islice(cycle(few), options.events), options.batch):
        transform_batch(batch, config)
    return {"events_per_second": round(options.events / (perf_counter() - started))}


def config_with_map(rows: int) -> TransformConfig:
    """A destination whose event map has ``rows`` rows; none of them is hit."""
    return TransformConfig(
        destination_name="Shop",
        advertiser_id="549755885175",
        event_map=tuple((f"Some Event {row}", "lead") for row in range(rows)),
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="bin/bench transform", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--memory", action="store_true", help="stream a million events instead")
    parser.add_argument("--events", type=int, help="default: 5,000; with --memory 1,000,000")
    parser.add_argument("--batch", type=int, default=BATCH_SIZE, help="events per batch")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--map-rows", type=int, default=10, help="rows in the event map")
    options = parser.parse_args(arguments)
    if options.events is None:
        options.events = 1_000_000 if options.memory else 5_000
    measured = measure_memory(options) if options.memory else measure_speed(options)
    result = {
        "benchmark": "transform",
        **measured,
        "peak_rss_mb": round(peak_rss_mb(), 1),
        "settings": {
            "events": options.events,
            "batch": options.batch,
            "rounds": 1 if options.memory else options.rounds,
            "map_rows": options.map_rows,
            "memory": options.memory,
            "python": platform.python_version(),
            "machine": platform.machine(),
        },
    }
    if options.json:
        print(orjson.dumps(result).decode())
        return
    print(f"{result['events_per_second']:>9,} events/s  parse + transform + serialize, one core")
    if not options.memory:
        print(
            f"{result['floor_events_per_second']:>9,} events/s  floor: parse, 12 digests, serialize"
        )
        print(f"{result['share_of_floor']:>9.0%} of the floor")
        print(
            f"{result['gated_events_per_second']:>9,} events/s  "
            f"with consent, event rules and bots on ({result['share_with_gates']:.0%})"
        )
    print(f"{result['peak_rss_mb']:>9} MB peak memory")


if __name__ == "__main__":
    main()
