"""Check connection: bad token, bad account, unreachable and fine are told apart; copies; advice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.utils import timezone

from deliveries.tasks import check_connections
from destinations.connection_check import check_all_connections, check_and_record
from destinations.event_map_advice import advise_event_map
from destinations.models import ConnectionCheck, Destination
from pinterest_sandbox.sandbox import Sandbox
from tests.destinations.test_admin import DESTINATIONS, destination_form
from tests.factories import make_destination, make_source

pytestmark = pytest.mark.django_db


def stored(**fields: Any) -> Destination:
    """A destination as the database gives it back."""
    return Destination.objects.get(pk=make_destination(**fields).pk)


@pytest.fixture
def sandbox(settings: Any) -> Iterator[Sandbox]:
    with Sandbox(tokens=["sandbox-token", "typed-token"]) as running:
        settings.SANDBOX_URL = running.url
        yield running


@pytest.mark.parametrize(
    ("fields", "verdict", "status"),
    [
        ({}, "fine", 200),
        ({"api_version": "v3"}, "fine", 200),
        ({"conversion_token": "revoked"}, "bad_token", 401),
        ({"advertiser_id": "403549755885"}, "forbidden_account", 403),
        ({"advertiser_id": "404549755885"}, "unknown_account", 404),
    ],
)
def test_the_answer_to_a_dummy_event_says_what_is_wrong(sandbox, fields, verdict, status):
    destination = stored(**fields)
    result = check_and_record(destination)
    assert (result.verdict, result.status) == (verdict, status)
    check = ConnectionCheck.objects.get()
    assert (check.destination_id, check.verdict, check.status_code) == (
        destination.pk,
        verdict,
        status,
    )
    destination.refresh_from_db()
    assert destination.paused_at is None


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1", "http://no-such-host.invalid"],
)
def test_a_service_that_is_not_there_blames_neither_token_nor_account(settings, url):
    settings.SANDBOX_URL = url
    result = check_and_record(stored())
    assert (result.verdict, result.status) == ("unreachable", None)
    assert "network" in result.remedy


def test_a_token_that_no_key_opens_is_said_so_and_nothing_is_sent(sandbox, settings):
    destination = stored()
    settings.TOKEN_ENCRYPTION_KEYS = ["kk4lCbkRkXy1kgWnVs9o9G2Sy0MYHRDp3GXXUMxzbqY="]
    assert check_and_record(destination).verdict == "unreadable_token"


def test_the_daily_check_takes_what_is_on_and_was_not_checked_for_a_day(sandbox):
    fresh, stale, never, off = (make_destination() for _ in range(4))
    Destination.objects.filter(pk=off.pk).update(enabled=False)
    now = timezone.now()
    for one, age in ((fresh, 22), (stale, 24)):
        ConnectionCheck.objects.create(
            destination=one, checked_at=now - timedelta(hours=age), verdict="busy"
        )
    assert check_connections() == 2
    verdicts = dict(ConnectionCheck.objects.values_list("destination_id", "verdict"))
    assert verdicts == {fresh.pk: "busy", stale.pk: "fine", never.pk: "fine"}


def test_the_daily_check_stops_when_its_time_is_over(sandbox):
    make_destination()
    assert check_all_connections(timezone.now(), lambda: True) == {}
    assert ConnectionCheck.objects.count() == 0


def test_a_typed_token_is_tried_without_being_saved_recorded_or_shown(sandbox, admin_client):
    destination = make_destination(name="Pinterest US", conversion_token="revoked")
    url = f"{DESTINATIONS}{destination.pk}/check/"
    typed = destination_form(service="sandbox", conversion_token="typed-token")
    page = admin_client.post(url, typed).content.decode()
    assert "Connected." in page
    assert "the token you entered" in page
    assert "typed-token" not in page
    assert ConnectionCheck.objects.count() == 0
    destination.refresh_from_db()
    assert destination.conversion_token.reveal() == "revoked"
    page = admin_client.post(url, {**typed, "conversion_token": ""}).content.decode()
    assert "Pinterest doesn't accept the conversion token." in unescape(page)
    assert "with the saved destination and token" in page
    assert ConnectionCheck.objects.get().verdict == "bad_token"
    page = admin_client.get(f"{DESTINATIONS}{destination.pk}/change/").content.decode()
    assert "Check failed. Last checked " in page
    assert "<strong>Pinterest doesn't accept the conversion token.</strong>" in unescape(page)


def test_a_form_that_cannot_be_read_is_not_tried(sandbox, admin_client):
    page = admin_client.post(
        f"{DESTINATIONS}check/", destination_form(service="sandbox", advertiser_id="12x")
    ).content.decode()
    assert "Use digits only, up to 18." in page
    assert "Nothing was sent." in page


def test_who_may_not_change_a_destination_can_neither_check_nor_copy_it(client, django_user_model):
    destination = make_destination()
    person = django_user_model.objects.create_user("someone", password="x", is_staff=True)
    client.force_login(person)
    for verb in ("check", "copy"):
        assert client.post(f"{DESTINATIONS}{destination.pk}/{verb}/").status_code == 403
    assert Destination.objects.count() == 1


def test_a_copy_has_settings_and_event_map_but_no_account_token_or_sources(admin_client):
    original = stored(
        name="Pinterest US",
        sources=[make_source()],
        event_map={"Newsletter": "signup"},
        app_id="389801252",
        dedup_key="properties.event_id",
        default_country="US",
    )
    for expected in ("Pinterest US (copy)", "Pinterest US (copy 2)"):
        response = admin_client.post(f"{DESTINATIONS}{original.pk}/copy/", follow=True)
        copy = Destination.objects.get(name=expected)
        assert response.redirect_chain == [(f"{DESTINATIONS}{copy.pk}/change/?tab=connection", 302)]
        assert "has no account, token or sources" in response.content.decode()
        assert copy.enabled is False
        assert not copy.conversion_token
        assert copy.advertiser_id == copy.app_id == ""
        assert not copy.sources.exists()
        assert (copy.dedup_key, copy.default_country) == ("properties.event_id", "US")
        assert list(
            copy.event_mappings.values_list("source_event_name", "pinterest_event_name")
        ) == [("Newsletter", "signup")]
    original.refresh_from_db()
    assert original.enabled is True
    assert original.conversion_token
    assert original.sources.count() == 1


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("Newsletter", "signup")], []),
        ([("page", "page_visit")], ["page calls have no event name"]),
        ([("Order*", "checkout")], ["isn't a wildcard"]),
        ([("Order Completed", "checkout")], ["has no effect"]),
        ([("Order Completed", "checkout"), ("Order Completed", "lead")], ["is sent 2 times"]),
        ([("News", "signup"), ("news ", "lead")], ["is sent 2 times, as signup, lead"]),
    ],
)
def test_rows_that_cannot_fire_as_expected_are_named(rows, said):
    advice = advise_event_map(rows, "by_name")
    assert len(advice) == len(said)
    for sentence, part in zip(advice, said, strict=True):
        assert part in sentence
