"""PgBouncer in transaction mode between CAPI Relay and PostgreSQL, with nothing else set.

Three connections to the server for all threads of web and worker: each transaction gets another
one, so that a prepared statement, a session's lock or a setting that outlived its transaction
would be somebody else's.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from benchmarks.ports import free_port
from tests import services
from tests.chaos.servers import find_postgres_user
from tests.factories import make_event
from tests.stack import Shop, Stack

pytestmark = [pytest.mark.postgres, pytest.mark.pgbouncer]

SERVER_CONNECTIONS = 3


class PgBouncer:
    """A pooler of one's own on a free port, before the server of a URL."""

    def __init__(self, server_url: str) -> None:
        server = urlsplit(server_url)
        self.port = free_port()
        self._user = server.username or "postgres"
        self._folder = TemporaryDirectory(prefix="capi-relay-pgbouncer-")
        folder = Path(self._folder.name)
        folder.chmod(0o755)
        password = f" password={server.password}" if server.password else ""
        (folder / "pgbouncer.ini").write_text(
            "[databases]\n"
            f"* = host={server.hostname} port={server.port or 5432} user={self._user}{password}\n"
            "[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            "auth_type = any\n"
            "pool_mode = transaction\n"
            f"default_pool_size = {SERVER_CONNECTIONS}\nmax_client_conn = 300\n"
        )
        run_as = find_postgres_user()
        command = [services.pgbouncer_path(), str(folder / "pgbouncer.ini")]
        if run_as:
            command[1:1] = ["-u", run_as]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self._wait_until_up(server.path)

    def url(self, database_url: str) -> str:
        """The URL of a database through the pooler."""
        path = urlsplit(database_url).path
        return f"postgres://{self._user}@127.0.0.1:{self.port}{path}"

    def _wait_until_up(self, path: str) -> None:
        deadline = time.monotonic() + 10
        while True:
            try:
                psycopg.connect(self.url(path), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    said = self.stop()
                    raise AssertionError(f"PgBouncer is not up:\n{said}") from None
            time.sleep(0.05)

    def stop(self) -> str:
        """What it said."""
        self._process.terminate()
        _, said = self._process.communicate(timeout=10)
        self._folder.cleanup()
        return said


@pytest.fixture(scope="module")
def pooled_stack() -> Iterator[Any]:
    pooler = PgBouncer(os.environ["TEST_DATABASE_URL"])

    def lead_through_it(stack: Stack) -> None:
        stack.env["DATABASE_URL"] = pooler.url(stack.env["DATABASE_URL"])

    try:
        with Stack(
            database_url=os.environ["TEST_DATABASE_URL"],
            redis_url=os.environ.get("TEST_REDIS_URL", ""),
            variables={"RETRY_DELAYS_SECONDS": "0.5,0.5,0.5", "WEB_WORKERS": "2"},
            before_migrate=lead_through_it,
        ) as stack:
            yield stack
    finally:
        pooler.stop()


def server_connections(stack: Stack) -> int:
    """How many connections the server has to the stack's database, without the one that asks."""
    ((count,),) = stack.rows(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    return int(count)


def send_many(stack: Stack, shop: Shop, requests: int = 60, events: int = 20) -> None:
    def send(_: int) -> tuple[int, str]:
        batch = {"batch": [make_event() for _ in range(events)]}
        answer = stack.post("/v1/batch", batch, write_key=shop.write_key)
        return answer.status_code, answer.text

    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(send, range(requests))) == {(200, "OK")}


def assert_no_errors(stack: Stack) -> None:
    for name in stack.parts():
        assert [line for line in stack.output(name) if "ERROR" in line or "Traceback" in line] == []


def test_all_that_is_accepted_is_delivered(pooled_stack: Stack) -> None:
    shop = pooled_stack.add_shop()
    send_many(pooled_stack, shop)
    assert 0 < server_connections(pooled_stack) <= SERVER_CONNECTIONS
    pooled_stack.wait_until(lambda: pooled_stack.statuses(shop) == {"delivered": 1200}, seconds=60)
    assert_no_errors(pooled_stack)


def test_what_failed_is_tried_again(pooled_stack: Stack) -> None:
    shop = pooled_stack.add_shop()
    with pooled_stack.sandbox.fault("status=503", account=shop.advertiser_id):
        send_many(pooled_stack, shop, requests=5)
        tried = (
            "SELECT count(*) FROM deliveries_attempt a JOIN deliveries_delivery d "
            "ON d.id = a.delivery_id WHERE d.destination_id = %s"
        )
        pooled_stack.wait_until(lambda: pooled_stack.rows(tried, shop.destination_id)[0][0] > 0)
    pooled_stack.wait_until(lambda: pooled_stack.statuses(shop) == {"delivered": 100}, seconds=60)


MAKE_OLD = """
import sys
from django.db import connection
ago = "- interval '200 days'"
with connection.cursor() as cursor:
    cursor.execute(f"UPDATE deliveries_event SET received_at = received_at {ago}")
    cursor.execute(
        f"UPDATE deliveries_delivery "
        f"SET created_at = created_at {ago}, settled_at = settled_at {ago}"
    )
"""


def test_retention_removes_what_is_old_and_nothing_else(pooled_stack: Stack) -> None:
    old, young = pooled_stack.add_shop(), pooled_stack.add_shop()
    send_many(pooled_stack, old, requests=2)
    pooled_stack.wait_until(lambda: pooled_stack.statuses(old) == {"delivered": 40})
    pooled_stack.manage("shell", "--verbosity", "0", "-c", MAKE_OLD)
    send_many(pooled_stack, young, requests=2)
    pooled_stack.wait_until(lambda: pooled_stack.statuses(young) == {"delivered": 40})
    pooled_stack.manage("prune")
    bodies = "SELECT count(*) FROM deliveries_event WHERE source_id = %s AND body IS NOT NULL"
    assert pooled_stack.rows(bodies, old.source_id) == [(0,)]
    assert pooled_stack.rows(bodies, young.source_id) == [(40,)]
    assert_no_errors(pooled_stack)
