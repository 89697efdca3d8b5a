"""A chaos run from beginning to end: start everything, break it, let it drain, judge."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

from deliveries.db.compression import unpack
from launcher.commands import read_options, worker_names
from pinterest_sandbox import Sandbox
from tests.chaos.faults import FreezeFaults, Person, ProcessFaults, SandboxFaults
from tests.chaos.report import FATES, Report, judge, read_fates, wrong_people
from tests.chaos.roll_call import missing_workers
from tests.chaos.senders import MAX_DOOMED, ONLY_DOOMED, Kind, Record, Sender
from tests.chaos.servers import OwnRedis, Postgres, find_postgres
from tests.stack import Stack

LEASE_SECONDS = 10
RETRY_DELAYS_SECONDS = (0.3, 0.5, 0.5, 1, 1, 1, 1, 1, 1.5, 1.5)
"""A small budget: what nothing can deliver is dead ten seconds later."""
VARIABLES = {
    # The shortest lease there may be, timeouts that fit into it, quick retries.
    "LEASE_SECONDS": str(LEASE_SECONDS),
    "CONNECT_TIMEOUT_SECONDS": "2",
    "READ_TIMEOUT_SECONDS": "3",
    "RETRY_DELAYS_SECONDS": ",".join(map(str, RETRY_DELAYS_SECONDS)),
    "BATCH_MAX_CONVERSIONS": "100",
    "BATCH_LINGER_SECONDS": "0.3",
    "WORKER_PROCESSES": "3",
    "WEB_WORKERS": "2",
    "LOG_LEVEL": "WARNING",
}
SHOPS = 2
DOOM = "status=408"
"""The answer to every request of the doomed account. Not a 5xx: those open the circuit, and a
probe a minute would not use up a budget while anybody looks."""
LAST_POST_SECONDS = 60
ROLL_CALL_DRAIN_SECONDS = 15


def run_chaos(
    *,
    seed: int,
    seconds: float,
    events_per_second: float,
    drain_seconds: float = 180,
    log: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Report:
    """Blow for ``seconds``, drain for up to ``drain_seconds``, and judge what is left.

    ``log`` gets every line that the processes print. Raises ServerMissing when PostgreSQL or
    Redis is not installed.
    """
    with find_postgres() as postgres, OwnRedis() as redis, open(log or "/dev/null", "w") as lines:
        stack = Stack(
            database_url=postgres.url,
            redis_url=redis.url,
            variables=VARIABLES,
            show=lambda name, line: print(
                f"{time.strftime('%H:%M:%S')} {name}: {line}", file=lines, flush=True
            ),
        )
        stack.sandbox = Sandbox(seed=seed, keep_conversions=0)
        with stack:
            run = _ChaosRun(stack, postgres, redis, seed, events_per_second)
            say(
                f"Seed {seed}: everything is up on {stack.url}; {seconds:.0f} s of faults start "
                f"now."
            )
            if not postgres.is_own:
                say(
                    "This PostgreSQL server isn't ours: only its connections are cut; it's never "
                    "restarted."
                )
            run.work(seconds)
            say("Faults finished; waiting for the queue to drain.")
            return run.end(drain_seconds)


class _ChaosRun:
    def __init__(
        self,
        stack: Stack,
        postgres: Postgres,
        redis: OwnRedis,
        seed: int,
        events_per_second: float,
    ) -> None:
        self.stack = stack
        self.record = Record(seed)
        self.process_faults = ProcessFaults(seed, stack, postgres, redis, self.record)
        self.workers = worker_names(read_options(stack.env))
        *self.process_faults.workers, frozen = self.workers
        self.other_faults = (
            SandboxFaults(seed, stack),
            FreezeFaults(seed, stack, frozen, LEASE_SECONDS),
        )
        self.person = Person(stack)
        self.shops = [stack.add_shop() for _ in range(SHOPS)]
        # A rate limit that nobody reaches: ingest asks Redis about it.
        stack.rows("UPDATE destinations_source SET rate_limit_per_second = 100000 RETURNING id")
        for kind, fault in ((Kind.POISON, "poison"), (Kind.FAILING, "fail")):
            stack.sandbox.add_fault(f"{fault}={','.join(self.record.bad_ids(kind))}")
        self.senders = [
            Sender(
                stack.url,
                shop.write_key,
                self.record,
                seed=f"sender {seed} {number}",
                events_per_second=events_per_second / SHOPS,
            )
            for number, shop in enumerate(self.shops)
        ]
        doomed = stack.add_shop()
        stack.sandbox.add_fault(DOOM, account=doomed.advertiser_id)
        self.senders.append(
            Sender(
                stack.url,
                doomed.write_key,
                self.record,
                seed=f"doomed sender {seed}",
                events_per_second=events_per_second / 5,
                weights=ONLY_DOOMED,
                most_events=MAX_DOOMED,
            )
        )

    def work(self, seconds: float) -> None:
        for thread in (*self.senders, self.person):
            thread.start()
        with ThreadPoolExecutor(len(self.other_faults)) as pool:
            running = [pool.submit(faults.run) for faults in self.other_faults]
            ending = threading.Timer(seconds, self._stop_faults)
            ending.start()
            try:
                self.process_faults.run()
            finally:
                ending.cancel()
                self._stop_faults()
            for one in running:
                one.result()

    def _stop_faults(self) -> None:
        for faults in (self.process_faults, *self.other_faults):
            faults.stop()

    def end(self, drain_seconds: float) -> Report:
        started = time.monotonic()
        self.process_faults.revive_the_dead()
        for sender in self.senders:
            if not sender.finish(LAST_POST_SECONDS):
                self.record.surprises.append(
                    "a sender got no 200 for its last batch, with all healed"
                )
        self._drain(started + drain_seconds)
        drained_after = time.monotonic() - started
        self.person.go_home()
        report = judge(
            self.record.accepted,
            read_fates(self.stack.rows(FATES)),
            self.stack.sandbox.event_ids(),
            len(RETRY_DELAYS_SECONDS) + 1,
        )
        self.process_faults.revive_the_dead()
        called_at = time.monotonic()
        report.violations += missing_workers(self.stack, self.shops[0], self.workers)
        called_for = time.monotonic() - called_at
        self._drain(time.monotonic() + ROLL_CALL_DRAIN_SECONDS)
        report.violations += [
            *wrong_people(
                unpack(body)
                for (body,) in self.stack.rows(
                    "SELECT request_body FROM deliveries_batch WHERE request_body IS NOT NULL"
                )
            ),
            *self._leftovers(),
            *self.record.surprises,
            *self.process_faults.surprises,
        ]
        report.counts["kills"] = self.process_faults.kills
        report.counts["restarts"] = self.process_faults.restarts
        others = (one.faults_dealt for one in self.other_faults)
        dealt = sum(others, self.process_faults.faults_dealt)
        report.lines = [
            f"Drained {drained_after:.0f} s after the faults.",
            f"All {len(self.workers)} workers claimed work again, after {called_for:.1f} s.",
            f"Responses to senders: {_list(self.record.answers)}.",
            f"Faults: {_list(dealt)}.",
            f"Destinations resumed: {_list(self.person.resumed) or 'none'}.",
        ]
        return report

    def _drain(self, deadline: float) -> None:
        """Wait until nothing is open or ``deadline`` (monotonic) has come."""
        while time.monotonic() < deadline and self._open_count():
            time.sleep(0.1)

    def _open_count(self) -> int:
        try:
            return self.stack.rows(
                "SELECT (SELECT count(*) FROM deliveries_delivery WHERE due_at IS NOT NULL)"
                " + (SELECT count(*) FROM deliveries_claim)"
                # Rejected while it was being identified: found half a minute later.
                " + (SELECT count(*) FROM deliveries_delivery d"
                " JOIN deliveries_event e ON e.id = d.event_id WHERE d.status = 'rejected'"
                " AND d.error_code = 'missing_user_data' AND strpos(e.message_id, '-known-') > 0)"
            )[0][0]
        except psycopg.OperationalError:
            return 1

    def _leftovers(self) -> list[str]:
        found = []
        for what, statement in (
            ("deliveries are sending", "deliveries_delivery WHERE status = 'sending'"),
            ("deliveries are pending", "deliveries_delivery WHERE status = 'pending'"),
            ("claims were never ended", "deliveries_claim"),
        ):
            if count := self.stack.rows(f"SELECT count(*) FROM {statement}")[0][0]:
                found.append(f"{count} {what}")
        return found


def _list(counts: Counter[str]) -> str:
    return ", ".join(f"{name} ×{count}" for name, count in sorted(counts.items()))
