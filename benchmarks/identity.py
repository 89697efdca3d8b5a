"""What identity memory costs: `bin/bench identity [--json] [--people 1000000] [--events 20000]`.

In one process, on a database that knows so many people: the rows of ingest are written, and claimed
events are made into conversions, for a source with memory on and for one with it off, in turns.
What counts is processor time, of this process and of PostgreSQL's session. A visit has some
events; each says the traits of its person, as RudderStack's SDKs do (--silent: only the first
does).
"""

from __future__ import annotations

import random
import statistics
import time
import uuid
from typing import Any

import orjson

from benchmarks.command import Command
from benchmarks.rig import Rig, cpu_seconds
from benchmarks.workload import make_event

ROUNDS = 10
EVENTS_OF_A_VISIT = 6
BATCH = 100


def main() -> int:
    command = Command("identity", __doc__)
    command.add_argument("--people", type=int, default=1_000_000, help="people stored beforehand")
    command.add_argument("--events", type=int, default=20_000, help="events of each kind")
    command.add_argument(
        "--silent", action="store_true", help="only a visit's first event names it"
    )
    options = command.read()
    with Rig() as rig:
        rig.configure_django()
        figures = _measure(options.people, options.events, options.silent)
    command.print_figures(figures)
    return 0


def _measure(people: int, count: int, silent: bool) -> dict[str, Any]:
    from django.db import connection

    from destinations.models import Destination, Source

    destination = Destination.objects.create(
        name="Bench", service="sandbox", advertiser_id="549755885175", conversion_token="token"
    )
    sources = {
        memory: Source.objects.create(name=memory, write_key=memory, identity_memory=memory)
        for memory in ("off", "on")
    }
    destination.sources.set(sources.values())
    bytes_per_person = _store_people(sources["on"].space_when_on, people)
    connection.ensure_connection()
    backend: int = connection.connection.info.backend_pid

    def used(work: Any) -> float:
        """Seconds of both processes."""
        before = time.process_time() + cpu_seconds(backend)
        work()
        return time.process_time() + cpu_seconds(backend) - before

    events = _visits(count, people, silent)
    step = count // ROUNDS
    seconds: dict[str, list[float]] = {}
    for round_number in range(ROUNDS):
        part = events[round_number * step : (round_number + 1) * step]
        for memory in ("off", "on") if round_number % 2 else ("on", "off"):
            seconds.setdefault(f"ingest_{memory}", []).append(
                used(lambda memory=memory, part=part: _ingest(sources[memory].write_key, part))
            )
    for round_number in range(ROUNDS):
        part = events[round_number * step : (round_number + 1) * step]
        for memory in ("off", "on") if round_number % 2 else ("on", "off"):
            seconds.setdefault(f"transform_{memory}", []).append(
                used(
                    lambda memory=memory, part=part: _transform(destination, sources[memory], part)
                )
            )
    cost = {name: statistics.median(found) / step * 1e6 for name, found in seconds.items()}
    return {
        "people": people,
        "bytes_per_person": round(bytes_per_person),
        **{f"{name}_us": round(one, 1) for name, one in cost.items()},
        "ingest_ratio": round(cost["ingest_on"] / cost["ingest_off"], 3),
        "transform_ratio": round(cost["transform_on"] / cost["transform_off"], 3),
    }


def _store_people(space: str, count: int) -> float:
    """``count`` users with an email and a phone number; returns the bytes of each on disk."""
    from django.db import connection

    from deliveries.identity.keys import key_of, uuid_of
    from destinations.pinterest.identity import USER, Entry, encode

    connection.ensure_connection()
    digests = [f"{number:064x}" for number in range(1000)]
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY deliveries_person (key, entries, user_id, is_device, is_shared, seen_on, "
            "version) "
            "FROM STDIN"
        ) as copy,
    ):
        for number in range(count):
            one = Entry((digests[number % 1000],), "identify", 1_795_000_000, True)
            copy.write_row(
                (
                    uuid_of(key_of(space, USER, f"user-{number}")),
                    encode({"em": one, "ph": one}),
                    None,
                    False,
                    False,
                    "2026-11-01",
                    1,
                )
            )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE deliveries_person")
        cursor.execute("SELECT pg_total_relation_size('deliveries_person')")
        (size,) = cursor.fetchone()
    return float(size) / max(count, 1)


def _visits(count: int, people: int, silent: bool) -> list[dict[str, Any]]:
    """Events of people who come and do some things; half of the people are known already."""
    draw = random.Random(1)
    visits: list[list[dict[str, Any]]] = []
    for visit in range(count // EVENTS_OF_A_VISIT + 1):
        user = f"user-{draw.randrange(max(people, 1) * 2)}"
        device = str(uuid.UUID(int=draw.getrandbits(128), version=4))
        events = []
        for number in range(EVENTS_OF_A_VISIT):
            event = make_event(visit * EVENTS_OF_A_VISIT + number)
            event |= {"userId": user, "anonymousId": device}
            if number:
                event["context"] = dict(events[0]["context"])
                event["context"].pop("page", None)
                for key in ("clickId", "url"):
                    event.get("properties", {}).pop(key, None)
            if number and silent:
                del event["context"]["traits"]
            events.append(event)
        visits.append(events)
    # Twenty visits at a time, an event of each in turn.
    mixed = []
    for start in range(0, len(visits), 20):
        for turn in zip(*visits[start : start + 20], strict=True):
            mixed += turn
    return mixed[:count]


def _ingest(write_key: str, events: list[dict[str, Any]]) -> None:
    from django.utils import timezone

    from deliveries.ingest.envelope import Arrival, accept_event
    from deliveries.ingest.store import prepare_intake, write_intakes
    from destinations.routing import routes_for

    routes = routes_for(write_key)
    assert routes is not None
    arrival = Arrival(timezone.now(), "203.0.113.7")
    for start in range(0, len(events), BATCH):
        accepted = [
            accept_event(orjson.loads(orjson.dumps(one)), "", arrival)
            for one in events[start : start + BATCH]
        ]
        write_intakes([prepare_intake(routes, accepted, [], arrival.received_at)])


def _transform(destination: Any, source: Any, events: list[dict[str, Any]]) -> None:
    from deliveries.db.compression import pack
    from deliveries.engine.dispatch import POLICY
    from deliveries.engine.preparation import transform_each
    from deliveries.engine.types import ClaimedDelivery
    from deliveries.identity.reading import identity_spaces

    spaces = identity_spaces() if source.space else {}
    claimed = (
        ClaimedDelivery(number, 1, "checkout", one["messageId"], source.pk, pack(orjson.dumps(one)))
        for number, one in enumerate(events)
    )
    made = transform_each(claimed, destination.transform_config(), time.time(), POLICY, spaces)
    assert sum(1 for _ in made) == len(events)


if __name__ == "__main__":
    raise SystemExit(main())
