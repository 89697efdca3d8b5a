"""Searching the log as a person does: the term is posted, and the address gets a token for it."""

from __future__ import annotations

from typing import Any

from django.test import Client

LOG = "/admin/deliveries/delivery/"


def search_url(client: Client, term: str, **filters: Any) -> str:
    """The address that a search leads to."""
    response = client.post(LOG, {"_search": "1", "q": term, **filters})
    assert response.status_code == 302
    return str(response["Location"])


def found_ids(client: Client, term: str, **filters: Any) -> list[int]:
    response = client.get(search_url(client, term, **filters))
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]
