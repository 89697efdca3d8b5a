"""The golden cases of identity memory, from the request to what the sandbox received."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest

from deliveries.db.compression import unpack
from deliveries.engine.dispatch import deliver_batch
from deliveries.identity.writing import forget_noted
from deliveries.ingest.envelope import Arrival, accept_event
from deliveries.ingest.store import store_request
from deliveries.models import Delivery, SecondChance
from destinations.models import Destination, Source
from destinations.routing import forget_routes, routes_for
from pinterest_sandbox.sandbox import Sandbox
from tests.deliveries.identity.timelines import (
    SOURCES,
    TIMELINES,
    Step,
    expected_user_data,
    without_external_id,
)
from tests.factories import make_destination, make_source

pytestmark = pytest.mark.django_db
LINGER = timedelta(seconds=10)


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deliveries.ingest.store.wake", lambda ids: None)
    forget_noted()


@pytest.fixture
def sources() -> dict[str, Source]:
    return {name: make_source(**fields) for name, fields in SOURCES.items()}


@pytest.fixture
def destination(sources: dict[str, Source]) -> Destination:
    return make_destination(sources=list(sources.values()), bots="send")


def receive(source: Source, step: Step) -> None:
    routes = routes_for(source.write_key)
    assert routes is not None
    accepted = accept_event(step.event, "", Arrival(step.at, ""))
    store_request(routes, [accepted], [], step.at)


def outcome_of(delivery: Delivery) -> Any:
    """What Pinterest got of the person, or the code with which the delivery was rejected."""
    if delivery.batch is None:
        return delivery.error_code
    sent = orjson.loads(unpack(delivery.batch.request_body))["data"]
    return without_external_id(sent[delivery.batch_position]["user_data"])


@pytest.mark.parametrize("name", TIMELINES)
def test_a_golden_case_reaches_pinterest_exactly(
    name: str, sources: dict[str, Source], destination: Destination, sandbox: Sandbox
) -> None:
    forget_routes()
    for step in TIMELINES[name].steps:
        receive(sources[step.source], step)
        SecondChance.objects.all().delete()  # each is judged by what was known at the time
        if step.gets is not None:
            assert deliver_batch(destination.pk, clock=lambda at=step.at: at + LINGER) == 1
            delivery = Delivery.objects.get(event__message_id=step.event["messageId"])
            expected = step.gets if isinstance(step.gets, str) else expected_user_data(step.gets)
            assert outcome_of(delivery) == expected
        else:
            deliver_batch(destination.pk, clock=lambda at=step.at: at + LINGER)
