"""A started CAPI Relay to attack, and the rows that say what an attack came to."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import requests

from benchmarks.ports import free_port
from launcher.commands import commands, read_options
from launcher.processes import Child
from tests.outsider import Person, Worker
from tests.stack import PRODUCT_PYTHON, Shop, Stack

T = TypeVar("T")
PASSWORD = "sesame-and-poppy-9"
ADD_PEOPLE = f"""
from django.contrib.auth.models import Group, User
from accounts.roles import VIEWER, make_groups
make_groups()
User.objects.create_superuser("root", password="{PASSWORD}")
viewer = User.objects.create_user("viewer", password="{PASSWORD}", is_staff=True)
viewer.groups.add(Group.objects.get(name=VIEWER))
"""
RATE = 5
SHOPS: dict[str, dict[str, Any]] = {
    "plain": {},
    "ids of addresses": {"dedup_key": "context.traits.email"},
    "limited": {"source": {"rate_limit_per_second": RATE}},
    "limited, for a batch": {"source": {"rate_limit_per_second": RATE}},
    "of pages alone": {"source": {"allowed_origins": "https://shop.example"}},
    "public": {"source": {"is_public": True}},
    "public, with an order": {"source": {"is_public": True}},
    "public, with a backfill": {"source": {"is_public": True}},
}
"""What ``Stack.add_shop`` makes of them; an attack that counts has one to itself."""
GUARDED = {"DEBUG": "true", "HTTPS_ONLY": "true", "TRUSTED_PROXY_HEADER": "X-Real-IP"}
INDEX = """
from datetime import timedelta
from django.utils import timezone
from deliveries.search.search_keys import index_events
index_events(timezone.now() + timedelta(minutes=5))
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``number`` is that of the attack in docs/security.md."""

    number: int
    attack: str
    measured: str
    bound: str
    held: bool


class Target:
    """The stack under attack. ``is_short``: fewer of everything. ``lines``: what its parts
    printed."""

    def __init__(self, stack: Stack, lines: list[str], *, is_short: bool) -> None:
        self.stack = stack
        self.lines = lines
        self.is_short = is_short
        stack.manage("shell", "--verbosity", "0", "-c", ADD_PEOPLE)
        self.shops = dict(zip(SHOPS, stack.add_shops(*SHOPS.values()), strict=True))
        self.shop = self.shops["plain"]

    @cached_property
    def root(self) -> Person:
        return self._signed_in("root")

    @cached_property
    def viewer(self) -> Person:
        """May look at the log and the set-up, and not see personal data."""
        return self._signed_in("viewer")

    @cached_property
    def worker(self) -> Worker:
        return Worker(self.stack.pid("web"))

    @cached_property
    def guarded_port(self) -> int:
        """Of a second web server on the same data, with the settings of GUARDED."""
        port = free_port()
        options = read_options({**self.stack.env, "PORT": str(port)})
        self.stack.add_part("web-2", commands(options, PRODUCT_PYTHON)["web"], **GUARDED)
        self.stack.start("web-2")
        self.stack.wait_until(lambda: answers(port), seconds=60)
        return port

    def shell(self, script: str, given: Any = None) -> Any:
        """What a script prints last, as JSON, run by `manage.py shell` with ``given`` as its
        input."""
        text = json.dumps(given)
        printed = self.stack.manage("shell", "--verbosity", "0", "-c", script, stdin=text)
        lines = printed.strip().splitlines()
        return json.loads(lines[-1]) if lines else None

    def post(self, event: Any, write_key: str = "", path: str = "/v1/track", **options: Any) -> int:
        """The status of one POST with a connection of its own."""
        auth = (write_key, "") if write_key else None
        url = f"{self.stack.url}{path}"
        return requests.post(url, json=event, auth=auth, timeout=60, **options).status_code

    def cpu_seconds_of(self, act: Callable[[], Any]) -> float:
        """Processor time of the web process while ``act`` runs."""
        before = self.worker.cpu_seconds()
        act()
        return self.worker.cpu_seconds() - before

    def tracebacks_since(self, start: int) -> int:
        """How many tracebacks its parts printed from line ``start`` on."""
        return sum("Traceback (most recent call last)" in line for line in self.lines[start:])

    def events_of(self, shop: Shop) -> int:
        statement = "SELECT count(*) FROM deliveries_event WHERE source_id = %s"
        ((count,),) = self.stack.rows(statement, shop.source_id)
        return int(count)

    def deliveries_of(self, shop: Shop, message_id: str) -> list[int]:
        rows = self.stack.rows(
            "SELECT d.id FROM deliveries_delivery d JOIN deliveries_event e ON e.id = d.event_id "
            "WHERE d.destination_id = %s AND e.message_id = %s",
            shop.destination_id,
            message_id,
        )
        return [pk for (pk,) in rows]

    def _signed_in(self, name: str) -> Person:
        person = Person(self.stack.url)
        page = person.sign_in(name, PASSWORD)
        assert page.status_code == 200, f"{name} cannot sign in: {page.status_code}"
        assert "/login/" not in page.url, f"{name} cannot sign in"
        return person


@contextmanager
def running(
    name: str,
    command: list[str],
    environment: dict[str, str],
    show: Callable[[str, str], None] = lambda name, line: None,
) -> Iterator[Child]:
    """A process of its own until the block ends."""
    child = Child(name, command, environment, show)
    child.start()
    try:
        yield child
    finally:
        child.ask_to_stop()
        child.wait(15)
        child.clear_away()


def answers(port: int) -> bool:
    """Whether a relay on this port says that it is well; it may want to be asked by HTTPS."""
    try:
        found = requests.get(
            f"http://127.0.0.1:{port}/health", timeout=2, headers={"X-Forwarded-Proto": "https"}
        )
    except requests.RequestException:
        return False
    return found.status_code == 200


def took(act: Callable[[], T]) -> tuple[float, T]:
    """(seconds, result)"""
    started = time.monotonic()
    result = act()
    return time.monotonic() - started, result
