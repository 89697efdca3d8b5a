"""One transaction, a constant number of statements, and never a 200 for what is not stored."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from deliveries.models import Delivery, Event, Refusal
from destinations.models import Destination, Source
from destinations.routing import forget_routes
from tests.deliveries.ingest.sender import Post, answer
from tests.deliveries.no_room import full_disk, read_only
from tests.factories import make_destination, make_event

NO_STORAGE = (503, "events can't be stored at the moment\n")


def count_queries(post: Post, batch: list[Any]) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert answer(post("/v1/batch", {"batch": batch})) == (200, "OK")
    return len([query for query in captured if "SAVEPOINT" not in query["sql"]])


def test_the_number_of_statements_does_not_grow_with_the_batch(
    post: Post, source: Source, destination: Destination
) -> None:
    make_destination(sources=[source], event_map={"Order Completed": "checkout"})
    post("/v1/track", make_event())  # from now on the write key is known
    # One statement on PostgreSQL; else events, deliveries and tallies, and refusals if any.
    without_refusals, with_refusals = (1, 1) if connection.vendor == "postgresql" else (3, 4)
    assert count_queries(post, [make_event()]) == without_refusals
    assert count_queries(post, [make_event() for _ in range(500)]) == without_refusals
    mixed = [make_event() if number % 2 else number for number in range(500)]
    assert count_queries(post, mixed) == with_refusals
    assert Delivery.objects.count() == 2 * (1 + 1 + 500 + 250)


def test_a_known_write_key_costs_no_query(post: Post, source: Source) -> None:
    post("/v1/track", make_event())
    with CaptureQueriesContext(connection) as captured:
        post("/v1/track", make_event())
    assert not [query for query in captured if "destinations_source" in query["sql"]]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fault", [full_disk, read_only])
def test_a_database_that_takes_nothing_is_answered_503_and_the_same_request_is_taken_later(
    post: Post, source: Source, destination: Destination, rung: list[set[int]], fault: Any
) -> None:
    noise = "".join(chr(33 + number * number % 89) for number in range(2000))
    batch = {"batch": [make_event(properties={"noise": [noise, n]}) for n in range(200)]}
    post("/v1/track", make_event(messageId="before"))
    rung.clear()
    with fault():
        response = post("/v1/batch", batch)
        assert answer(response) == NO_STORAGE
        assert response["Retry-After"] == "5"
        assert (Event.objects.count(), Delivery.objects.count(), rung) == (1, 1, [])
    assert answer(post("/v1/batch", batch)) == (200, "OK")
    assert (Event.objects.count(), Delivery.objects.count()) == (201, 201)
    assert rung == [{destination.pk}]


@pytest.mark.django_db(transaction=True)
def test_a_refusal_that_cannot_be_stored_is_answered_503(
    post: Post, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("no space left")

    monkeypatch.setattr("deliveries.ingest.store.write_rows", fail)
    assert answer(post("/v1/track", b"{")) == NO_STORAGE
    assert answer(post("/v1/batch", {})) == NO_STORAGE
    assert Refusal.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_lost_database_is_answered_503_everywhere_and_its_return_is_noticed(
    post: Post, client: Client, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any) -> None:
        raise OperationalError("connection refused")

    connection.close()
    forget_routes()
    with monkeypatch.context() as patch:
        patch.setattr(connections["default"].__class__, "ensure_connection", fail)
        assert answer(post("/v1/track", make_event())) == NO_STORAGE
        assert answer(client.get("/health")) == (503, "Cannot connect to db\n")
    assert client.get("/health").status_code == 200
    assert answer(post("/v1/track", make_event())) == (200, "OK")


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_closed_is_replaced_without_an_error(
    post: Post, source: Source, settings: Any
) -> None:
    post("/v1/track", make_event(messageId="before"))
    parameters = connection.get_connection_params()
    backend = connection.connection.info.backend_pid
    with psycopg.connect(
        host=parameters.get("host"),
        port=parameters.get("port"),
        user=parameters.get("user"),
        password=parameters.get("password"),
        dbname=parameters["dbname"],
        autocommit=True,
    ) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (backend,))
    event = make_event(messageId="after")
    assert answer(post("/v1/track", event)) == (200, "OK")
    assert Event.objects.filter(message_id="after").count() == 1


def test_health_names_what_works(client: Client, db: None) -> None:
    response = client.get("/health", HTTP_HOST="10.1.2.3")  # as a probe asks
    assert response.status_code == 200
    said = response.json()
    assert (said["server"], said["db"], said["acceptingEvents"]) == ("UP", "UP", "TRUE")
    assert "no-cache" in response["Cache-Control"]


def test_version_and_robots(client: Client, settings: Any) -> None:
    assert client.get("/version").json()["Version"] == settings.VERSION
    assert answer(client.get("/robots.txt")) == (200, "User-agent: * \nDisallow: / \n")
    assert client.post("/version").status_code == 405
