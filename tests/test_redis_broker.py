"""Kombu's Redis transport as celery.py uses it, on a Redis server that is killed under it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
import redis
from kombu import Connection

from capi_project.redis_broker import Transport
from tests.chaos.servers import OwnRedis

pytestmark = pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="needs the program redis-server"
)


@pytest.fixture
def server() -> Iterator[OwnRedis]:
    with OwnRedis() as running:
        yield running


def connect(server: OwnRedis) -> Connection:
    return Connection(
        server.url, transport=Transport, transport_options={"socket_connect_timeout": 1}
    )


def test_a_message_is_confirmed_in_redis(server: OwnRedis) -> None:
    with connect(server) as connection:
        queue = connection.SimpleQueue("bell")
        queue.put("ring")
        message = queue.get(timeout=5)
        client = redis.Redis.from_url(server.url)
        assert client.hlen("unacked") == 1
        message.ack()
        assert client.hlen("unacked") == 0


def test_a_channel_that_lost_its_redis_closes_and_confirms_without_an_error(
    server: OwnRedis,
) -> None:
    connection = connect(server)
    queue = connection.SimpleQueue("bell")
    for word in ("one", "two"):
        queue.put(word)
    message = queue.get(timeout=5)
    queue.get(timeout=5)  # never confirmed
    channel = message.channel
    server.kill()
    connection.collect(socket_timeout=1)  # what a worker does when it notices
    channel.close()
    message.ack()
    assert message.acknowledged
