"""Everything below one folder, for installations behind a path."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import clear_url_caches

from capi_project import urls
from deliveries.ingest.urls import event_views
from deliveries.models import Event
from destinations.models import Source
from tests.deliveries.ingest.sender import WRITE_KEY, Post, answer
from tests.factories import make_event

PREFIX = "/a/relay/"


@pytest.fixture(autouse=True)
def _prefix(settings: Any) -> Iterator[None]:
    settings.URL_PREFIX = "a/relay"
    importlib.reload(urls)
    clear_url_caches()
    yield
    settings.URL_PREFIX = ""
    importlib.reload(urls)
    clear_url_caches()


@pytest.mark.parametrize("path", event_views)
def test_every_path_for_events_moves_below_the_prefix(
    post: Post, source: Source, path: str
) -> None:
    event = make_event()
    is_batch = path.endswith(("batch", "import", "/b"))
    body = {"batch": [event]} if is_batch else event
    assert answer(post(PREFIX + path, body)) == (200, "OK")
    assert Event.objects.count() == 1
    assert post(f"/{path}", body).status_code == 404
    assert Event.objects.count() == 1


@pytest.mark.parametrize("path", ["pixel/v1/track", "pixel/v1/page"])
def test_the_pixel_moves_too(client: Client, source: Source, path: str) -> None:
    query = {"writeKey": WRITE_KEY, "userId": "u"}
    assert client.get(PREFIX + path, query)["Content-Type"] == "image/gif"
    assert Event.objects.count() == 1
    assert client.get(f"/{path}", query).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["", "health", "version", "robots.txt", "sourceConfig", "sourceConfig/", "docs", "api/docs/"],
)
@pytest.mark.parametrize("method", ["get", "head"])
def test_what_is_asked_besides_moves_too(
    client: Client, source: Source, path: str, method: str
) -> None:
    query = {"writeKey": WRITE_KEY}
    assert getattr(client, method)(PREFIX + path, query).status_code == 200
    assert getattr(client, method)(f"/{path}", query).status_code == 404


def test_probes_browsers_and_readers_of_the_schema_find_their_way(
    client: Client, source: Source
) -> None:
    by_address = {"Host": "10.1.2.3"}
    for path in ("", "health"):
        assert client.get(PREFIX + path, headers=by_address).json()["server"] == "UP"
    assert "broker" in client.get(f"{PREFIX}readyz", headers=by_address).json()
    browser = client.get(PREFIX, headers={"Accept": "text/html"})
    assert (browser.status_code, browser["Location"]) == (302, f"{PREFIX}admin/")
    assert client.get(f"{PREFIX}api/schema/").status_code == 200
    script = client.get(f"{PREFIX}docs", {"script": ""}).content.decode()
    assert f'"{PREFIX}api/schema/"' in script


@pytest.mark.parametrize("path", ["v1/nothing", "beacon/x", "v1/track/x"])
def test_an_unknown_path_below_the_prefix_is_answered_in_plain_text(
    post: Post, source: Source, path: str
) -> None:
    assert answer(post(PREFIX + path, {})) == (404, "404 page not found\n")
