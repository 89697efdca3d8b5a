"""A corrected copy: through the rules of the wire, as a new event, to where the original went."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from deliveries.ingest.corrected_copy import MAX_COPIES, message_id_of, original_of
from deliveries.models import Delivery, Event
from destinations.models import Destination
from tests.deliveries.admin.test_delivery_page import LOG, NOBODY, rejected
from tests.deliveries.ingest.sender import stored
from tests.factories import make_destination, make_event, make_source

pytestmark = pytest.mark.django_db


def correct(client: Client, delivery: Delivery, text: str) -> Any:
    return client.post(f"{LOG}{delivery.pk}/correct/", {"event": text})


def form_of(client: Client, delivery: Delivery) -> dict[str, Any]:
    response = client.get(f"{LOG}{delivery.pk}/correct/")
    assert response.status_code == 200
    return json.loads(response.context["text"])


def mended(client: Client, delivery: Delivery, email: str = "ann@example.com") -> str:
    event = form_of(client, delivery)
    event["context"]["traits"] = {"email": email}
    return json.dumps(event)


def test_the_form_has_the_event_without_its_message_id(admin_client: Client) -> None:
    event = make_event(**NOBODY)
    delivery = rejected(event)
    assert form_of(admin_client, delivery) == {
        key: value for key, value in event.items() if key != "messageId"
    }


def test_a_mended_event_becomes_a_new_one_that_both_pages_link(admin_client: Client) -> None:
    delivery = rejected()
    answer = correct(admin_client, delivery, mended(admin_client, delivery))
    copy = Delivery.objects.exclude(pk=delivery.pk).get()
    assert answer["Location"] == f"{LOG}{copy.pk}/change/"
    assert (copy.status, copy.conversion_name) == ("pending", "checkout")
    assert copy.event.message_id == message_id_of(delivery.pk, 1)
    assert copy.event.source_id == delivery.event.source_id
    event = stored(copy.event)
    assert event["messageId"] == copy.event.message_id
    assert event["timestamp"] == stored(delivery.event)["timestamp"]
    assert "request_ip" not in event
    delivery.refresh_from_db()
    assert delivery.status == "rejected"
    old_page = admin_client.get(f"{LOG}{delivery.pk}/change/").content.decode()
    assert f"{LOG}{copy.pk}/change/" in old_page
    new_page = admin_client.get(f"{LOG}{copy.pk}/change/").content.decode()
    assert "This event is a corrected copy of" in new_page
    assert f"{LOG}{delivery.pk}/change/" in new_page
    notes = dict(LogEntry.objects.values_list("object_id", "change_message"))
    assert notes == {
        str(delivery.pk): f"Sent a corrected copy: delivery {copy.pk}.",
        str(copy.pk): f"Created as a corrected copy of delivery {delivery.pk}.",
    }


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "not_json"),
        ("[]", "not_an_object"),
        ('{"batch": [{"type": "track", "event": "Lead", "userId": "u"}]}', "not_an_object"),
        ('{"type": "track", "event": "Lead"}', "missing_identity"),
        ('{"type": "track", "event": "Lead", "userId": "u"}', "missing_user_data"),
        ('{"type": "identify", "userId": "u"}', "unsupported_type"),
    ],
)
def test_what_would_not_be_sent_is_not_stored_and_says_why(
    admin_client: Client, text: str, code: str
) -> None:
    delivery = rejected()
    response = correct(admin_client, delivery, text)
    assert response.status_code == 200
    assert f"<code>{code}</code>" in response.content.decode()
    assert response.context["text"] == text
    assert Event.objects.count() == 1
    assert not LogEntry.objects.exists()


def test_a_copy_goes_to_no_destination_that_may_have_taken_the_original(
    admin_client: Client,
) -> None:
    source = make_source()
    make_destination(sources=[source])
    delivery = rejected(destination=make_destination(sources=[source]))
    correct(admin_client, delivery, mended(admin_client, delivery))
    copies = Delivery.objects.exclude(event_id=delivery.event_id)
    assert [one.destination_id for one in copies] == [delivery.destination_id]


def test_a_copy_is_sent_under_the_one_name_that_failed(admin_client: Client) -> None:
    destination = make_destination()
    for name in ("checkout", "lead"):
        destination.event_mappings.create(
            source_event_name="Order Completed", pinterest_event_name=name
        )
    delivery = rejected(destination=destination)
    correct(admin_client, delivery, mended(admin_client, delivery))
    copies = Delivery.objects.exclude(event_id=delivery.event_id)
    assert [one.conversion_name for one in copies] == ["checkout"]


def test_there_are_not_endless_copies(admin_client: Client) -> None:
    delivery = rejected()
    text = mended(admin_client, delivery)
    for _ in range(2):
        assert correct(admin_client, delivery, text).status_code == 302
    assert sorted(Event.objects.exclude(pk=delivery.event_id).values_list("message_id")) == sorted(
        (message_id_of(delivery.pk, number),) for number in (1, 2)
    )
    Event.objects.bulk_create(
        Event(
            source_id=delivery.event.source_id,
            message_id=message_id_of(delivery.pk, number),
            type="track",
        )
        for number in range(3, MAX_COPIES + 1)
    )
    assert "too_many_copies" in correct(admin_client, delivery, text).content.decode()


def test_no_sender_can_claim_to_be_a_copy() -> None:
    real = message_id_of(7, 1)
    assert original_of(real) == 7
    for claimed in (f"{real[:-1]}x", real.replace("-7-", "-8-"), "corrected-7-1", "corrected", ""):
        assert original_of(claimed) is None
    assert original_of(f"corrected-{'9' * 5000}-1-x") is None


@pytest.mark.parametrize("gone", ["body", "source", "archived", "delivered"])
def test_what_cannot_be_copied_says_so(admin_client: Client, gone: str) -> None:
    delivery = rejected()
    text = mended(admin_client, delivery)
    if gone == "body":
        Event.objects.update(body=None)
    elif gone == "source":
        Event.objects.update(source_id=10**9)
    elif gone == "archived":
        Destination.objects.update(archived_at=timezone.now(), enabled=False)
    else:
        Delivery.objects.update(status="delivered")
    answer = correct(admin_client, delivery, text)
    assert answer["Location"] == f"{LOG}{delivery.pk}/change/"
    assert Event.objects.count() == 1
