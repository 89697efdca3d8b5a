"""Workers keep their connections to PostgreSQL from task to task, and replace those that died."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.flow.test_isolation import post_events
from tests.stack import Shop, Stack

SESSIONS = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
END_ALL = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
DELIVERED = "SELECT count(*) FROM deliveries_delivery WHERE status = 'delivered'"
ROUNDS = 20


@pytest.mark.postgres
def test_connections_outlive_tasks_and_dead_ones_are_replaced(own_stack: Any) -> None:
    stack: Stack = own_stack
    shop: Shop = stack.add_shop()
    with psycopg.connect(stack.env["DATABASE_URL"], autocommit=True) as database:

        def ask(statement: str) -> int:
            row = database.execute(statement).fetchone()
            assert row is not None
            return int(row[0])

        def deliver_one_more() -> None:
            wanted = ask(DELIVERED) + 1
            post_events(stack, shop, 1)
            stack.wait_until(lambda: ask(DELIVERED) == wanted)

        deliver_one_more()
        before = ask(SESSIONS)
        for _ in range(ROUNDS):
            deliver_one_more()
        # Each event took a task of its own, and sweeps came in between.
        assert ask(SESSIONS) - before < ROUNDS

        assert ask(END_ALL)
        for _ in range(3):
            deliver_one_more()
    assert stack.sandbox.summary()["duplicates"] == 0
