"""The description of the ingest API, and the page that shows it without asking other hosts."""

from __future__ import annotations

import json
import re
import warnings
from html import unescape
from typing import Any

import pytest
from django.test import Client

from deliveries.ingest.urls import event_views
from deliveries.models import Event
from destinations.models import Source
from tests.deliveries.ingest.sender import Post, answer


@pytest.fixture
def document(client: Client, capsys: pytest.CaptureFixture[str]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # no folder of collected static files
        response = client.get("/api/schema/", {"format": "json"})
    assert response.status_code == 200
    assert "Warning" not in capsys.readouterr().err
    return json.loads(response.content)


def test_every_event_path_is_described_with_its_answers(document: Any) -> None:
    assert document["info"]["title"] == "CAPI Relay: ingest API"
    for path in event_views:
        operation = document["paths"]["/" + path]["post"]
        assert operation["security"] == [{"writeKey": []}]
        assert set(operation["responses"]) == {
            "200",
            "400",
            "401",
            "403",
            "404",
            "413",
            "415",
            "429",
            "503",
        }
    assert document["components"]["securitySchemes"]["writeKey"]["scheme"] == "basic"
    assert {"/pixel/v1/track", "/pixel/v1/page", "/sourceConfig/"} <= set(document["paths"])
    assert not [path for path in document["paths"] if "admin" in path]


def test_the_documented_examples_are_taken(document: Any, post: Post, source: Source) -> None:
    for path in ("/v1/track", "/v1/batch"):
        content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        (example,) = content["examples"].values()
        Event.objects.all().delete()
        assert answer(post(path, example["value"])) == (200, "OK")
        assert Event.objects.get().name == "Order Completed"


@pytest.mark.parametrize("path", ["/api/docs/", "/docs"])
def test_the_page_loads_nothing_from_other_hosts(client: Client, path: str) -> None:
    html = client.get(path).content.decode()
    loaded = re.findall(r'(?:src|href)="([^"]+)"', html)
    # The page's own script comes from the page's address: none stands in the page.
    (own_script,) = (url for url in loaded if not url.startswith("/static/"))
    assert own_script.startswith(path)
    assert "/api/schema/" in client.get(unescape(own_script)).content.decode()
    assert len(loaded) >= 4
    for url in loaded:
        assert client.get(unescape(url)).status_code == 200
    assert "https://" not in html
