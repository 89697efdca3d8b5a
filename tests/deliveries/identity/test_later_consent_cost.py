"""What it costs ingest that deliveries may wait for consent."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from deliveries.identity.writing import forget_noted
from destinations.models import Destination, Source
from destinations.routing import forget_routes
from tests.deliveries.identity.consents import DENIED, GRANTED, SILENT, change, event, receive
from tests.factories import make_destination, make_source

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deliveries.ingest.store.wake", lambda ids: None)
    forget_noted()
    forget_routes()


@pytest.fixture
def source() -> Source:
    return make_source()


@pytest.fixture
def destination(source: Source) -> Destination:
    return make_destination(sources=[source], consent_mode="strict", sends_after_consent=True)


def test_the_statements_do_not_grow_with_the_events(
    source: Source, destination: Destination
) -> None:
    def count(size: int, prefix: str) -> int:
        denied = [event(0, DENIED, f"{prefix}{number}") for number in range(size)]
        granted = [event(1, GRANTED, f"{prefix}{number}") for number in range(size)]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            receive(source, *denied)
            receive(source, *granted)
        return len(queries)

    count(1, "warm")
    assert count(40, "b") == count(2, "a")


def test_what_has_nothing_to_do_with_it_costs_no_statement(
    source: Source, destination: Destination
) -> None:
    change(destination, sends_after_consent=False)
    receive(source, event(0, GRANTED))
    with CaptureQueriesContext(connection) as bare:
        receive(source, event(1, GRANTED))
    change(destination, sends_after_consent=True, consent_mode="as_sender")
    receive(source, event(2, SILENT, "u2"))
    with CaptureQueriesContext(connection) as silent:
        receive(source, event(3, SILENT, "u2"))
    assert len(silent) == len(bare)
    receive(source, event(4, GRANTED, "u3"))
    with CaptureQueriesContext(connection) as granted:
        receive(source, event(5, GRANTED, "u3"))
    assert len(granted) == len(bare) + 1
