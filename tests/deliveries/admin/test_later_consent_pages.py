"""What pages say of deliveries that wait for consent."""

from __future__ import annotations

import json
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from deliveries.engine.dispatch import deliver_batch
from deliveries.identity.writing import forget_noted
from deliveries.models import ConsentWait, Delivery
from destinations.models import Destination, Source
from destinations.routing import forget_routes
from pinterest_sandbox.sandbox import Sandbox
from tests.deliveries.identity.consents import DENIED, GRANTED, event, receive
from tests.destinations.test_admin import DESTINATIONS, destination_form, errors_of
from tests.factories import make_destination, make_source

pytestmark = pytest.mark.django_db
WAITS = "If a newer event of the same person grants consent"


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deliveries.ingest.store.wake", lambda ids: None)
    forget_noted()
    forget_routes()


@pytest.fixture
def source() -> Source:
    return make_source(name="Shop")


@pytest.fixture
def destination(source: Source) -> Destination:
    return make_destination(sources=[source], consent_mode="strict", sends_after_consent=True)


def page_of(client: Client, delivery: Delivery) -> str:
    url = reverse("admin:deliveries_delivery_change", args=[delivery.pk])
    return unescape(client.get(url).content.decode())


def first() -> Delivery:
    return Delivery.objects.order_by("pk")[0]


def test_a_delivery_says_what_became_of_its_consent(
    source: Source, destination: Destination, admin_client: Client, sandbox: Sandbox
) -> None:
    receive(source, event(0, DENIED))
    assert f"{WAITS} in the next 23 h" in page_of(admin_client, first())
    receive(source, event(1, GRANTED, messageId="the-grant"))
    page = page_of(admin_client, first())
    assert "The person granted consent later (message ID the-grant)." in page
    assert "With current settings, this would be sent" in page
    receive(source, event(2, DENIED))
    deliver_batch(destination.pk, clock=lambda: timezone.now() + timedelta(seconds=30))
    page = page_of(admin_client, first())
    assert "The person granted consent later, then denied it before this was sent." in page
    assert "With current settings, this would be sent" not in page
    assert page.count("Queued again") == 1


def test_one_that_was_sent_then_is_compared_as_it_was_sent(
    source: Source, destination: Destination, admin_client: Client, sandbox: Sandbox
) -> None:
    receive(source, event(0, DENIED))
    receive(source, event(1, GRANTED))
    deliver_batch(destination.pk, clock=lambda: timezone.now() + timedelta(seconds=30))
    page = page_of(admin_client, first())
    assert "With current settings" not in page
    assert "A newer event of the same person grants consent" in page


def test_one_that_waited_in_vain_says_so_and_others_say_nothing(
    source: Source, destination: Destination, admin_client: Client
) -> None:
    receive(source, event(0, DENIED))
    hours = timedelta(hours=django_settings.IDENTITY_SECOND_CHANCE_HOURS)
    ConsentWait.objects.update(created_at=timezone.now() - hours)
    assert "person granted consent within 24 hours." in page_of(admin_client, first())
    Destination.objects.update(sends_after_consent=False)
    assert "person granted consent" not in page_of(admin_client, first())
    ConsentWait.objects.all().delete()
    Destination.objects.update(sends_after_consent=True)
    assert "person granted consent" not in page_of(admin_client, first())


@pytest.mark.parametrize(
    ("fields", "changes", "waits"),
    [
        ({}, {}, True),
        ({}, {"sends_after_consent": False}, False),
        ({}, {"drops_unconsented": True}, False),
        ({"context": {"gpc": True, **DENIED}}, {"us_privacy": "filter"}, False),
        ({"event": "Other"}, {"event_list": "allow", "listed_events": "Order Completed"}, False),
    ],
)
def test_the_preview_says_whether_it_would_wait(
    destination: Destination,
    admin_client: Client,
    fields: dict[str, Any],
    changes: dict[str, Any],
    waits: bool,
) -> None:
    Destination.objects.update(**changes)
    url = reverse("admin:destinations_destination_preview", args=[destination.pk])
    typed = json.dumps(event(0, DENIED) | fields)
    page = unescape(admin_client.post(url, {"event": typed}).content.decode())
    assert "consent_denied" in page
    assert (f"{WAITS} within 24 hours, it's sent then." in page) is waits


def test_what_is_not_kept_cannot_be_chosen_to_be_sent_later(admin_client: Client) -> None:
    both = destination_form(consent_mode="strict", sends_after_consent="on", drops_unconsented="on")
    errors = errors_of(admin_client.post(f"{DESTINATIONS}add/", both))
    assert errors.keys() == {"sends_after_consent", "drops_unconsented"}
    assert "can't be sent later if its body isn't stored" in errors["sends_after_consent"][0]
    assert not Destination.objects.exists()


@pytest.mark.parametrize(
    ("memory", "mode", "warns"),
    [("off", "strict", True), ("on", "strict", False), ("off", "off", False)],
)
def test_sources_without_identity_memory_are_named(
    source: Source, admin_client: Client, memory: str, mode: str, warns: bool
) -> None:
    Source.objects.update(identity_memory=memory)
    form = destination_form(consent_mode=mode, sends_after_consent="on", sources=[source.pk])
    page = admin_client.post(f"{DESTINATIONS}add/", form, follow=True).content.decode()
    assert ("because their identity memory is off: Shop." in unescape(page)) is warns
    assert Destination.objects.get().sends_after_consent


def test_a_new_destination_waits_for_nothing(admin_client: Client) -> None:
    admin_client.post(f"{DESTINATIONS}add/", destination_form())
    destination = Destination.objects.get()
    assert not destination.sends_after_consent
    assert destination.transform_config().once_granted is None
    page = admin_client.get(f"{DESTINATIONS}{destination.pk}/change/").content.decode()
    assert "Consent and filters" in page
    assert "Send after later consent" in page
