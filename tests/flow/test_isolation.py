"""One slow destination, or one with a mountain of work, does not hold up another.

The mountain has 120,000 deliveries; ``ISOLATION_WAITING=1000000`` for a higher one.
"""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from launcher.commands import read_options, worker_names
from tests.factories import make_event
from tests.stack import Shop, Stack

FRESH_SECONDS = 5.0
"""How soon another destination's fresh event is delivered, whatever else is going on."""

SLOW_REQUESTS = 4
"""DESTINATION_CONCURRENCY: the slow destination gets that many requests in flight, no more."""

MANY = int(os.environ.get("ISOLATION_WAITING", "120000"))

FILL = """
from benchmarks.log_filling import fill_due
from django.utils import timezone
fill_due({source_id}, [{destination_id}], {count}, timezone.now())
"""
RETRY_ALL = """
from deliveries.actions.bulk import start_bulk_action
from deliveries.search import Selection
action = start_bulk_action("retry", Selection(destination_ids=({destination_id},)))
print(action.pk, action.total_count)
"""
CANCEL = """
from deliveries.actions.bulk import cancel_bulk_action
print(cancel_bulk_action({action_id}))
"""


def shell(stack: Stack, script: str, **values: int) -> str:
    """What a script prints that runs in a process of the product."""
    return stack.manage("shell", "--verbosity", "0", "-c", script.format(**values))


def post_events(stack: Stack, shop: Shop, count: int) -> list[str]:
    """Their message IDs."""
    events = [make_event() for _ in range(count)]
    answer = stack.post("/v1/batch", {"batch": events}, write_key=shop.write_key)
    assert answer.status_code == 200
    return [event["messageId"] for event in events]


def requests_in_flight(stack: Stack, shop: Shop) -> int:
    ((count,),) = stack.rows(
        "SELECT count(*) FROM deliveries_claim WHERE destination_id = %s", shop.destination_id
    )
    return int(count)


def delivers_within_seconds(stack: Stack, shop: Shop, seconds: float) -> float:
    """Post one event, wait until it is delivered; the time that took."""
    started = time.monotonic()
    (message_id,) = post_events(stack, shop, 1)
    stack.wait_until(
        lambda: stack.rows(
            "SELECT 1 FROM deliveries_delivery d JOIN deliveries_event e ON e.id = d.event_id "
            "WHERE e.source_id = %s AND e.message_id = %s AND d.status = 'delivered'",
            shop.source_id,
            message_id,
        ),
        seconds=seconds,
    )
    return time.monotonic() - started


def bury(stack: Stack, shop: Shop) -> int:
    """Make all that waits dead, as an outage longer than the budget does; returns how many."""
    ((count,),) = stack.rows(
        "WITH buried AS (UPDATE deliveries_delivery SET status = 'dead', due_at = NULL, "
        "settled_at = now(), attempt_count = 13, error_code = 'server_error' "
        "WHERE destination_id = %s AND status = 'pending' RETURNING 1) SELECT count(*) FROM buried",
        shop.destination_id,
    )
    return int(count)


def retried_so_far(stack: Stack, action_id: int) -> int:
    ((count,),) = stack.rows(
        "SELECT changed_count FROM deliveries_bulkaction WHERE id = %s", action_id
    )
    return int(count)


def open_count(stack: Stack, shop: Shop) -> int:
    statuses = stack.statuses(shop)
    return statuses.get("pending", 0) + statuses.get("sending", 0)


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
    for name in worker_names(read_options(stack.env)):
        stack.kill(name)  # asked to stop, it would wait for its requests


@pytest.mark.postgres
def test_neither_a_mountain_of_work_nor_a_retry_of_all_of_it_holds_up_fresh_events(
    own_stack: Any,
) -> None:
    stack: Stack = own_stack
    busy, other = stack.add_shop(), stack.add_shop()
    shell(stack, FILL, source_id=busy.source_id, destination_id=busy.destination_id, count=MANY)
    stack.wait_until(lambda: stack.statuses(busy).get("delivered", 0) > 0)

    for _ in range(2):
        assert delivers_within_seconds(stack, other, FRESH_SECONDS) < FRESH_SECONDS

    assert stack.statuses(busy)["pending"] > 10_000  # it was still at it all the while

    dead_count = bury(stack, busy)
    stack.sandbox.add_fault(f"latency=0.3,account={busy.advertiser_id}")
    said = shell(stack, RETRY_ALL, destination_id=busy.destination_id)
    action_id, total_count = map(int, said.split())
    assert total_count == dead_count
    progress = [retried_so_far(stack, action_id)]
    for shop in (busy, other, busy, other):
        assert delivers_within_seconds(stack, shop, FRESH_SECONDS) < FRESH_SECONDS
        progress.append(retried_so_far(stack, action_id))
    assert 0 < progress[-1] < dead_count
    assert progress == sorted(progress)
    assert len(set(progress)) > 2  # it got on while the fresh ones were delivered

    assert shell(stack, CANCEL, action_id=action_id).strip() == "True"
    retried = retried_so_far(stack, action_id)
    stack.wait_until(lambda: open_count(stack, busy) == 0, seconds=30)
    assert retried_so_far(stack, action_id) == retried
    assert stack.statuses(busy)["dead"] == dead_count - retried
