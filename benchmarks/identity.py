"""What identity memory costs: `bin/bench identity [--json] [--people 1000000] [--events 12000]`.

In one process, on a database that knows so many people: the rows of ingest are written, and claimed
events are made into conversions, for a source with memory on and for one with it off, in turns.
What counts is processor time, of this process and of PostgreSQL's session. For each kind of visit
(``people.py``), and for all kinds as a shop has them.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from typing import Any

import orjson

from benchmarks.command import Command
from benchmarks.load import make_event
from benchmarks.people import EVENTS_OF_A_VISIT, KINDS, VISITORS, store_people, visitor
from benchmarks.rig import Rig, cpu_seconds

ROUNDS = 12
BATCH = 100
VISITS_AT_ONCE = 20


def main() -> int:
    command = Command("identity", __doc__)
    command.add_argument(
        "--people", type=int, default=1_000_000, help="users and devices known beforehand"
    )
    command.add_argument("--events", type=int, default=12_000, help="events of each kind")
    options = command.read()
    with Rig() as rig:
        rig.configure_django()
        figures = _measure(options.people, options.events)
    command.print_figures(figures)
    return 0


def _measure(people: int, count: int) -> dict[str, Any]:
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
    bytes_per_person = store_people("on", people)
    connection.ensure_connection()
    backend: int = connection.connection.info.backend_pid

    def used(work: Any) -> float:
        """Seconds of both processes."""
        gc.collect()
        before = time.process_time() + cpu_seconds(backend)
        work()
        return time.process_time() + cpu_seconds(backend) - before

    figures: dict[str, Any] = {"people": people, "bytes_per_person": round(bytes_per_person)}
    for name, kinds in (("mixed", KINDS), *((kind, (kind,)) for kind in dict.fromkeys(KINDS))):
        step = count // ROUNDS
        seconds: dict[str, list[float]] = {}
        for round_number in range(ROUNDS):
            part = list(_visits(step, kinds, f"{name}-{round_number}", round_number))
            for memory in ("off", "on") if round_number % 2 else ("on", "off"):
                seconds.setdefault(f"ingest_{memory}", []).append(
                    used(lambda memory=memory, part=part: _ingest(memory, part))
                )
            for memory in ("off", "on") if round_number % 2 else ("on", "off"):
                work = _claimed(destination, sources[memory], part)
                seconds.setdefault(f"claim_{memory}", []).append(used(work))
        # The least of the rounds: what else the machine does only ever adds.
        figures[name] = {what: round(min(found) / step * 1e6, 1) for what, found in seconds.items()}
    return figures | {"plan_of_reading": _plan_of_reading()}


def _visits(
    count: int, kinds: tuple[str, ...], prefix: str, round_number: int
) -> Iterator[dict[str, Any]]:
    """Twenty visits at a time, an event of each in turn."""
    first = round_number * count // EVENTS_OF_A_VISIT
    for number in range(count):
        turn, place = divmod(number, VISITS_AT_ONCE)
        visit = first + turn // EVENTS_OF_A_VISIT * VISITS_AT_ONCE + place
        kind = kinds[visit % len(kinds)]
        who = visitor(visit) if kind == "known" else f"{prefix}-{visit:015d}"
        yield orjson.loads(make_event(f"{prefix}-{number}", kind, who))


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


def _claimed(destination: Any, source: Any, events: list[dict[str, Any]]) -> Any:
    """What a worker does between its claim and its request; the events' people are known."""
    from deliveries.db.compression import pack
    from deliveries.engine.dispatch import POLICY
    from deliveries.engine.preparation import transform_each
    from deliveries.engine.types import ClaimedDelivery
    from deliveries.identity.reading import identity_spaces

    claimed = [
        ClaimedDelivery(number, 1, "checkout", one["messageId"], source.pk, pack(orjson.dumps(one)))
        for number, one in enumerate(events)
    ]

    def work() -> None:
        spaces = identity_spaces() if source.space else {}
        made = transform_each(claimed, destination.transform_config(), time.time(), POLICY, spaces)
        assert sum(1 for _ in made) == len(events)

    return work


def _plan_of_reading() -> list[str]:
    """How PostgreSQL finds the people of a claim: 250 users and their devices."""
    from django.db import connection

    from deliveries.identity import rows
    from deliveries.identity.keys import key_of
    from destinations.pinterest.identity import DEVICE, USER
    from destinations.routing import routes_for

    routes = routes_for("on")
    assert routes is not None
    assert routes.identity_space is not None
    keys = [
        key_of(routes.identity_space, kind, text.format(visitor(number * 7 % VISITORS))).hex()
        for number in range(250)
        for kind, text in ((USER, "user-{}"), (DEVICE, "device-of-{}"))
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) "
            + rows.statement(True, with_users=True),
            ["{" + ",".join(keys) + "}"],
        )
        return [line[:120] for (line,) in cursor.fetchall()]


if __name__ == "__main__":
    raise SystemExit(main())
