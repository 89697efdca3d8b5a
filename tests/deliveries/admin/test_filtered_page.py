"""How many recent events unsaved settings would filter."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from deliveries.admin import filtered_page
from deliveries.models import Event
from destinations.models import Destination, EventRuleRow
from tests.factories import make_deliveries, make_destination, make_event, make_source

pytestmark = pytest.mark.django_db


def form_of(destination: Destination | None, **fields: Any) -> dict[str, Any]:
    sources = destination.sources.values_list("pk", flat=True) if destination else ()
    return {
        "name": "Shop",
        "service": "sandbox",
        "advertiser_id": "123",
        "unmapped_events": "by_name",
        "default_action_source": "web",
        "api_version": "v5",
        "bots": "send",
        "sources": [str(pk) for pk in sources],
        "event_rules-TOTAL_FORMS": "1",
        "event_rules-INITIAL_FORMS": "0",
        "event_rules-0-action": "block",
        "event_rules-0-path": "properties.total",
        "event_rules-0-operator": "lt",
        "event_rules-0-value": "10",
        **fields,
    }


def url_of(destination: Destination | None) -> str:
    if destination is None:
        return reverse("admin:destinations_destination_filtered_new")
    return reverse("admin:destinations_destination_filtered", args=[destination.pk])


def make_orders(destination: Destination, *totals: int) -> None:
    make_deliveries(
        destination, events=[make_event(properties={"total": total}) for total in totals]
    )


def test_unsaved_rules_are_counted_on_recent_events_by_code(admin_client: Client) -> None:
    destination = make_destination(bots="send")
    make_orders(destination, 1, 2, 2, 50)
    make_orders(make_destination(), 3)  # of another source
    with CaptureQueriesContext(connection) as queries:
        response = admin_client.post(url_of(destination), form_of(destination))
    assert len([one for one in queries if "deliveries_event" in one["sql"]]) == 2
    tally = response.context["tally"]
    assert (tally.count, tally.filtered_count, tally.saved_count) == (4, 3, 0)
    (reason,) = tally.by_frequency
    assert (reason.code, reason.count) == ("filtered_by_rule", 3)
    assert reason.examples[0] == (
        "Rule 1 doesn't send it: properties.total is less than 10 (it's 2).",
        2,
    )
    page = response.content.decode()
    assert "3 of the last 4 events would be filtered" in page
    assert "With the saved destination: 0." in page
    assert not EventRuleRow.objects.exists()


def test_the_saved_destination_is_counted_without_a_form(admin_client: Client) -> None:
    destination = make_destination(consent_mode="strict")
    make_orders(destination, 1)
    tally = admin_client.post(url_of(destination)).context["tally"]
    assert (tally.count, tally.filtered_count, tally.saved_count) == (1, 1, None)
    assert list(tally.reasons) == ["consent_missing"]


def test_no_more_than_the_newest_are_read_and_none_that_is_large_or_gone(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filtered_page, "LOOKED_AT", 3)
    destination = make_destination()
    make_orders(destination, 1, 2, 3, 4)
    Event.objects.filter(pk=Event.objects.latest("pk").pk).update(body=None)
    tally = admin_client.post(url_of(destination), form_of(destination)).context["tally"]
    assert (tally.count, tally.unread_count, tally.filtered_count) == (2, 1, 2)


def test_a_new_destination_is_counted_on_the_events_of_the_chosen_sources(
    admin_client: Client,
) -> None:
    source = make_source()
    make_orders(make_destination(sources=[source]), 1)
    response = admin_client.post(url_of(None), form_of(None, sources=[str(source.pk)]))
    assert response.context["tally"].filtered_count == 1
    page = admin_client.post(url_of(None), form_of(None)).content.decode()
    assert "has no sources" in page
    assert Destination.objects.count() == 1


def test_a_mistake_is_told_instead_of_a_count(admin_client: Client) -> None:
    form = form_of(None) | {"event_rules-0-value": "much"}
    response = admin_client.post(url_of(None), form)
    assert response.context["tally"] is None
    assert response.context["problems"] == [
        "Event rules, row 1: Enter a number or a time, such as 12.50 or 2026-05-01T10:00:00Z."
    ]
    assert admin_client.get(url_of(None)).status_code == 405
