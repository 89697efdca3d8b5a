"""RabbitMQ as the broker: CELERY_BROKER_URL is all it takes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from kombu import Connection

from launcher.commands import QUEUES
from tests import services
from tests.factories import make_event
from tests.stack import Stack

pytestmark = pytest.mark.rabbitmq


def queue_sizes(url: str) -> dict[str, int]:
    """How many messages wait in each queue of ours. Raises when one was never declared."""
    with Connection(url) as connection:
        channel = connection.channel()
        return {
            name: channel.queue_declare(name, passive=True).message_count
            for name in QUEUES.split(",")
        }


def delete_queues(url: str) -> None:
    with Connection(url) as connection:
        channel = connection.channel()
        for name in QUEUES.split(","):
            channel.queue_delete(name)


@pytest.fixture
def broker_url() -> Iterator[str]:
    url = services.rabbitmq_url()
    delete_queues(url)
    yield url
    delete_queues(url)


@pytest.fixture
def rabbit_stack(broker_url: str) -> Iterator[Any]:
    with Stack(
        database_url=os.environ.get("TEST_DATABASE_URL", ""),
        redis_url=os.environ.get("TEST_REDIS_URL", ""),
        variables={"CELERY_BROKER_URL": broker_url},
    ) as stack:
        yield stack


def test_events_are_delivered_with_rabbitmq_as_broker(rabbit_stack: Stack, broker_url: str) -> None:
    shop = rabbit_stack.add_shop()
    batch = {"batch": [make_event() for _ in range(50)]}

    answer = rabbit_stack.post("/v1/batch", batch, write_key=shop.write_key)

    assert answer.status_code == 200
    rabbit_stack.wait_until(lambda: rabbit_stack.statuses(shop) == {"delivered": 50}, seconds=30)
    assert set(queue_sizes(broker_url)) == {"live", "bulk", "maintenance"}
    ready = rabbit_stack.wait_until(lambda: _ready(rabbit_stack), seconds=15)
    assert ready["broker"]["ok"]


def test_a_wake_up_goes_through_rabbitmq_without_beat(rabbit_stack: Stack, broker_url: str) -> None:
    shop = rabbit_stack.add_shop()
    rabbit_stack.kill("beat")
    rabbit_stack.wait_until(lambda: not sum(queue_sizes(broker_url).values()))
    full_batch = {"batch": [make_event() for _ in range(1000)]}  # does not wait to fill up
    assert rabbit_stack.post("/v1/batch", full_batch, write_key=shop.write_key).status_code == 200
    rabbit_stack.wait_until(lambda: rabbit_stack.statuses(shop) == {"delivered": 1000}, seconds=30)


def _ready(stack: Stack) -> dict[str, Any]:
    """The answer of /readyz once it is 200, else nothing."""
    answer = requests.get(f"{stack.url}/readyz", timeout=5)
    found: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
    return found
