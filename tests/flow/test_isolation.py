"""One slow destination, or one with a mountain of work, does not hold up another.

The mountain has 100,000 deliveries; ``ISOLATION_WAITING=1000000`` for a higher one.
"""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from tests.factories import make_event
from tests.stack import Shop, Stack

FRESH_SECONDS = 5.0
"""How soon another destination's fresh event is delivered, whatever else is going on."""

SLOW_REQUESTS = 4
"""DESTINATION_CONCURRENCY: the slow destination gets that many requests in flight, no more."""

WAITING = int(os.environ.get("ISOLATION_WAITING", "100000"))

FILL = """
from benchmarks.log_filling import fill_due
from django.utils import timezone
fill_due({source_id}, [{destination_id}], {count}, timezone.now())
"""


def post_events(stack: Stack, shop: Shop, count: int) -> None:
    batch = {"batch": [make_event() for _ in range(count)]}
    assert stack.post("/v1/batch", batch, write_key=shop.write_key).status_code == 200


def requests_in_flight(stack: Stack, shop: Shop) -> int:
    ((count,),) = stack.rows(
        "SELECT count(*) FROM deliveries_claim WHERE destination_id = %s", shop.destination_id
    )
    return int(count)


def delivers_within_seconds(stack: Stack, shop: Shop, seconds: float) -> float:
    """Post one event, wait until it is delivered; the time that took."""
    before = stack.statuses(shop).get("delivered", 0)
    started = time.monotonic()
    post_events(stack, shop, 1)
    stack.wait_until(
        lambda: stack.statuses(shop).get("delivered", 0) == before + 1, seconds=seconds
    )
    return time.monotonic() - started


def test_a_destination_that_answers_in_30_seconds_does_not_hold_up_another(
    own_stack: Any,
) -> None:
    stack: Stack = own_stack
    slow, other = stack.add_shop(concurrency_limit=SLOW_REQUESTS, test_mode=True), stack.add_shop()
    stack.sandbox.add_fault(f"latency=30,account={slow.advertiser_id}")
    post_events(stack, slow, 100)  # test mode: twenty a request, so there is work for five
    stack.wait_until(lambda: requests_in_flight(stack, slow) == SLOW_REQUESTS)

    for _ in range(2):
        assert delivers_within_seconds(stack, other, FRESH_SECONDS) < FRESH_SECONDS

    assert requests_in_flight(stack, slow) == SLOW_REQUESTS
    assert stack.statuses(slow) == {"sending": 80, "pending": 20}


@pytest.mark.postgres
def test_a_destination_with_a_mountain_of_work_does_not_hold_up_another(own_stack: Any) -> None:
    stack: Stack = own_stack
    busy, other = stack.add_shop(), stack.add_shop()
    fill = FILL.format(source_id=busy.source_id, destination_id=busy.destination_id, count=WAITING)
    stack.manage("shell", "--verbosity", "0", "-c", fill)
    stack.wait_until(lambda: stack.statuses(busy).get("delivered", 0) > 0)

    for _ in range(2):
        assert delivers_within_seconds(stack, other, FRESH_SECONDS) < FRESH_SECONDS

    assert stack.statuses(busy)["pending"] > 10_000  # it was still at it all the while
