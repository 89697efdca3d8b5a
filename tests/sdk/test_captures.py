"""What the SDKs really sent, byte for byte, once more: quick, and without any SDK."""

from __future__ import annotations

import base64
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from deliveries.db.compression import unpack
from deliveries.models import Delivery, Event, Refusal
from tests.factories import make_destination, make_source

pytestmark = pytest.mark.django_db

CAPTURES = sorted((Path(__file__).resolve().parent / "captures").glob("*.json"))


@pytest.fixture(params=CAPTURES, ids=lambda path: path.stem)
def capture(request: pytest.FixtureRequest) -> Any:
    return json.loads(request.param.read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def no_wake_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker is asked."""
    monkeypatch.setattr("deliveries.ingest.store.wake", lambda ids: None)


def body_of(request: dict[str, Any]) -> bytes:
    if "body_base64" in request:
        return base64.b64decode(request["body_base64"])
    return request.get("body", "").encode()


def events_in(request: dict[str, Any]) -> list[dict[str, Any]]:
    body = body_of(request)
    if request["method"] != "POST":
        return []
    sent = json.loads(gzip.decompress(body) if "body_base64" in request else body)
    return sent.get("batch", [sent])


def replay(client: Any, request: dict[str, Any]) -> Any:
    headers = dict(request["headers"])
    content_type = headers.pop("content-type", "")
    return client.generic(
        request["method"], request["path"], body_of(request), content_type, headers=headers
    )


def names_in(header: str) -> set[str]:
    return {name.strip().lower() for name in header.split(",")}


def test_there_is_a_capture_of_every_sdk() -> None:
    from tests.sdk.kits import BROWSER_SDKS, SERVER_SDKS

    assert {sdk.slug for sdk in SERVER_SDKS + BROWSER_SDKS} <= {path.stem for path in CAPTURES}


def test_every_captured_request_is_answered_as_the_sdk_needs_it(client: Any, capture: Any) -> None:
    make_source(write_key=capture["write_key"])
    for request in capture["requests"]:
        response = replay(client, request)
        if request["method"] == "OPTIONS":
            assert (response.status_code, response.content) == (204, b"")
            asked = request["headers"]["access-control-request-headers"]
            assert names_in(asked) <= names_in(response.headers["Access-Control-Allow-Headers"])
        elif request["method"] == "GET":
            assert response.status_code == 200
            assert json.loads(response.content)["source"]["destinations"] == []
        else:
            assert (response.status_code, response.content) == (200, b"OK")
        if "origin" in request["headers"]:
            origin = request["headers"]["origin"]
            assert response.headers["Access-Control-Allow-Origin"] == origin


def test_a_capture_makes_an_event_of_every_call_and_keeps_what_was_sent(
    client: Any, capture: Any
) -> None:
    source = make_source(write_key=capture["write_key"])
    make_destination(sources=[source])
    sent: dict[str, dict[str, Any]] = {}
    for request in capture["requests"]:
        assert replay(client, request).status_code in (200, 204)
        sent |= {event["messageId"]: event for event in events_in(request)}
    stored = {event.message_id: json.loads(unpack(event.body)) for event in Event.objects.all()}
    assert stored.keys() == sent.keys()
    assert len(sent) >= 5
    for message_id, event in sent.items():
        kept = {name: stored[message_id][name] for name in event}
        assert kept == event
    assert not Refusal.objects.exists()
    assert Delivery.objects.count() == len(sent)


def test_a_capture_that_is_sent_twice_is_stored_once(client: Any, capture: Any) -> None:
    source = make_source(write_key=capture["write_key"])
    make_destination(sources=[source])
    posts = [request for request in capture["requests"] if request["method"] == "POST"]
    expected = Counter(event["type"] for request in posts for event in events_in(request))
    for request in posts + posts:
        assert replay(client, request).status_code == 200
    assert Counter(Event.objects.values_list("type", flat=True)) == expected
    assert Delivery.objects.count() == expected.total()
