"""Deploys: a worker that is told to stop leaves nothing half-done, and versions may overlap."""

from __future__ import annotations

from typing import Any

from launcher.commands import read_options, worker_names
from tests.factories import make_event
from tests.stack import Shop, Stack

SEND_TASKS_OF_TOMORROW = """
from celery import current_app
current_app.send_task("deliveries.tasks.of_a_later_release", (1,))
current_app.send_task("deliveries.tasks.deliver", ({destination_id},), {{"of_a_later": "release"}})
current_app.send_task("deliveries.tasks.deliver", ({destination_id}, "more"))
current_app.send_task("deliveries.tasks.sweep", ("more",))
"""


def post_events(stack: Stack, shop: Shop, count: int) -> None:
    batch = {"batch": [make_event() for _ in range(count)]}
    assert stack.post("/v1/batch", batch, write_key=shop.write_key).status_code == 200


def workers_of(stack: Stack) -> list[str]:
    return worker_names(read_options(stack.env))


def test_a_worker_that_is_told_to_stop_finishes_its_request_and_gives_back_the_rest(
    own_stack: Any,
) -> None:
    stack: Stack = own_stack
    shop = stack.add_shop(test_mode=True, concurrency_limit=1)  # twenty a request, one at a time
    stack.sandbox.add_fault("latency=3")
    post_events(stack, shop, 60)
    stack.wait_until(lambda: stack.statuses(shop).get("sending"))
    stack.kill("beat")

    for name in workers_of(stack):
        assert stack.stop_part(name, seconds=20)

    left = stack.statuses(shop)
    assert left.get("sending", 0) == 0
    assert left["delivered"] in (20, 40)
    assert left["delivered"] + left["pending"] == 60
    assert stack.rows("SELECT count(*) FROM deliveries_claim") == [(0,)]

    stack.start("beat", *workers_of(stack))
    stack.wait_until(lambda: stack.statuses(shop) == {"delivered": 60}, seconds=40)
    tries = stack.rows(
        "SELECT DISTINCT attempt_count FROM deliveries_delivery WHERE destination_id = %s",
        shop.destination_id,
    )
    assert tries == [(1,)]  # nothing was sent twice


def test_tasks_and_arguments_of_a_later_release_do_no_harm_to_a_worker_of_today(
    own_stack: Any,
) -> None:
    stack: Stack = own_stack
    shop = stack.add_shop()
    messages = SEND_TASKS_OF_TOMORROW.format(destination_id=shop.destination_id)
    stack.manage("shell", "--verbosity", "0", "-c", messages)
    post_events(stack, shop, 3)
    stack.wait_until(lambda: stack.statuses(shop) == {"delivered": 3})
    assert all(stack.is_running(name) for name in workers_of(stack))
