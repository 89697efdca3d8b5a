"""How a destination does, in words: the worst that is true of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.destination_states import ORDER, read_state, read_states
from deliveries.models import Circuit, Delivery, Event
from deliveries.phrases import say_next_try
from deliveries.stats.figures import Waiting
from destinations.models import ConnectionCheck, Destination
from tests.factories import make_deliveries, make_destination

NOW = datetime.fromisoformat("2026-03-10T12:34:56+00:00")

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("destination", "circuit", "waiting", "key", "words"),
    [
        (
            {"paused_at": NOW - timedelta(hours=2), "paused_code": "unauthorised"}
            | {"paused_reason": "Pinterest answered 401."},
            None,
            Waiting(5, NOW, NOW),
            "paused",
            "Since 10 Mar 10:34 (2 h). Reason: Pinterest answered 401.",
        ),
        (
            {"enabled": False},
            None,
            Waiting(),
            "off",
            "New events aren't queued for this destination.",
        ),
        (
            {"enabled": False},
            None,
            Waiting(5, NOW, NOW),
            "off",
            (
                "New events aren't queued for this destination. Deliveries already queued "
                "are sent once you turn it on."
            ),
        ),
        (
            {},
            {"hold_until": NOW + timedelta(seconds=90)},
            Waiting(),
            "held",
            "Pinterest asked us to wait until 12:36:26 (in 1 min).",
        ),
        (
            {},
            {"hold_until": NOW + timedelta(seconds=20), "failure_count": 5},
            Waiting(9, NOW, NOW),
            "failing",
            "5 requests in a row failed. Next attempt in 20 s, at 12:35:16.",
        ),
        (
            {},
            {"failure_count": 1},
            Waiting(9, NOW, NOW),
            "failing",
            "The last request failed. The next attempt is due.",
        ),
        (
            {},
            None,
            Waiting(9, NOW, NOW - timedelta(minutes=4)),
            "behind",
            "The oldest delivery is 4 min overdue.",
        ),
        (
            {},
            {"last_success_at": NOW - timedelta(seconds=20)},
            Waiting(),
            "delivering",
            "Last request accepted 20 s ago.",
        ),
        (
            {},
            {"last_success_at": NOW - timedelta(hours=3)},
            Waiting(),
            "idle",
            "No deliveries queued. Last request accepted 3 h ago.",
        ),
        (
            {"test_mode": True},
            None,
            Waiting(),
            "test",
            "Pinterest validates events without recording them. Nothing delivered yet.",
        ),
    ],
)
def test_a_destination_says_how_it_does(
    destination: dict[str, Any],
    circuit: dict[str, Any] | None,
    waiting: Waiting,
    key: str,
    words: str,
) -> None:
    state = read_state(
        make_destination(**destination),
        Circuit(**circuit) if circuit is not None else None,
        waiting,
        NOW,
    )
    assert (state.key, state.sentence) == (key, words)
    assert key in ORDER
    if key == "paused":
        assert state.remedy.startswith("Create a new token")


SITUATIONS: dict[str, dict[str, Any]] = {
    "Paused": {"fields": {"paused_at": NOW, "paused_reason": "Lunch."}},
    "Failing": {"circuit": {"failure_count": 4}},
    "Not connected": {"check": "bad_token"},
    "Off": {"fields": {"enabled": False}},
    "Test mode": {"fields": {"test_mode": True}},
    "Idle": {},
}


def make_situation(
    fields: dict[str, Any] | None = None, circuit: dict[str, Any] | None = None, check: str = ""
) -> Destination:
    destination = make_destination(**(fields or {}))
    if circuit:
        Circuit.objects.update_or_create(destination=destination, defaults=circuit)
    if check:
        ConnectionCheck.objects.create(
            destination=destination, checked_at=timezone.now(), verdict=check
        )
    return destination


@pytest.mark.parametrize("word", SITUATIONS)
def test_home_list_and_page_say_the_same_of_a_destination(admin_client: Client, word: str) -> None:
    destination = make_situation(**SITUATIONS[word])
    state = read_states([destination], timezone.now())[destination.pk]
    assert state.word == word
    for url in (
        "/admin/",
        "/admin/destinations/destination/",
        f"/admin/destinations/destination/{destination.pk}/change/",
    ):
        page = admin_client.get(url).content.decode()
        assert str(state.badge) in page, url
        for other in SITUATIONS.keys() - {word}:
            assert f"</span>{other}</span>" not in page, url


def test_a_check_that_failed_counts_until_a_request_went_well() -> None:
    destination = make_situation(check="bad_token")
    (key, remedy) = _key_and_remedy(destination)
    assert key == "unconnected"
    assert remedy.startswith("Create a new one in Ads Manager")
    Circuit.objects.update_or_create(
        destination=destination, defaults={"last_success_at": timezone.now()}
    )
    assert _key_and_remedy(destination)[0] == "delivering"


def _key_and_remedy(destination: Destination) -> tuple[str, str]:
    state = read_states([destination], timezone.now())[destination.pk]
    return state.key, state.remedy


def test_the_list_takes_the_same_queries_however_many_destinations_there_are(
    admin_client: Client,
) -> None:
    counts = []
    for _ in range(2):
        for _ in range(3):
            make_situation(**SITUATIONS["Failing"])
        with CaptureQueriesContext(connection) as queries:
            admin_client.get("/admin/destinations/destination/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("situation", "due", "said"),
    [
        ({}, timedelta(seconds=-5), "now"),
        ({}, timedelta(minutes=-5), "overdue by 5 min"),
        ({}, timedelta(minutes=2), "in 2 min"),
        ({"fields": {"enabled": False}}, timedelta(seconds=-5), "when turned on"),
        ({"fields": {"paused_at": NOW}}, timedelta(seconds=-5), "when resumed"),
        (
            {"circuit": {"failure_count": 5, "hold_until": NOW + timedelta(seconds=40)}},
            timedelta(seconds=-5),
            "in 40 s at the earliest",
        ),
        (
            {"circuit": {"hold_until": NOW + timedelta(seconds=40)}},
            timedelta(minutes=-9),
            "in 40 s at the earliest",
        ),
        (
            {"circuit": {"hold_until": NOW + timedelta(seconds=40)}},
            timedelta(minutes=2),
            "in 2 min",
        ),
        (
            {"fields": {"enabled": False, "archived_at": NOW}},
            timedelta(0),
            "none: its destination is archived",
        ),
    ],
)
def test_what_is_held_back_never_says_that_it_is_tried_now(
    situation: dict[str, Any], due: timedelta, said: str
) -> None:
    destination = make_situation(**situation)
    (delivery,) = make_deliveries(destination)
    Delivery.objects.update(due_at=NOW + due)
    delivery.refresh_from_db()
    assert say_next_try(delivery, destination, NOW) == said


def test_the_log_and_the_delivery_know_what_holds_it_back(admin_client: Client) -> None:
    hold = {"failure_count": 5, "hold_until": timezone.now() + timedelta(hours=2)}
    (delivery,) = make_deliveries(make_situation(circuit=hold))
    for url in ("", f"{delivery.pk}/change/"):
        page = admin_client.get(f"/admin/deliveries/delivery/{url}").content.decode()
        assert "at the earliest" in page, url


@pytest.mark.parametrize(
    ("age", "fields", "parts"),
    [
        (
            timedelta(minutes=20),
            {},
            [
                "The oldest event was received 20 min ago.",
                "Send within 40 min: after an hour, Pinterest counts web and app events as",
                "Pinterest accepts it until 17 Mar 12:14 (in 6 d 23 h): 7 days.",
            ],
        ),
        (
            timedelta(days=2),
            {},
            [
                "Web and app events that wait for over an hour count as offline.",
                "Pinterest accepts it until 15 Mar 12:34 (in 5 d): 7 days.",
            ],
        ),
        (timedelta(days=8), {}, ["so it's too late for the oldest."]),
        (
            timedelta(hours=2),
            {"max_age_hours": 24},
            ["The destination's age limit filters it from 11 Mar 10:34 (in 22 h)."],
        ),
        (timedelta(hours=25), {"max_age_hours": 24}, ["past the age limit of the destination"]),
    ],
)
def test_a_pause_says_how_long_events_may_still_wait(
    age: timedelta, fields: dict[str, Any], parts: list[str]
) -> None:
    destination = make_destination(paused_at=NOW, paused_reason="Lunch.", **fields)
    waiting = {destination.pk: Waiting(3, NOW - age, NOW)}
    said = read_states([destination], NOW, waiting)[destination.pk].limit
    for part in parts:
        assert part in said


def test_what_flows_or_waits_for_nothing_has_no_limit() -> None:
    paused = make_destination(paused_at=NOW, paused_reason="Lunch.")
    flowing = make_destination()
    waiting = {flowing.pk: Waiting(3, NOW, NOW)}
    states = read_states([paused, flowing], NOW, waiting)
    assert [one.limit for one in states.values()] == ["", ""]


def test_the_page_goes_by_the_event_and_not_by_a_younger_delivery(admin_client: Client) -> None:
    destination = make_destination(paused_at=timezone.now(), paused_reason="Lunch.")
    make_deliveries(destination, 2)
    url = f"/admin/destinations/destination/{destination.pk}/change/"
    assert "The oldest event was received 1 min ago." in admin_client.get(url).content.decode()
    Event.objects.filter(pk=Event.objects.earliest("pk").pk).update(
        received_at=timezone.now() - timedelta(days=3)
    )
    page = admin_client.get(url).content.decode()
    assert "The oldest event was received 3 d ago." in page
    assert "nothing is lost" not in page
    Delivery.objects.all().delete()
    assert "No deliveries are queued yet." in admin_client.get(url).content.decode()
