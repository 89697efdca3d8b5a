"""Who changed what: before and after in the history, and never a token or a write key."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from deliveries.models import Delivery
from destinations.forms import GATE_CHOICES
from destinations.models import Destination, EventMapping
from tests.deliveries.log_rows import make_rejected
from tests.factories import make_destination, make_source

pytestmark = pytest.mark.django_db


def posted(destination: Destination, **changes: Any) -> dict[str, Any]:
    rows = list(destination.event_mappings.all())
    fields: dict[str, Any] = {
        "name": destination.name,
        "service": destination.service,
        "advertiser_id": destination.advertiser_id,
        "enabled": "on",
        "conversion_token": "",
        "sources": [source.pk for source in destination.sources.all()],
        "unmapped_events": destination.unmapped_events,
        "default_action_source": destination.default_action_source,
        "send_external_id": "on",
        "api_version": "v5",
        **{name: getattr(destination, name) for name in GATE_CHOICES},
        "event_mappings-TOTAL_FORMS": len(rows) + 1,
        "event_mappings-INITIAL_FORMS": len(rows),
        "event_mappings-MIN_NUM_FORMS": 0,
        "event_mappings-MAX_NUM_FORMS": 1000,
        "event_rules-TOTAL_FORMS": 0,
        "event_rules-INITIAL_FORMS": 0,
    }
    for position, row in enumerate(rows):
        prefix = f"event_mappings-{position}"
        fields |= {
            f"{prefix}-id": row.pk,
            f"{prefix}-destination": destination.pk,
            f"{prefix}-source_event_name": row.source_event_name,
            f"{prefix}-pinterest_event_name": row.pinterest_event_name,
        }
    return {**fields, **changes}


def save(client: Client, destination: Destination, **changes: Any) -> str:
    url = reverse("admin:destinations_destination_change", args=[destination.pk])
    response = client.post(url, posted(destination, **changes))
    assert response.status_code == 302, response.context["errors"]
    return LogEntry.objects.latest("pk").get_change_message()


def test_a_change_is_told_with_before_and_after(admin_client: Client) -> None:
    other = make_source(name="App")
    destination = make_destination(name="Shop", sources=[make_source(name="Web")])
    said = save(
        admin_client,
        destination,
        name="Shop & Co {x}",
        unmapped_events="filter",
        enabled="",
        max_age_hours="24",
        sources=[other.pk],
    )
    for words in (
        "Name: “Shop” → “Shop & Co {x}”",
        (
            "Unmapped events: “Send under their own name (custom event name)” → “Don't send "
            "(filtered)”"
        ),
        "Enabled: on → off",
        "Age limit (hours): – → “24”",
        "Sources: “Web” → “App”",
    ):
        assert words in said
    page = admin_client.get(
        reverse("admin:destinations_destination_history", args=[destination.pk])
    )
    assert "Name: “Shop” → “Shop &amp; Co {x}”" in page.content.decode()


def test_the_history_says_that_a_token_was_replaced_and_nothing_of_it(admin_client: Client) -> None:
    destination = make_destination(conversion_token="old-secret")
    said = save(admin_client, destination, conversion_token="new-secret")
    assert said == "Changed Conversion token: replaced."
    entry = LogEntry.objects.latest("pk")
    destination.refresh_from_db()
    assert destination.conversion_token.reveal() == "new-secret"
    for secret in ("old-secret", "new-secret", destination.conversion_token.ciphertext):
        assert secret not in entry.change_message


def test_rows_of_the_event_map_are_told_too(admin_client: Client) -> None:
    destination = make_destination(event_map={"Order": "checkout", "Seen": "page_visit"})
    said = save(
        admin_client,
        destination,
        **{
            "event_mappings-0-pinterest_event_name": "lead",
            "event_mappings-1-DELETE": "on",
            "event_mappings-2-destination": destination.pk,
            "event_mappings-2-source_event_name": "Joined",
            "event_mappings-2-pinterest_event_name": "signup",
        },
    )
    assert "Pinterest event: “checkout” → “lead”" in said
    assert "Deleted event mapping “Seen → page_visit”" in said
    assert "Added event mapping “Joined → signup”" in said
    assert EventMapping.objects.filter(destination=destination).count() == 2


def test_saving_without_a_change_says_so(admin_client: Client) -> None:
    assert save(admin_client, make_destination()) == "No fields changed."


def test_a_source_tells_its_destinations_before_and_after(admin_client: Client) -> None:
    first, second = make_destination(name="One", sources=[]), make_destination(name="Two")
    source = make_source(name="Web")
    source.destinations.set([first])
    response = admin_client.post(
        reverse("admin:destinations_source_change", args=[source.pk]),
        {
            "name": "Web",
            "enabled": "on",
            "identity_memory": "on",
            "destinations": [first.pk, second.pk],
        },
    )
    assert response.status_code == 302
    entry = LogEntry.objects.latest("pk")
    assert entry.get_change_message() == "Changed Destinations: “One” → “One”, “Two”."
    assert source.write_key not in entry.change_message


def test_retry_discard_pause_and_resume_leave_who_and_how_many(admin_client: Client) -> None:
    destination = make_destination()
    first, second = make_rejected(destination), make_rejected(destination)
    log = reverse("admin:deliveries_delivery_changelist")
    ids = [first.pk, second.pk]
    admin_client.post(log, {"action": "retry_selected", "_selected_action": ids})
    discard = reverse("admin:deliveries_delivery_discard")
    admin_client.post(discard, {"delivery": ids, "confirmed": "1", "reason": "a test"})
    admin_client.post(reverse("admin:deliveries_delivery_retry", args=[first.pk]))
    for verb, fields in (("pause", {"reason": "sale"}), ("resume", {})):
        admin_client.post(
            reverse(f"admin:destinations_destination_{verb}", args=[destination.pk]), fields
        )
    entries = [
        (entry.user.get_username(), entry.object_repr, entry.get_change_message())
        for entry in LogEntry.objects.order_by("pk")
    ]
    assert entries == [
        ("admin", "2 deliveries", "Retried 2 of 2."),
        ("admin", "2 deliveries", "Discarded 2 of 2: a test"),
        ("admin", f"Delivery {first.pk}", "Retried 1 of 1."),
        ("admin", destination.name, "Paused: sale"),
        ("admin", destination.name, "Resumed. 1 queued delivery is being sent now."),
    ]
    assert Delivery.objects.get(pk=second.pk).status == "discarded"
    page = admin_client.get(reverse("admin:admin_logentry_changelist")).content.decode()
    assert "Discarded 2 of 2: a test" in page
