"""A dedup key makes an event ID of any value of an event, so event IDs are masked like values."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from accounts.roles import ADMINISTRATOR, OPERATOR, VIEWER, make_groups
from deliveries.db.compression import pack
from deliveries.models import Delivery
from deliveries.privacy.masking import is_readable_path
from tests.deliveries.log_rows import settle
from tests.factories import make_deliveries, make_destination, make_event

pytestmark = pytest.mark.django_db

EVENT = make_event(
    userId="Uq",
    anonymousId="Aq",
    properties={"order_id": "order-1", "value": 35, "currency": "USD", "house": "Hq", "note": 8641},
    context={
        "traits": {"email": "q@x.example", "firstName": "Fq", "age": 97, "address": {"zip": "Z9q"}},
        "ip": "203.0.113.7",
        "userAgent": "Bq",
        "page": {"url": "https://shop.example/Pq", "title": "Tq"},
        "device": {"advertisingId": "Dq", "model": "Mq"},
    },
)
READABLE = {
    "event",
    "type",
    "messageId",
    "timestamp",
    "properties.order_id",
    "properties.value",
} | {
    "properties.currency",
    "context.device.model",
}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    else:
        yield path, str(value)


def client_of(role: str) -> Client:
    make_groups()
    user = User.objects.create_user(f"somebody {role}", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def posted(destination: Any, event_id: int, **fields: str) -> dict[str, str]:
    return {
        "name": destination.name,
        "service": "sandbox",
        "advertiser_id": destination.advertiser_id,
        "api_version": "v5",
        "default_action_source": "web",
        "unmapped_events": "by_name",
        "recent": str(event_id),
        **fields,
    }


@pytest.mark.parametrize("role", [VIEWER, OPERATOR])
def test_a_preview_with_any_dedup_key_shows_what_the_event_itself_shows(role: str) -> None:
    destination = make_destination()
    (delivery,) = make_deliveries(destination, events=[dict(EVENT)])
    client = client_of(role)
    url = reverse("admin:destinations_destination_preview", args=[destination.pk])
    for path, value in leaves({**EVENT, "timestamp": "2026-11-28T00:00:00Z"}):
        for key in (path, f" {path} ", path.replace(".", "..")):
            response = client.post(url, posted(destination, delivery.event_id, dedup_key=key))
            (trial,) = response.context["trials"]
            ((_, text, _),) = trial.conversions
            event_id = orjson.loads(text)["event_id"]
            assert (event_id != "•••") == (path in READABLE), path
            shown = orjson.dumps([text, trial.answer]).decode()
            assert path in READABLE or f'"{value}"' not in shown.replace("\\", ""), path


def test_no_other_setting_brings_a_value_to_light_either() -> None:
    destination = make_destination()
    (delivery,) = make_deliveries(destination, events=[dict(EVENT)])
    client = client_of(VIEWER)
    url = reverse("admin:destinations_destination_preview", args=[destination.pk])
    for field in ("app_id", "partner_name", "name", "default_action_source", "unmapped_events"):
        for path, value in leaves(EVENT):
            if path in READABLE:
                continue
            fields = {field: path}
            response = client.post(url, posted(destination, delivery.event_id, **fields))
            trials = response.context["trials"]
            shown = [(one.name, one.answer, one.conversions) for one in trials]
            assert value not in str(shown), (field, path)


def sent_with_event_id(event_id: str, dedup_key: str) -> Delivery:
    destination = make_destination(dedup_key=dedup_key)
    deliveries = make_deliveries(destination, events=[dict(EVENT), make_event()])
    Delivery.objects.filter(pk=deliveries[0].pk).update(conversion_event_id=event_id)
    deliveries[0].conversion_event_id = event_id
    conversions = [
        {"event_name": "checkout", "event_id": event_id, "custom_data": {"num_items": 3}},
        {"event_name": "checkout", "event_id": deliveries[1].event.message_id},
    ]
    settle(
        deliveries,
        [{"status": "processed"}] * 2,
        request_body=pack(orjson.dumps({"data": conversions})),
    )
    return deliveries[0]


@pytest.mark.parametrize(
    ("event_id", "dedup_key", "is_shown"),
    [
        ("Fq", "context.traits.firstName", False),
        ("97", "context.traits.age", False),
        ("https://shop.example/Pq", "context.page.url", False),
        ("Fq", "", False),  # by a key that is no longer the destination's
        ("order-1", "properties.order_id", True),
    ],
)
def test_every_page_and_file_of_what_was_sent_masks_it(
    event_id: str, dedup_key: str, is_shown: bool
) -> None:
    delivery = sent_with_event_id(event_id, dedup_key)
    for role, wanted in ((VIEWER, is_shown), (ADMINISTRATOR, True)):
        client = client_of(role)
        page = client.get(reverse("admin:deliveries_delivery_change", args=[delivery.pk]))
        details = page.context["details"]
        assert (details.event_id == event_id) is wanted
        assert (orjson.loads(details.panes[1].text)["event_id"] == event_id) is wanted
        body = client.get(
            reverse("admin:deliveries_batch_body", args=[delivery.batch_id, "request"])
        )
        first, second = orjson.loads(body.content)["data"]
        assert (first["event_id"] == event_id) is wanted
        assert second["event_id"].startswith("message-")
        assert first.get("custom_data") == {"num_items": 3}
        page = client.get(reverse("admin:deliveries_batch_change", args=[delivery.batch_id]))
        assert (f'"event_id": "{event_id}"' in page.context["panes"][0].text) is wanted
        export = client.get("/admin/deliveries/delivery/export/csv/")
        text = b"".join(export.streaming_content).decode()
        rows = {row["delivery"]: row["event_id"] for row in csv.DictReader(io.StringIO(text))}
        assert (rows[str(delivery.pk)] == event_id) is wanted


def test_what_would_be_sent_today_is_masked_as_well() -> None:
    delivery = sent_with_event_id("order-1", "context.traits.firstName")
    for role, is_shown in ((VIEWER, False), (ADMINISTRATOR, True)):
        page = client_of(role).get(reverse("admin:deliveries_delivery_change", args=[delivery.pk]))
        lines = str(page.context["details"].today.lines)
        assert ('"Fq"' in lines) is is_shown


@pytest.mark.parametrize(
    ("path", "is_readable"),
    [
        ("properties.order_id", True),
        ("properties.products.0.sku", True),
        ("properties.products.0.name", True),
        ("properties.name", False),
        ("context.traits.order_id", False),
        ("userId", False),
        ("context.page.url", False),
        ("", False),
    ],
)
def test_a_path_is_as_readable_as_what_stands_there(path: str, is_readable: bool) -> None:
    assert is_readable_path(tuple(path.split(".")) if path else ()) is is_readable
