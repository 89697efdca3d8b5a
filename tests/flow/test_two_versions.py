"""A deploy: workers of the old version and of the new one run side by side on the new tables."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from launcher.commands import commands, read_options, worker_names
from tests.chaos.roll_call import missing_workers
from tests.flow.older_worker import LATER_TASKS
from tests.flow.test_isolation import bury, open_count, post_events, shell
from tests.stack import PRODUCT_PYTHON, Shop, Stack

OLDER = "worker-older"
NEWER_TABLES = """
    ALTER TABLE deliveries_delivery ADD COLUMN later_text text NOT NULL DEFAULT '';
    ALTER TABLE deliveries_event ADD COLUMN later_number integer;
    CREATE TABLE deliveries_later (id bigint PRIMARY KEY);
"""
PAUSED = "UPDATE destinations_destination SET paused_at = now() WHERE id = %s RETURNING id"
RING_FOR_NOTHING = """
from deliveries.engine.wakeups import wake_for_bulk
wake_for_bulk([0] * 10)  # an action that there is not
"""
RESUME_AND_RETRY_ALL = """
from deliveries.actions.bulk import start_bulk_action
from deliveries.actions.operations import resume
from deliveries.search import Selection
resume({destination_id})
start_bulk_action("retry", Selection(destination_ids=({destination_id},)))
"""


def start_older_worker(stack: Stack, newer: str) -> None:
    """The command of the other one, with another module and another name."""
    command = commands(read_options(stack.env), PRODUCT_PYTHON)[newer]
    command[command.index("-m") + 1] = "tests.flow.older_worker"
    command[command.index("--hostname") + 1] = f"{OLDER}@%h"
    stack.add_part(OLDER, command)
    stack.start(OLDER)


@pytest.mark.postgres
@pytest.mark.redis
def test_two_versions_of_the_worker_side_by_side_do_no_harm(own_stack: Any) -> None:
    stack: Stack = own_stack
    shop: Shop = stack.add_shop()
    (newer,) = worker_names(read_options(stack.env))
    with psycopg.connect(stack.env["DATABASE_URL"], autocommit=True) as database:
        database.execute(NEWER_TABLES)
    start_older_worker(stack, newer)

    assert missing_workers(stack, shop, [OLDER, newer]) == []
    stack.wait_until(lambda: open_count(stack, shop) == 0)
    assert set(stack.statuses(shop)) == {"delivered"}

    # What only the new version can do gets done, although the old one is handed its messages too.
    stack.rows(PAUSED, shop.destination_id)
    post_events(stack, shop, 50)
    assert bury(stack, shop) == 50
    shell(stack, RESUME_AND_RETRY_ALL, destination_id=shop.destination_id)
    # The older worker may be handed the message of a sweep several times in a row, and forgets it.
    stack.wait_until(lambda: set(stack.statuses(shop)) == {"delivered"}, seconds=180)
    for _ in range(20):  # which worker gets a message is a matter of luck
        if LATER_TASKS[0] in "\n".join(stack.output(OLDER)):
            break
        shell(stack, RING_FOR_NOTHING)
    stack.wait_until(lambda: LATER_TASKS[0] in "\n".join(stack.output(OLDER)))

    assert stack.stop_part(OLDER)
    assert stack.sandbox.summary()["duplicates"] == 0
