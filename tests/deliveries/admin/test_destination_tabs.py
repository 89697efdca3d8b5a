"""A destination's page in tabs: each has an address, all settings are one form with one save."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.models import Batch
from deliveries.stats.tallies import append
from destinations.first_start import DEMO_ADVERTISER_ID, DEMO_TOKEN
from destinations.models import ConnectionCheck, Destination
from tests.destinations.test_admin import destination_form
from tests.factories import make_deliveries, make_destination, make_source

pytestmark = pytest.mark.django_db

DESTINATIONS = "/admin/destinations/destination/"


def page_of(client: Client, destination: Destination, query: str = "") -> str:
    return unescape(client.get(f"{DESTINATIONS}{destination.pk}/change/{query}").content.decode())


def current_tab(page: str) -> str:
    bar = page.partition('<nav class="relay-tabs"')[2].partition("</nav>")[0]
    return bar.partition('aria-current="page"')[2].partition(">")[2].partition("<")[0].strip()


def test_each_tab_has_an_address_and_shows_its_part_of_the_form(admin_client: Client) -> None:
    destination = make_destination()
    for query, label in (
        ("", "Overview"),
        ("?tab=connection", "Connection"),
        ("?tab=settings", "Settings"),
        ("?tab=nonsense", "Overview"),
    ):
        response = admin_client.get(f"{DESTINATIONS}{destination.pk}/change/{query}")
        page = unescape(response.content.decode())
        assert current_tab(page) == label, query
        hidden = {
            part.split('"')[0]
            for part in page.split('data-relay-panel="')[1:]
            if part.split(">")[0].endswith(" hidden")
        }
        shown = {
            part.split('"')[0]
            for part in page.split('data-relay-panel="')[1:]
            if not part.split(">")[0].rstrip().endswith("hidden")
            and " hidden" not in part.split(">")[0]
        }
        if label == "Overview":
            assert hidden == {"connection", "settings", "connection settings"}
            assert not shown
        else:
            assert label.lower() in shown
            assert "connection settings" in shown
            assert ({"connection", "settings"} - {label.lower()}) <= hidden
        assert page.count('name="advertiser_id"') == page.count('name="dedup_key"') == 1
    events = admin_client.get(f"{DESTINATIONS}{destination.pk}/events/").content.decode()
    assert current_tab(events) == "Events"


def test_the_overview_says_how_it_goes(admin_client: Client) -> None:
    destination = make_destination(event_map={"page": "page_visit"})
    make_deliveries(destination)
    now = timezone.now()
    counts = {"delivered": 1200, "rejected:no_user_data": 3, "match:em": 600, "latency:20": 1200}
    append(counts, now, destination_id=destination.pk)
    append({"delivered": 77}, now, destination_id=destination.pk + 1)
    batch = Batch.objects.create(
        destination=destination, api_version="v5", conversion_count=25, status_code=200
    )
    ConnectionCheck.objects.create(destination=destination, checked_at=now, verdict="fine")
    page = page_of(admin_client, destination)
    for part in (
        "Connected. Last checked",
        "1,200",
        "no_user_data",
        f"error_code=no_user_data&destination={destination.pk}",
        f"/admin/deliveries/batch/{batch.pk}/change/",
        "25 conversions",
        "Match quality",
        "Delivery rate: 99.8%.",
        "page calls have no event name",
        "/pause/",
        f"status=pending&destination={destination.pk}",
    ):
        assert part in page, part
    assert "77" not in page.partition("relay-numbers")[2].partition("</dl>")[0]
    assert "_save" not in page.partition('class="relay-page"')[2].partition("<form")[0]


def test_an_empty_overview_says_so(admin_client: Client) -> None:
    page = page_of(admin_client, make_destination())
    assert "No completed deliveries in the last 24 hours." in page
    assert "The connection hasn't been checked yet." in page
    assert "Last request:" not in page


def test_the_overview_takes_the_same_queries_however_much_there_is(admin_client: Client) -> None:
    destination = make_destination()
    page_of(admin_client, destination)
    counts = []
    for _ in range(2):
        make_deliveries(destination, 5)
        for _ in range(3):
            make_destination()
            append({"delivered": 9, "rejected:x": 1}, timezone.now(), destination_id=destination.pk)
        with CaptureQueriesContext(connection) as queries:
            page_of(admin_client, destination)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("wrong", "tab"),
    [
        ({"advertiser_id": "my account"}, "Connection"),
        ({"name": ""}, "Settings"),
        ({"name": "", "advertiser_id": ""}, "Connection"),
        (
            {"event_mappings-TOTAL_FORMS": "1", "event_mappings-0-source_event_name": "A"},
            "Settings",
        ),
    ],
)
def test_a_mistake_opens_the_tab_it_is_in(
    admin_client: Client, wrong: dict[str, str], tab: str
) -> None:
    destination = make_destination(service="pinterest")
    form = destination_form(**{"name": destination.name, "_tab": "overview", **wrong})
    response = admin_client.post(f"{DESTINATIONS}{destination.pk}/change/", form)
    assert response.status_code == 200
    page = response.content.decode()
    assert current_tab(page) == tab
    both = {"name", "advertiser_id"} <= wrong.keys()
    bar = page.partition('<nav class="relay-tabs"')[2].partition("</nav>")[0]
    assert bar.count("has mistakes") == (2 if both else 1)


def test_one_save_keeps_what_was_changed_in_both_tabs_and_goes_on_in_the_same(
    admin_client: Client,
) -> None:
    destination = make_destination(service="pinterest")
    url = f"{DESTINATIONS}{destination.pk}/change/"
    form = destination_form(
        name="Renamed", advertiser_id="123", conversion_token="", _tab="settings", _continue="1"
    )
    response = admin_client.post(url, form)
    assert response.headers["Location"] == f"{url}?tab=settings"
    destination.refresh_from_db()
    assert (destination.name, destination.advertiser_id) == ("Renamed", "123")


def test_the_sandbox_makes_up_account_and_token(admin_client: Client) -> None:
    form: dict[str, Any] = destination_form(
        service="sandbox", advertiser_id="", conversion_token="", sources=[make_source().pk]
    )
    assert admin_client.post(f"{DESTINATIONS}add/", form).status_code == 302
    destination = Destination.objects.get()
    assert destination.advertiser_id == DEMO_ADVERTISER_ID
    assert destination.conversion_token.reveal() == DEMO_TOKEN
    # What was made up never goes to Pinterest.
    url = f"{DESTINATIONS}{destination.pk}/change/"
    form |= {"service": "pinterest", "advertiser_id": DEMO_ADVERTISER_ID}
    page = unescape(admin_client.post(url, form).content.decode())
    assert "Copy the number from the Ads Manager URL." in page
    page = unescape(admin_client.post(url, form | {"advertiser_id": "123"}).content.decode())
    assert "API v5 requires a conversion token" in page
    form |= {"advertiser_id": "123", "conversion_token": "pina_real"}
    assert admin_client.post(url, form).status_code == 302
    destination.refresh_from_db()
    assert destination.conversion_token.reveal() == "pina_real"


def test_pinterest_still_needs_an_account(admin_client: Client) -> None:
    page = admin_client.post(f"{DESTINATIONS}add/", destination_form(advertiser_id=""))
    assert "Copy the number from the Ads Manager URL." in page.content.decode()
    assert not Destination.objects.exists()


def test_what_is_archived_can_be_looked_at_in_every_tab(admin_client: Client) -> None:
    destination = make_destination(enabled=False, archived_at=timezone.now())
    for query in ("", "?tab=connection", "?tab=settings"):
        page = page_of(admin_client, destination, query)
        assert "/restore/" in page
        assert 'name="_save"' not in page
