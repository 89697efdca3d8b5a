"""The faults of a chaos run: what is killed, cut, frozen and made to lie, drawn from a seed."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable

import psycopg

from tests.chaos.senders import Record
from tests.chaos.servers import OwnRedis, Postgres
from tests.stack import Stack

STOP_SECONDS = 10
FAULTS = (
    "latency=0.3-1",
    "latency=4-6",  # longer than the read timeout of the run
    "drop=before:0.5",
    "drop=after:0.5",
    "drop=midway:0.5",
    "truncate=0.5",
    "wrong_count=0.5",
    "nonsense=0.5",
    "status=500:0.6",
    "status=503",
    "status=429:0.7",
    "rate_limit=2/1",
    "status=401",
)

Fault = Callable[[], None]


class Faults:
    """Makes faults one after the other until ``stop()``; each heals what it broke.

    Every fault is made once before any is made again. ``faults_dealt`` counts them by name.
    """

    def __init__(self, seed: str, pause_seconds: tuple[float, float]) -> None:
        self.dice = random.Random(seed)
        self.faults_dealt: Counter[str] = Counter()
        self._pause_seconds = pause_seconds
        self._is_stopped = threading.Event()

    def deck(self) -> list[tuple[str, Fault]]:
        raise NotImplementedError

    def run(self) -> None:
        """Returns once it was told to stop, and the fault under way has healed."""
        while True:
            deck = self.deck()
            self.dice.shuffle(deck)
            for name, make_fault in deck:
                if self._is_stopped.wait(self.dice.uniform(*self._pause_seconds)):
                    return
                self.faults_dealt[name] += 1
                make_fault()

    def stop(self) -> None:
        """Deal no more."""
        self._is_stopped.set()

    def hold(self, least: float, most: float) -> None:
        """How long a fault lasts; shorter at the end of the run."""
        self._is_stopped.wait(self.dice.uniform(least, most))


class ProcessFaults(Faults):
    """What happens to our own processes and servers.

    It runs in the main thread: a part is told to end when the thread that started it ends
    (launcher/parent_watch.py).
    """

    def __init__(
        self, seed: int, stack: Stack, postgres: Postgres, redis: OwnRedis, record: Record
    ) -> None:
        super().__init__(f"ground {seed}", (0.3, 1.5))
        self._stack, self._postgres, self._redis, self._record = stack, postgres, redis, record
        self.workers: list[str] = []
        self.kills = self.restarts = 0
        self.surprises: list[str] = []

    def deck(self) -> list[tuple[str, Fault]]:
        return [
            ("kill -9 of a worker while it sends", self._kill_worker),
            ("kill -9 of a worker while it sends", self._kill_worker),
            ("kill -9 of web during ingest", self._kill_web),
            ("kill -9 of beat", self._kill_beat),
            ("SIGTERM of a worker", self._replace_worker),
            ("Redis stopped", self._stop_redis),
            ("Redis killed", self._kill_redis),
            ("Redis flushed", self._redis.flush),
            ("Redis frozen", self._freeze_redis),
            ("PostgreSQL restarted", self._restart_postgres),
            ("PostgreSQL away", self._stop_postgres),
            ("PostgreSQL's connections cut", self._cut_connections),
        ]

    def revive_the_dead(self) -> None:
        """Start what ended without being told to, and remember that it did."""
        for name in self._stack.parts():
            if not self._stack.is_running(name):
                said = " | ".join(self._stack.output(name)[-3:])
                self.surprises.append(f"{name} ended unexpectedly: {said}")
                self._start(name)

    def _start(self, name: str) -> None:
        self._stack.start(name)
        self.restarts += 1

    def _kill(self, name: str) -> None:
        self.revive_the_dead()
        self._stack.kill(name)
        self.kills += 1
        self.hold(0.2, 1.5)
        self._start(name)

    def _kill_worker(self) -> None:
        """One that holds a claim at that moment, if there is one within three seconds."""
        deadline = time.monotonic() + 3
        chosen = self.dice.choice(self.workers)
        while time.monotonic() < deadline:
            claims = [
                worker for (worker,) in self._stack.rows("SELECT worker FROM deliveries_claim")
            ]
            busy = [
                name
                for name in self.workers
                if any(f":{self._stack.pid(name)}:" in worker for worker in claims)
            ]
            if busy:
                chosen = self.dice.choice(busy)
                break
            time.sleep(0.02)
        self._kill(chosen)

    def _kill_web(self) -> None:
        deadline = time.monotonic() + 3
        while not self._record.posting_count and time.monotonic() < deadline:
            time.sleep(0.002)
        self._kill("web")

    def _kill_beat(self) -> None:
        self._kill("beat")

    def _replace_worker(self) -> None:
        self.revive_the_dead()
        name = self.dice.choice(self.workers)
        if not self._stack.stop_part(name, STOP_SECONDS):
            self.surprises.append(f"{name} did not end within {STOP_SECONDS} s of SIGTERM")
        self._start(name)

    def _stop_redis(self) -> None:
        self._redis.stop()
        self.hold(1, 4)
        self._redis.start()
        self.restarts += 1

    def _kill_redis(self) -> None:
        self._redis.kill()
        self.kills += 1
        self._redis.start()
        self.restarts += 1

    def _freeze_redis(self) -> None:
        self._redis.freeze()
        self.hold(1, 4)
        self._redis.thaw()

    def _restart_postgres(self) -> None:
        self._postgres.restart()
        self.restarts += 1

    def _stop_postgres(self) -> None:
        self._postgres.stop()
        self.hold(1, 4)
        self._postgres.start()
        self.restarts += 1

    def _cut_connections(self) -> None:
        self._postgres.cut_connections()


class FreezeFaults(Faults):
    """A worker that stands still until its lease is over, and wakes up with an old claim."""

    def __init__(self, seed: int, stack: Stack, worker: str, lease_seconds: float) -> None:
        super().__init__(f"frost {seed}", (2, 5))
        self._stack, self._worker, self._lease_seconds = stack, worker, lease_seconds

    def deck(self) -> list[tuple[str, Fault]]:
        return [("a worker frozen for longer than its lease", self._freeze)]

    def _freeze(self) -> None:
        pid = self._stack.pid(self._worker)
        if pid is None or not self._stack.is_running(self._worker):
            return  # the ground will notice
        os.kill(pid, signal.SIGSTOP)
        try:
            self.hold(self._lease_seconds + 1, self._lease_seconds + 2)
        finally:
            if self._stack.is_running(self._worker):
                os.kill(pid, signal.SIGCONT)


class SandboxFaults(Faults):
    """What happens at Pinterest's end."""

    def __init__(self, seed: int, stack: Stack) -> None:
        super().__init__(f"sky {seed}", (0.2, 1.0))
        self._stack = stack

    def deck(self) -> list[tuple[str, Fault]]:
        faults: list[tuple[str, Fault]] = [
            (f"sandbox: {line}", lambda line=line: self._break(line)) for line in FAULTS
        ]
        return [*faults, ("sandbox refuses connections", self._refuse)]

    def _break(self, line: str) -> None:
        with self._stack.sandbox.fault(line):
            self.hold(0.7, 2.5)

    def _refuse(self) -> None:
        self._stack.sandbox.stop()
        self.hold(0.7, 2.5)
        self._stack.sandbox.start()


class Person(threading.Thread):
    """Resumes a destination that was paused, as somebody on call would, once it is worth it."""

    RESUME = (
        "from deliveries.actions.operations import resume\n"
        "from destinations.models import Destination\n"
        "for found in Destination.objects.filter(paused_at__isnull=False):\n"
        "    print(found.paused_code)\n"
        "    resume(found.pk)\n"
    )

    def __init__(self, stack: Stack) -> None:
        super().__init__(name="person", daemon=True)
        self._stack = stack
        self._may_go_home = threading.Event()
        self.resumed: Counter[str] = Counter()

    def run(self) -> None:
        while not self._may_go_home.wait(0.5):
            try:
                paused = self._stack.rows(
                    "SELECT 1 FROM destinations_destination WHERE paused_at IS NOT NULL"
                )
                if paused:
                    said = self._stack.manage("shell", "--verbosity", "0", "-c", self.RESUME)
                    self.resumed.update(said.split())
            except (psycopg.OperationalError, AssertionError):
                continue  # no database right now: the person tries again

    def go_home(self) -> None:
        self._may_go_home.set()
        self.join(30)
