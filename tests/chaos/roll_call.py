"""After a chaos run every worker has to take work: one that lives and does not is gone all the
same."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Iterable

from tests.stack import Shop, Stack

SECONDS = 25
"""A worker may be looking for its Redis every so many seconds; the longest wait is this."""
POST_EVERY_SECONDS = 0.25


def missing_workers(
    stack: Stack, shop: Shop, names: Iterable[str], seconds: float = SECONDS
) -> list[str]:
    """A sentence on every worker that claims nothing although there is always work.

    Posts an event to ``shop`` every quarter of a second until each of ``names`` was seen to hold
    a claim; requests are slowed down meanwhile, so that claims can be seen.
    """
    absent = {stack.pid(name): name for name in names}
    deadline = time.monotonic() + seconds
    with stack.sandbox.fault("latency=0.4"):
        while absent and time.monotonic() < deadline:
            stack.post("/v1/track", _new_event(), write_key=shop.write_key)
            next_post = time.monotonic() + POST_EVERY_SECONDS
            while absent and time.monotonic() < next_post:
                for (worker,) in stack.rows("SELECT worker FROM deliveries_claim"):
                    absent.pop(int(worker.split(":")[1]), None)
                time.sleep(0.02)
    return [
        f"{name} claimed no work for {seconds:g} s after the run: {_look_at(stack, name)}"
        for name in absent.values()
    ]


def _look_at(stack: Stack, name: str) -> str:
    """Whether it runs, and where its threads stand: Celery writes that on SIGUSR1."""
    if not stack.is_running(name):
        return "it has ended"
    pid = stack.pid(name)
    assert pid is not None
    os.kill(pid, signal.SIGUSR1)
    time.sleep(1)
    return "it runs; it last said " + " | ".join(stack.output(name)[-5:])


def _new_event() -> dict[str, object]:
    message_id = f"roll-call-{uuid.uuid4()}"
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": message_id,
        "userId": message_id,
        "context": {"traits": {"email": f"{message_id}@example.com"}},
    }
