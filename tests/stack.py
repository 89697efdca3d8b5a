"""The whole of CAPI Relay as real processes, on scratch databases, with a sandbox to look into.

Web, worker and beat run with the very commands of `bin/run`, by an interpreter that has only what
requirements.txt pins when `bin/test` names one (TEST_PRODUCT_PYTHON). They get a scratch PostgreSQL
database and a scratch Redis database when the test run has those, and else a scratch data folder
with SQLite and files. The sandbox is a real HTTP server in the test process, so that a test can
ask it what arrived and tell it what to break.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

import requests

from benchmarks.ports import free_port
from launcher.commands import commands, part_environment, read_options, worker_names
from launcher.processes import Child
from pinterest_sandbox import Sandbox
from tests.scratch import ScratchDatabase, ScratchRedis
from tests.variables import BASE_DIR, settings_variables

T = TypeVar("T")
PRODUCT_PYTHON = os.environ.get("TEST_PRODUCT_PYTHON") or sys.executable
_numbers = itertools.count(1)

ADD_SHOPS = """
import json, sys
from destinations.models import Destination, EventMapping, Source
added = []
for wanted in json.loads(sys.stdin.read()):
    source = Source.objects.create(**wanted["source"])
    destination = Destination.objects.create(service="sandbox", **wanted["destination"])
    destination.sources.add(source)
    for here, there in wanted["event_map"].items():
        EventMapping.objects.create(
            destination=destination, source_event_name=here, pinterest_event_name=there
        )
    added.append([source.pk, destination.pk])
