"""Without the permission to see personal data no page, list, download or preview shows any."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from accounts.roles import LOOK, OPERATE, SET_UP
from deliveries.db.compression import pack
from deliveries.models import Refusal
from tests.deliveries.log_rows import settle
from tests.factories import make_deliveries, make_destination, make_event

pytestmark = pytest.mark.django_db
WORDS = ("alex.secret", "user-secret", "Ginza", "hash-of-alex", "203.0.113.77")


@pytest.fixture
def urls() -> list[str]:
    destination = make_destination()
    event = make_event(
        userId="user-secret",
        context={
            "traits": {"email": "alex.secret@example.com", "address": {"city": "Ginza"}},
            "ip": "203.0.113.77",
        },
    )
    deliveries = make_deliveries(destination, events=[event])
    conversions = [{"event_name": "checkout", "user_data": {"em": ["hash-of-alex"]}}]
    error = "203.0.113.77 and 'hash-of-alex' of alex.secret@example.com are wrong."
    batch = settle(
        deliveries,
        [{"status": "failed", "error_message": error}],
        request_body=pack(orjson.dumps({"data": conversions})),
        error_message="'user-secret' is wrong.",
    )
    deliveries[0].warnings = [{"code": "x", "field": "em", "message": "'user-secret' is odd."}]
    deliveries[0].save()
    refusal = Refusal.objects.create(
        source=destination.sources.get(), code="x", message="'Ginza'!", excerpt='{"a": "Ginza'
    )
    preview = reverse("admin:destinations_destination_preview", args=[destination.pk])
    return [
        reverse("admin:deliveries_delivery_changelist"),
        reverse("admin:deliveries_delivery_change", args=[deliveries[0].pk]),
        reverse("admin:deliveries_batch_changelist"),
        reverse("admin:deliveries_batch_change", args=[batch.pk]),
        reverse("admin:deliveries_batch_body", args=[batch.pk, "request"]),
        reverse("admin:deliveries_batch_body", args=[batch.pk, "response"]),
        reverse("admin:deliveries_refusal_changelist"),
        reverse("admin:deliveries_refusal_change", args=[refusal.pk]),
        f"{preview}?event={deliveries[0].event_id}",
        reverse("admin:index"),
    ]


def client_with(*more: str) -> Client:
    user = User.objects.create_user("somebody", password="x", is_staff=True)
    wanted = {*LOOK, *OPERATE, *SET_UP, *more}
    user.user_permissions.set(
        Permission.objects.filter(codename__in=[one.partition(".")[2] for one in wanted])
    )
    client = Client()
    client.force_login(user)
    return client


def pages(client: Client, urls: list[str]) -> dict[str, str]:
    found = {}
    for url in urls:
        response = client.get(url)
        assert response.status_code == 200, url
        found[url] = response.content.decode()
    return found


def test_nothing_personal_is_shown_without_the_permission(urls: list[str]) -> None:
    leaks = [
        (url, word)
        for url, page in pages(client_with(), urls).items()
        for word in WORDS
        if word in page
    ]
    assert leaks == []


def test_the_same_pages_show_it_with_the_permission(urls: list[str]) -> None:
    found = pages(client_with("deliveries.view_personal_data"), urls)
    assert [url for url, page in found.items() if not any(word in page for word in WORDS)] == [
        reverse("admin:index")
    ]


def test_a_masked_delivery_still_tells_what_happened(urls: list[str]) -> None:
    page = client_with().get(urls[1])
    received, sent, answered = page.context["details"].panes
    assert orjson.loads(received.text)["event"] == "Order Completed"
    assert orjson.loads(sent.text) == {"event_name": "checkout", "user_data": {"em": ["•••"]}}
    assert orjson.loads(answered.text)["status"] == "failed"


@pytest.mark.parametrize("key", ["userId", "context.traits.email", "context.ip"])
def test_no_unsaved_configuration_brings_a_personal_value_to_light(key: str) -> None:
    """A posted dedup key makes any field the event's id at Pinterest."""
    destination = make_destination()
    event = make_event(
        userId="user-secret",
        context={"traits": {"email": "alex.secret@example.com"}, "ip": "203.0.113.77"},
    )
    (delivery,) = make_deliveries(destination, events=[event])
    posted: dict[str, Any] = {
        "name": destination.name,
        "service": "sandbox",
        "advertiser_id": destination.advertiser_id,
        "api_version": "v5",
        "default_action_source": "web",
        "unmapped_events": "by_name",
        "dedup_key": key,
        "recent": str(delivery.event_id),
    }
    url = reverse("admin:destinations_destination_preview", args=[destination.pk])
    response = client_with().post(url, posted)
    assert response.context["problems"] == []
    (conversion,) = response.context["trials"][0].conversions
    assert orjson.loads(conversion[1])["event_id"] == "•••"
    page = response.content.decode()
    assert [word for word in WORDS if word in page] == []
