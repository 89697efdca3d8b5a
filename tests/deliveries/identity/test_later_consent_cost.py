"""What it costs ingest that deliveries may wait for consent."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from deliveries.identity import later_consent
from deliveries.identity.later_consent import hear
from deliveries.identity.writing import forget_noted
from deliveries.models import ConsentWait
from destinations.models import Destination, Source
from destinations.routing import forget_routes, routes_for
from tests.deliveries.identity.consents import DENIED, GRANTED, NOW, SILENT, change, event, receive
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


@pytest.mark.skipif(connection.vendor != "postgresql", reason="plans of PostgreSQL")
def test_what_waits_is_found_by_an_index(source: Source, destination: Destination) -> None:
    """Of a person, and of the deliveries of a claim, among twenty thousand that wait."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO deliveries_consentwait
                (delivery_id, key, destination_id, created_at, said_at, is_firm, granted_by)
            SELECT n, gen_random_uuid(), 1, now(), now(), false, '' FROM generate_series(1, 20000) n
            """
        )
        cursor.execute("ANALYZE deliveries_consentwait")
    routes = routes_for(source.write_key)
    assert routes is not None
    heard = hear(event(0, DENIED, anonymousId="d1"), "m1", routes, (), NOW)
    assert heard is not None
    waiting = later_consent._waits_of([heard], NOW).order_by("delivery_id").explain()
    granted = ConsentWait.objects.filter(delivery_id__any_of=list(range(1, 200)))
    for plan in (waiting, granted.exclude(granted_by="").explain()):
        assert "Seq Scan" not in plan
        assert "Index" in plan
