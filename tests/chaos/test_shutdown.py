"""SIGTERM, as every deploy sends it: what is on its way ends, the rest goes back untried."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from launcher.commands import read_options, worker_names
from launcher.supervisor import STOP_SECONDS
from tests.stack import Stack

EVENT_COUNT = 1500


@pytest.fixture
def stack() -> Iterator[Stack]:
    """Small batches: some are in flight and most are not when the signal comes."""
    with Stack(
        database_url=os.environ.get("TEST_DATABASE_URL", ""),
        redis_url=os.environ.get("TEST_REDIS_URL", ""),
        variables={"BATCH_MAX_CONVERSIONS": "100"},
    ) as running:
        yield running


def test_sigterm_lets_the_requests_end_and_gives_back_the_rest(stack: Stack) -> None:
    worker, *others = worker_names(read_options(stack.env))
    assert others == []
    shop = stack.add_shop()
    with stack.sandbox.fault("latency=2") as latency:
        for start in range(0, EVENT_COUNT, 500):
            events = [event(f"e-{number}") for number in range(start, start + 500)]
            answer = stack.post("/v1/batch", {"batch": events}, write_key=shop.write_key)
            assert answer.status_code == 200
        stack.wait_until(lambda: latency.strikes)
        assert stack.stop_part(worker, STOP_SECONDS)

    statuses = stack.statuses(shop)
    assert set(statuses) == {"delivered", "pending"}
    assert statuses["delivered"] == len(set(stack.sandbox.event_ids()))
    assert stack.rows("SELECT count(*) FROM deliveries_claim") == [(0,)]
    attempts = stack.rows("SELECT DISTINCT status, attempt_count FROM deliveries_delivery")
    assert sorted(attempts) == [("delivered", 1), ("pending", 0)]

    stack.start(worker)
    stack.wait_until(lambda: stack.statuses(shop) == {"delivered": EVENT_COUNT}, seconds=30)
    assert stack.sandbox.summary()["duplicates"] == 0


def event(message_id: str) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": message_id,
        "anonymousId": message_id,
        "context": {"traits": {"email": f"{message_id}@example.com"}},
    }
