"""Everything below one folder, for installations behind a path."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import clear_url_caches

from capi_project import urls
from deliveries.models import Event
from destinations.models import Source
from tests.deliveries.ingest.sender import WRITE_KEY, Post, answer
from tests.factories import make_event


@pytest.fixture
def _prefix(settings: Any) -> Iterator[None]:
    settings.URL_PREFIX = "a/relay"
    importlib.reload(urls)
    clear_url_caches()
    yield
    settings.URL_PREFIX = ""
    importlib.reload(urls)
    clear_url_caches()


@pytest.mark.usefixtures("_prefix")
def test_all_ingest_paths_move_below_the_prefix(post: Post, client: Client, source: Source) -> None:
    assert answer(post("/a/relay/v1/track", make_event())) == (200, "OK")
    assert answer(post("/a/relay/v1/batch", {"batch": [make_event()]})) == (200, "OK")
    assert Event.objects.count() == 2
    query = {"writeKey": WRITE_KEY}
    for path in ("health", "version", "robots.txt", "sourceConfig", "sourceConfig/"):
        assert client.get(f"/a/relay/{path}", query).status_code == 200
    assert client.get("/a/relay/pixel/v1/page", query)["Content-Type"] == "image/gif"
    assert post("/v1/track", make_event()).status_code == 404
    assert client.get("/health").status_code == 404