print(json.dumps(added))
"""


class Shop:
    """A source with one destination of its own, so that tests on one stack do not meet."""

    def __init__(self, write_key: str, advertiser_id: str, source_id: int, destination_id: int):
        self.write_key = write_key
        self.advertiser_id = advertiser_id
        self.source_id = source_id
        self.destination_id = destination_id


class Stack:
    """Start with ``with Stack(...) as stack``; ``variables`` adds to the processes' environment.

    ``show(name, line)`` gets every line that a part prints.
    """

    def __init__(
        self,
        *,
        database_url: str = "",
        redis_url: str = "",
        variables: dict[str, str] | None = None,
        folder: Path | None = None,
        show: Callable[[str, str], None] = lambda name, line: None,
        before_migrate: Callable[[Stack], None] = lambda stack: None,
        after_migrate: Callable[[Stack], None] = lambda stack: None,
    ) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="capi-relay-stack-"))
        self.sandbox = Sandbox()
        self._database = ScratchDatabase(database_url) if database_url else None
        self._redis = ScratchRedis(redis_url) if redis_url else None
        self._given_variables = variables or {}
        self._show = show
        self._before_migrate = before_migrate
        self._after_migrate = after_migrate
        self._children: dict[str, Child] = {}
        self._session = requests.Session()
        self.env: dict[str, str] = {}
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def on_postgres(self) -> bool:
        return self._database is not None

    def __enter__(self) -> Self:
        try:
            self.sandbox.start()
            self.port = free_port()
            self.env = self._environment()
            self._before_migrate(self)
            self.manage("migrate", "--verbosity", "0")
            self._after_migrate(self)
            self.start("web", *worker_names(read_options(self.env)), "beat")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _environment(self) -> dict[str, str]:
        unwanted = settings_variables() | {"HOST", "WEB_THREADS", "WORKER_THREADS"}
        environment = {name: value for name, value in os.environ.items() if name not in unwanted}
        environment |= {
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "capi_project.settings",
            "CAPI_DATA_DIR": str(self.folder),
            "SANDBOX_URL": self.sandbox.url,
            "PORT": str(self.port),
            "WEB_WORKERS": "1",
            "WORKER_PROCESSES": "1",
            # A test may say in X-Forwarded-For where it comes from; 127.0.0.1 is no visitor's.
            "TRUSTED_PROXY_COUNT": "1",
        }
        if self._database:
            environment["DATABASE_URL"] = self._database.create()
        if self._redis:
            environment["REDIS_URL"] = self._redis.reserve()
        return environment | self._given_variables

    # --- Processes -------------------------------------------------------------------------------

    def start(self, *names: str) -> None:
        """Start parts that do not run; returns when the web server, if among them, answers."""
        lines = commands(read_options(self.env), PRODUCT_PYTHON)
        for name in names:
            child = self._children.get(name)
            if child is None:
                environment = part_environment(name, self.env)
                child = self._children[name] = Child(name, lines[name], environment, self._show)
            child.start()
        if "web" in names:
            self.wait_until(self._answers, seconds=30)

    def add_part(self, name: str, command: list[str], **variables: str) -> None:
        """A part that `bin/run` does not know, with settings of its own; ``start()`` starts it."""
        environment = {**part_environment(name, self.env), **variables}
        self._children[name] = Child(name, command, environment, self._show)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """End a part and all its processes by a signal, without a chance to clean up."""
        pid = self._children[name].pid
        if pid is not None and self._children[name].is_running():
            os.killpg(pid, number)
        self._children[name].clear_away()

    def stop_part(self, name: str, seconds: float = 10) -> bool:
        """Ask a part to stop, as a deploy does. Whether it did in time (else it is killed)."""
        child = self._children[name]
        child.ask_to_stop()
        in_time = child.wait(seconds)
        child.clear_away()
        return in_time

    def parts(self) -> list[str]:
        """The names of all that was ever started."""
        return list(self._children)

    def is_running(self, name: str) -> bool:
        return name in self._children and self._children[name].is_running()

    def pid(self, name: str) -> int | None:
        return self._children[name].pid

    def output(self, name: str) -> list[str]:
        """The last lines that a part printed."""
        return list(self._children[name].last_lines) if name in self._children else []

    def stop(self) -> None:
        """End all parts and remove every trace."""
        for child in self._children.values():
            child.ask_to_stop()
        for child in self._children.values():
            child.wait(8)
            child.clear_away()
        self._session.close()
        self.sandbox.close()
        if self._redis:
            self._redis.release()
        if self._database:
            self._database.drop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- Doing and looking -----------------------------------------------------------------------

    def post(
        self, path: str, body: Any, *, write_key: str = "demo-write-key", **options: Any
    ) -> requests.Response:
        """POST JSON to the relay as an SDK does."""
        return self._session.post(
            f"{self.url}{path}", json=body, auth=(write_key, ""), timeout=30, **options
        )

    def manage(self, *arguments: str, stdin: str = "") -> str:
        """What `manage.py <arguments>` prints. Raises with its errors when it fails."""
        done = subprocess.run(
            [PRODUCT_PYTHON, "manage.py", *arguments],
            cwd=BASE_DIR,
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"manage.py {arguments[0]} failed:\n{done.stderr}")
        return done.stdout

    def add_shop(self, **wanted: Any) -> Shop:
        """A new source and its sandbox destination.

        ``source`` holds fields of the source, ``event_map`` rows of the event map; other keywords
        are fields of the destination.
        """
        (shop,) = self.add_shops(wanted)
        return shop

    def add_shops(self, *wanted: dict[str, Any]) -> list[Shop]:
        """Several at once, each from what ``add_shop`` takes: a command for each costs seconds."""
        rows = [self._shop_rows(**one) for one in wanted]
        printed = self.manage("shell", "--verbosity", "0", "-c", ADD_SHOPS, stdin=json.dumps(rows))
        ids = json.loads(printed.strip().splitlines()[-1])
        return [
            Shop(row["source"]["write_key"], row["destination"]["advertiser_id"], *pair)
            for row, pair in zip(rows, ids, strict=True)
        ]

    @staticmethod
    def _shop_rows(
        *,
        event_map: dict[str, str] | None = None,
        name: str = "",
        source: dict[str, Any] | None = None,
        **destination: Any,
    ) -> dict[str, Any]:
        number = next(_numbers)
        label = name or f"Shop {os.getpid()}-{number}"
        return {
            "source": {
                "name": label,
                "write_key": f"key-{os.getpid()}-{number}",
                **(source or {}),
            },
            "destination": {
                "name": label,
                "advertiser_id": f"5497558{os.getpid() % 100_000:05d}{number:03d}",
                "conversion_token": "sandbox-token",
                **destination,
            },
            "event_map": event_map or {},
        }

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Read from the database, past all of the product's code (placeholders: ``%s``)."""
        if self._database:
            return self._database.rows(statement, parameters)
        import sqlite3

        connection = sqlite3.connect(self.folder / "capi_relay.sqlite3", timeout=20)
        try:
            return connection.execute(statement.replace("%s", "?"), parameters).fetchall()
        finally:
            connection.close()

    def statuses(self, shop: Shop) -> dict[str, int]:
        """How many deliveries of the shop's destination have which status."""
        return dict(
            self.rows(
                "SELECT status, count(*) FROM deliveries_delivery WHERE destination_id = %s "
                "GROUP BY status",
                shop.destination_id,
            )
        )

    def wait_until(self, condition: Callable[[], T], *, seconds: float = 20) -> T:
        """The first true value of ``condition()``; fails with what the parts said last."""
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > deadline:
                said = "\n".join(
                    f"{name}: {line}" for name in self._children for line in self.output(name)[-8:]
                )
                raise AssertionError(f"Not within {seconds:g} s; last value {value!r}\n{said}")
            time.sleep(0.05)
        return value

    def _answers(self) -> bool:
        try:
            return self._session.get(f"{self.url}/health", timeout=2).status_code == 200
        except requests.RequestException:
            return False
