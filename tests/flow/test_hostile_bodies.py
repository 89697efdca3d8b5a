"""What bodies that are made to cost much do cost the running web server: memory and processor."""

from __future__ import annotations

import sys

import pytest
import requests

from tests.deliveries.ingest.test_hostile_bodies import ALLOWED, HOSTILE, LARGEST, fill
from tests.outsider import Worker
from tests.stack import Shop, Stack

MAX_GROWTH_BYTES = 60_000_000
MAX_TIMES_HONEST = 8
"""Before the bounds the worst body cost over fifty times as much; a busy machine blurs less than
this."""
BODIES = {**HOSTILE, **ALLOWED}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Shop:
    return stack.add_shop()


@pytest.fixture(scope="module")
def honest_seconds(stack: Stack, shop: Shop) -> float:
    """Processor time for a body of the same size whose events are stored."""
    event = '{{"type":"track","event":"A","userId":"u-{0}","messageId":"{0}","note":"{1}"}}'
    events = (event.format(number, "x" * 900) for number in range(4_000))
    body = ('{"batch":[' + ",".join(events) + "]}").encode()
    assert LARGEST - 400_000 < len(body) <= LARGEST
    send(stack, fill('{"userId":"u"}', '{"batch":[', "]}", 1_000), shop.write_key)
    worker = Worker(stack.pid("web"))
    before = worker.cpu_seconds()
    assert send(stack, body, shop.write_key) == 200
    return worker.cpu_seconds() - before


@pytest.mark.parametrize("has_key", [True, False])
@pytest.mark.parametrize("name", BODIES)
def test_no_body_costs_much_more_than_an_honest_one(
    stack: Stack, shop: Shop, honest_seconds: float, name: str, has_key: bool
) -> None:
    worker = Worker(stack.pid("web"))
    seconds, resident = worker.cpu_seconds(), worker.forget_peak()
    status = send(stack, BODIES[name], shop.write_key if has_key else "")
    assert status in ((400, 413) if has_key else (401,))
    assert worker.peak() - resident < MAX_GROWTH_BYTES
    assert worker.cpu_seconds() - seconds < MAX_TIMES_HONEST * honest_seconds


def send(stack: Stack, body: bytes, write_key: str) -> int:
    auth = (write_key, "") if write_key else None
    return requests.post(f"{stack.url}/v1/batch", body, auth=auth, timeout=60).status_code
