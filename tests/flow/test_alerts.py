"""The real processes tell of a revoked token, of a worker that is gone, and nothing twice."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from django.utils import timezone

from launcher.commands import read_options, worker_names
from tests.deliveries.alerts.receivers import HTTPReceiver
from tests.factories import make_event
from tests.stack import Stack

pytestmark = [pytest.mark.database, pytest.mark.postgres, pytest.mark.timeout(400)]

ADD_CHANNEL = """
from deliveries.alerts.channels import seal
from deliveries.alerts.models import AlertRule, Channel
secret = "a-signing-secret-of-tests"
Channel.objects.create(
    name="On call", kind="webhook", secrets=seal({{"url": "{url}", "secret": secret}})
)
AlertRule.objects.create(condition="worker", severity="critical", limits={{"minutes": 1}})
"""

TWO_MINUTES_LATER = """
from datetime import timedelta
from django.db.models import F
from deliveries.alerts.run import CURSOR
from deliveries.models import Heartbeat, JobCursor
earlier = timedelta(minutes=2)
Heartbeat.objects.update(seen_at=F("seen_at") - earlier)
JobCursor.objects.filter(name=CURSOR).update(round_started_at=F("round_started_at") - earlier)
"""
"""For what looks how long ago somebody was at work."""


@pytest.fixture
def receiver() -> Iterator[HTTPReceiver]:
    with HTTPReceiver() as running:
        yield running


@pytest.fixture
def stack(receiver: HTTPReceiver) -> Iterator[Stack]:
    with Stack(
        database_url=os.environ.get("TEST_DATABASE_URL", ""),
        redis_url=os.environ.get("TEST_REDIS_URL", ""),
        variables={"ALERTS_ALLOW_PRIVATE": "true"},
    ) as running:
        running.manage(
            "shell", "--verbosity", "0", "-c", ADD_CHANNEL.format(url=f"{receiver.url}/hook")
        )
        yield running


def told(receiver: HTTPReceiver) -> list[tuple[str, str]]:
    return [(one.json["type"], one.json["alert"]["condition"]) for one in receiver.received]


def test_one_message_each_through_faults_a_stop_and_a_restart(
    stack: Stack, receiver: HTTPReceiver
) -> None:
    started_at = timezone.now()
    shop = stack.add_shop()
    stack.sandbox.add_fault("status=401")
    events = {"batch": [make_event() for _ in range(1000)]}
    assert stack.post("/v1/batch", events, write_key=shop.write_key).status_code == 200
    stack.wait_until(lambda: told(receiver), seconds=90)
    assert told(receiver) == [("alert.fired", "paused")]
    alert = receiver.received[0].json["alert"]
    assert alert["name"]
    assert alert["since"] >= started_at.isoformat(timespec="seconds")

    # Nobody is left but the web server: it tells that.
    workers = worker_names(read_options(stack.env))
    for name in ("beat", *workers):
        stack.kill(name)
    stack.manage("shell", "--verbosity", "0", "-c", TWO_MINUTES_LATER)
    stack.wait_until(lambda: len(receiver.received) > 1, seconds=120)
    assert told(receiver)[1:] == [("alert.fired", "worker")]

    # All of it starts again: what was told isn't told again, and the end of one is.
    stack.kill("web")
    stack.start("web", *workers, "beat")
    stack.wait_until(lambda: len(receiver.received) > 2, seconds=120)
    assert told(receiver)[2:] == [("alert.resolved", "worker")]
    keys = [one.headers["idempotency-key"] for one in receiver.received]
    assert len(set(keys)) == len(keys) == 3
