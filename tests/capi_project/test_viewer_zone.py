"""Times are shown and typed in the zone of the browser, and links mean the same for everybody."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from deliveries.admin.home import _say_start
from deliveries.admin.log_links import log_url
from deliveries.models import BulkAction, Delivery, Event
from deliveries.search.zones import find_zone
from deliveries.stats.figures import Span
from tests.factories import make_deliveries, make_destination

pytestmark = pytest.mark.django_db
LOG = "/admin/deliveries/delivery/"
ASK = "/admin/deliveries/bulkaction/new/discard/"
MOMENT = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
"""In Berlin it is half past midnight of the next day then, in New York half past six."""


@pytest.fixture
def delivery() -> Delivery:
    (made,) = make_deliveries(make_destination())
    Delivery.objects.update(created_at=MOMENT)
    Event.objects.update(received_at=MOMENT)
    Event.objects.update(received_at=MOMENT)
    return made


def in_zone(client: Client, name: str) -> Client:
    client.cookies["relay_zone"] = name
    return client


def shown(client: Client, **query: str) -> int:
    return len(client.get(LOG, query).context["cl"].result_list)


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("Europe/Berlin", "02 Jul 00:30:00"),
        ("America/New_York", "01 Jul 18:30:00"),
        ("UTC", "01 Jul 22:30:00"),
        ("Mars/Olympus_Mons", "01 Jul 22:30:00"),
        ("../../etc/localtime", "01 Jul 22:30:00"),
        ("", "01 Jul 22:30:00"),
    ],
)
def test_times_are_in_the_zone_of_the_browser_with_utc_as_their_title(
    admin_client: Client, delivery: Delivery, zone: str, words: str
) -> None:
    page = in_zone(admin_client, zone).get(LOG).content.decode()
    assert words in page
    assert 'title="2026-07-01 22:30:00 UTC"' in page
    assert timezone.get_current_timezone_name() == "UTC"  # nothing stays for the next request


def test_filters_are_read_in_that_zone_and_it_is_named_beside_them(
    admin_client: Client, delivery: Delivery
) -> None:
    client = in_zone(admin_client, "Europe/Berlin")
    assert "Times in Europe/Berlin" in client.get(LOG).content.decode()
    assert shown(client, since="2026-07-02T00:30") == 1
    assert shown(client, since="2026-07-02T00:31") == 0
    assert shown(client, until="2026-07-02T00:31") == 1
    assert shown(client, day="2026-07-02") == 1
    assert shown(client, day="2026-07-01") == 0
    assert shown(in_zone(client, "UTC"), day="2026-07-01") == 1


@pytest.mark.parametrize("viewer", ["Europe/Berlin", "America/New_York", "UTC"])
def test_a_link_shows_the_same_to_everybody_in_their_own_time(
    admin_client: Client, delivery: Delivery, viewer: str
) -> None:
    client = in_zone(admin_client, viewer)
    link = {"since": "2026-07-02T00:30", "until": "2026-07-02T00:31", "zone": "Europe/Berlin"}
    assert shown(client, **link) == 1
    assert shown(client, **{**link, "since": "2026-07-02T00:31"}) == 0
    own = MOMENT.astimezone(find_zone(viewer))
    page = client.get(LOG, link).content.decode()
    assert f'name="since" value="{own:%Y-%m-%dT%H:%M}"' in page
    assert f"Times in {viewer}" in page
    assert f'name="zone" value="{viewer}"' in page


def test_a_day_in_a_link_is_a_day_of_its_own_zone(admin_client: Client, delivery: Delivery) -> None:
    client = in_zone(admin_client, "America/New_York")
    assert shown(client, day="2026-07-02", zone="Europe/Berlin") == 1
    page = client.get(LOG, {"day": "2026-07-02", "zone": "Europe/Berlin"}).content.decode()
    assert "Times in Europe/Berlin" in page


def test_a_zone_that_there_is_not_means_the_own_one(
    admin_client: Client, delivery: Delivery
) -> None:
    client = in_zone(admin_client, "Europe/Berlin")
    assert shown(client, since="2026-07-02T00:30", zone="Mars/Olympus_Mons") == 1
    assert client.get(LOG, {"zone": "x\x00"}).status_code == 200


def links_of(client: Client, query: dict[str, str]) -> list[dict[str, Any]]:
    context = client.get(LOG, query).context
    urls = [link[0] for link in (*context["bulk_links"], *context["export_links"])]
    return [parse_qs(urlsplit(url).query) for url in urls]


def test_every_link_made_of_the_filters_carries_the_zone(
    admin_client: Client, delivery: Delivery
) -> None:
    client = in_zone(admin_client, "Europe/Berlin")
    for found in links_of(client, {"since": "2026-07-02T00:30"}):
        assert found["zone"] == ["Europe/Berlin"]
        assert found["since"] == ["2026-07-02T00:30"]
    assert not any("zone" in found for found in links_of(client, {"status": "dead"}))


def test_an_export_reads_its_filters_in_their_zone(
    admin_client: Client, delivery: Delivery
) -> None:
    query = {"since": "2026-07-02T00:30", "until": "2026-07-02T00:31", "zone": "Europe/Berlin"}
    client = in_zone(admin_client, "America/New_York")
    lines = b"".join(client.get(f"{LOG}export/jsonl/", query).streaming_content).splitlines()
    assert len(lines) == 1
    assert b"2026-07-01T22:30:00+00:00" in lines[0]  # files are in UTC


def test_a_bulk_action_is_about_what_was_counted_whoever_looks(
    admin_client: Client, delivery: Delivery
) -> None:
    query = {"since": "2026-07-02T00:30", "until": "2026-07-02T00:31", "zone": "Europe/Berlin"}
    client = in_zone(admin_client, "America/New_York")
    response = client.get(ASK, query)
    assert response.context["preview"].count == 1
    assert "01 Jul 2026 18:30 EDT" in response.content.decode()
    client.post(ASK, dict(response.context["hidden"]))
    selection = BulkAction.objects.get().selection
    assert datetime.fromisoformat(selection["since"]) == MOMENT


def test_a_replay_form_names_the_zone_and_sends_it(admin_client: Client) -> None:
    client = in_zone(admin_client, "Europe/Berlin")
    page = client.get("/admin/deliveries/bulkaction/new/replay/").content.decode()
    assert "Times are in Europe/Berlin" in page
    assert '<input type="hidden" name="zone" value="Europe/Berlin">' in page


def test_a_saved_view_keeps_the_zone_of_its_times(admin_client: Client) -> None:
    client = in_zone(admin_client, "Europe/Berlin")
    client.post(f"{LOG}views/save/", {"name": "July", "query": "since=2026-07-02T00:30"})
    page = client.get(LOG).content.decode()
    assert "since=2026-07-02T00%3A30&amp;zone=Europe%2FBerlin" in page


def test_the_links_of_the_home_page_name_their_zone() -> None:
    with timezone.override(find_zone("Europe/Berlin")):
        url = log_url(MOMENT, status="rejected", error_code="http_500")
    assert parse_qs(urlsplit(url).query) == {
        "status": ["rejected"],
        "error_code": ["http_500"],
        "settled_since": ["2026-07-02T00:30"],
        "zone": ["Europe/Berlin"],
    }


@pytest.mark.parametrize(
    ("slot_seconds", "zone", "words"),
    [
        (86_400, "UTC", "01 Jul"),
        (86_400, "America/New_York", "30 Jun 20:00"),  # days are those of UTC
        (3_600, "UTC", "01 Jul 00:00"),
    ],
)
def test_a_slot_of_a_chart_is_named_for_when_it_begins(
    slot_seconds: int, zone: str, words: str
) -> None:
    span = Span("x", "x", "x", slot_seconds, 1)
    start = datetime(2026, 7, 1, tzinfo=UTC).astimezone(find_zone(zone))
    assert _say_start(start, span) == words
