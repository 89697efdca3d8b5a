"""What other services send without an SDK: webhooks, and lists of people."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from deliveries.models import Delivery, Event, Refusal
from destinations.models import Destination, EventMapping, Source
from tests.deliveries.ingest.sender import WRITE_KEY, Post, answer, stored
from tests.factories import make_event

QUERY = f"/v1/webhook?writeKey={WRITE_KEY}"


@pytest.mark.parametrize("path", ["/v1/webhook", QUERY])
def test_an_object_becomes_the_properties_of_a_track_event(
    path: str, post: Post, source: Source
) -> None:
    payload = {"order": {"id": 7}, "total": 12.5, "type": "order/created"}
    key = None if path == QUERY else WRITE_KEY
    assert answer(post(path, payload, write_key=key)) == (200, "OK")
    event = Event.objects.get()
    kept = stored(event)
    assert (event.type, event.name) == ("track", "webhook_source_event")
    assert kept["properties"] == payload
    assert kept["anonymousId"]


def test_the_address_of_the_other_service_is_not_taken_for_the_customers(
    post: Post, source: Source
) -> None:
    post(QUERY, {"a": 1}, HTTP_USER_AGENT="Shopify-Webhooks/1")
    kept = stored(Event.objects.get())
    assert "request_ip" not in kept
    assert "context" not in kept


def test_what_is_an_event_already_is_taken_as_it_stands(
    post: Post, source: Source, destination: Destination
) -> None:
    sent = make_event(type="track", messageId="m-1")
    assert answer(post(QUERY, [sent, {"a": 1}])) == (200, "OK")
    first = Event.objects.get(message_id="m-1")
    kept = stored(first)
    assert {key: kept[key] for key in sent} == sent
    assert Event.objects.exclude(pk=first.pk).get().name == "webhook_source_event"
    assert Delivery.objects.get(event_id=first.pk).conversion_name == "checkout"


def test_the_event_map_makes_a_conversion_of_it(
    post: Post, source: Source, destination: Destination
) -> None:
    EventMapping.objects.create(
        destination=destination,
        source_event_name="webhook_source_event",
        pinterest_event_name="lead",
    )
    assert answer(post(QUERY, {"a": 1})) == (200, "OK")
    assert Delivery.objects.get().conversion_name == "lead"


def test_the_parameters_of_a_get_are_the_object(client: Client, source: Source) -> None:
    response = client.get(f"{QUERY}&order=7&total=12.5")
    assert (response.status_code, response.content) == (200, b"OK")
    assert stored(Event.objects.get())["properties"] == {"order": "7", "total": "12.5"}


def test_what_is_no_object_is_refused_beside_its_neighbours(post: Post, source: Source) -> None:
    assert answer(post(QUERY, [7, {"a": 1}])) == (200, "OK")
    assert Event.objects.count() == 1
    assert Refusal.objects.get().code == "not_an_object"
    status, text = answer(post(QUERY, "a text"))
    assert (status, text.strip()) == (400, "event is not a valid rudder event")


@pytest.mark.parametrize("payload", [{}, []])
def test_an_empty_one_is_a_refusal(payload: Any, post: Post, source: Source) -> None:
    status, text = answer(post(QUERY, payload))
    assert (status, text.strip()) == (400, "empty batch payload")
    assert Refusal.objects.get().code == "empty_batch"


def test_without_a_write_key_the_answer_names_the_query(post: Post, source: Source) -> None:
    status, text = answer(post("/v1/webhook", {"a": 1}, write_key=None))
    assert (status, text.strip()) == (401, "failed to read writekey from query params")
    assert not Event.objects.exists()


def test_other_methods_are_refused(client: Client, source: Source) -> None:
    response = client.put(QUERY, b"{}", content_type="application/json")
    assert (response.status_code, response["Allow"]) == (405, "GET, POST, OPTIONS")


def test_a_head_does_not_store_what_a_get_would(client: Client, source: Source) -> None:
    response = client.head(f"{QUERY}&order=7")
    assert (response.status_code, response.content) == (405, b"")
    assert not Event.objects.exists()


def test_a_list_of_people_is_kept_and_filtered(
    post: Post, source: Source, destination: Destination
) -> None:
    people = [{"email": f"person-{number}@example.com"} for number in range(2000)]
    sent = {"userId": "sync", "properties": {"listData": {"add": people}}}
    assert answer(post("/v1/audiencelist", sent)) == (200, "OK")
    event = Event.objects.get()
    assert event.type == "audiencelist"
    assert stored(event)["properties"] == sent["properties"]
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.error_code) == ("filtered", "unsupported_type")


def test_the_root_is_health_for_a_probe_and_the_admin_for_a_browser(client: Client, db: None):
    probe = client.get("/", headers={"Host": "10.1.2.3"})
    assert (probe.status_code, probe.json()["server"]) == (200, "UP")
    browser = client.get("/", headers={"Accept": "text/html,application/xhtml+xml"})
    assert (browser.status_code, browser["Location"]) == (302, "/admin/")
