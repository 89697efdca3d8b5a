"""Every route of ingest is declared once, and none of them needs what pages need."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import resolve

from deliveries.ingest.urls import direct_views, pixel_views

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("route", direct_views)
def test_a_route_answers_under_any_host_name_and_without_tls(
    client: Client, route: str, settings: Any
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    response = client.get(f"/{route}", headers={"host": "elsewhere.example"})
    if route in pixel_views:
        assert (response.status_code, response["Content-Type"]) == (200, "image/gif")
    elif route.startswith("sourceConfig"):
        assert response.status_code == 401
    elif route in ("", "health", "readyz"):
        assert response.status_code in (200, 503)
    elif route == "metrics":
        assert response.status_code == 404  # off until a token is set
    else:
        assert response.status_code in (401, 405)
    assert "Set-Cookie" not in response


@pytest.mark.parametrize("route", direct_views)
def test_the_urls_know_it_too(route: str) -> None:
    assert resolve(f"/{route}").func is direct_views[route]
