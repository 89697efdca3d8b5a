"""Redis as broker and cache, killed and frozen under those who use it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
import redis
from kombu import Connection

from brokers.redis_transport import Transport
from tests.chaos.servers import OwnRedis
from tests.variables import BASE_DIR

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
        queue = connection.SimpleQueue("wakeups")
        queue.put("wake")
        message = queue.get(timeout=5)
        client = redis.Redis.from_url(server.url)
        assert client.hlen("unacked") == 1
        message.ack()
        assert client.hlen("unacked") == 0


def test_a_channel_that_lost_its_redis_closes_and_confirms_without_an_error(
    server: OwnRedis,
) -> None:
    connection = connect(server)
    queue = connection.SimpleQueue("wakeups")
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


def test_a_cache_that_hangs_is_given_up_soon(server: OwnRedis) -> None:
    environment = {**os.environ, "REDIS_URL": server.url}
    script = (
        "import time, django; django.setup()\n"
        "from django.core.cache import cache\n"
        "cache.set('a', 1)\n"
        "print('ready', flush=True); input()\n"
        "started = time.monotonic()\n"
        "try:\n"
        "    cache.get('a')\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, time.monotonic() - started < 5)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=BASE_DIR,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        server.freeze()
        try:
            output, _ = process.communicate("\n", timeout=30)
        finally:
            server.thaw()
    assert output == "TimeoutError True\n"
