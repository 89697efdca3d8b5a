"""The home page: right numbers from tallies, states in words, links that lead to what they
count."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import escape

from deliveries.admin.charts import HEIGHT, LEAST_HEIGHT, draw_bars
from deliveries.admin.home import say_count, say_latency, say_share
from deliveries.engine.dispatch import deliver_batch
from deliveries.models import Circuit, Delivery
from deliveries.stats import figures
from deliveries.stats.figures import SPANS, Flow, Waiting, read_figures, read_waiting
from deliveries.stats.match_coverage import read_coverage
from deliveries.stats.tallies import append
from destinations.models import ConnectionCheck, Destination
from pinterest_sandbox.sandbox import Sandbox
from tests.factories import make_deliveries, make_destination, make_event

HOME = "/admin/"
NOW = datetime.fromisoformat("2026-03-10T12:34:56+00:00")

pytestmark = pytest.mark.django_db


def text_of(response: Any) -> str:
    """The page as it reads, without markup."""
    assert response.status_code == 200
    main = response.content.decode().partition('<div class="relay-page">')[2]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def span(key: str) -> figures.Span:
    return next(one for one in SPANS if one.key == key)


def test_an_empty_installation_shows_the_first_steps_and_no_empty_figures(
    admin_client: Client,
) -> None:
    response = admin_client.get(HOME)
    titles = [(step["title"], step["done"]) for step in response.context["steps"]]
    assert titles == [
        ("Add a source", False),
        ("Add a destination", False),
        ("Connect them", False),
        ("Send an event", False),
        ("See it delivered", False),
    ]
    assert "summary" not in response.context
    assert "Get started" in text_of(response)


def test_the_steps_are_ticked_one_by_one_and_gone_after_the_first_delivery(
    admin_client: Client, sandbox: Sandbox
) -> None:
    destination = make_destination()
    make_deliveries(destination)
    steps = admin_client.get(HOME).context["steps"]
    assert [step["done"] for step in steps] == [True, True, True, True, False]
    deliver_batch(destination.pk)
    steps = admin_client.get(HOME).context["steps"]
    assert [step["done"] for step in steps] == [True] * 5 + [False], "the sandbox is a trial"
    assert steps[-1]["title"] == "Send to Pinterest"
    Destination.objects.update(service="pinterest")
    assert admin_client.get(HOME).context["steps"] is None


def test_figures_of_a_real_run_are_on_the_page(admin_client: Client, sandbox: Sandbox) -> None:
    destination = make_destination()
    bare = [make_event(context={}, userId="x") for _ in range(2)]
    make_deliveries(destination, events=[*(make_event() for _ in range(6)), *bare])
    deliver_batch(destination.pk)
    append({"received": 1234}, timezone.now(), source_id=1)
    make_deliveries(destination, 3)

    response = admin_client.get(HOME, {"range": "1h"})

    summary = response.context["summary"]
    assert {name: said for name, said in summary.items() if not name.endswith("_url")} == {
        "received": 1234,
        "refused": 0,
        "delivered": 6,
        "rejected": 2,
        "dead": 0,
        "filtered": 0,
        "waiting": "3",
        "share": "75.0%",
        "oldest": "1 min",
        "median": response.context["summary"]["median"],
        "slowest": response.context["summary"]["slowest"],
    }
    assert response.context["summary"]["median"].startswith("about 1 min")
    text = text_of(response)
    assert "Received 1,234 events" in text
    assert "missing_user_data 2 deliveries" in text
    (card,) = response.context["cards"]
    assert (card.flow.delivered, card.flow.rejected, card.waiting) == (6, 2, "3")
    assert [(bar.good, bar.bad) for bar in card.chart.bars if bar.good or bar.bad] == [(6, 2)]
    assert re.search(r"\d\d:\d\d 6 2", text)  # the chart as numbers


def test_the_link_of_an_error_leads_to_exactly_its_deliveries(
    admin_client: Client, sandbox: Sandbox
) -> None:
    destination = make_destination(max_age_hours=1)
    bare = [make_event(context={}, userId="x") for _ in range(3)]
    old = make_event(timestamp="2024-01-01T00:00:00Z")
    rejected = make_deliveries(destination, events=bare)
    (filtered,) = make_deliveries(destination, events=[old])
    make_deliveries(destination, 2)
    deliver_batch(destination.pk)
    # One that was closed long before the range.
    (earlier,) = make_deliveries(destination, events=[make_event(context={}, userId="x")])
    deliver_batch(destination.pk)
    Delivery.objects.filter(pk=earlier.pk).update(settled_at=timezone.now() - timedelta(days=2))
    sandbox.add_fault("status=503")
    (failing,) = make_deliveries(destination)
    deliver_batch(destination.pk)

    lines = admin_client.get(HOME, {"range": "24h"}).context["errors"]

    assert [(line.status, line.code, line.count) for line in lines] == [
        ("rejected", "missing_user_data", 4),
        ("pending", "server_error", 1),
        ("filtered", "event_too_old", 1),
    ]
    # Of all that ended: failed attempts that are followed by another did not.
    assert [line.share for line in lines] == ["", "", "14.3%"]
    found = [
        {one.pk for one in admin_client.get(line.url).context["cl"].result_list} for line in lines
    ]
    assert found == [{one.pk for one in rejected}, {failing.pk}, {filtered.pk}]
    assert all(line.meaning and line.remedy for line in lines)

    page = admin_client.get(HOME, {"range": "24h"})
    (card,) = page.context["cards"]
    numbers = {name: (count, url) for name, count, url in card.ended}
    assert {name: count for name, (count, _) in numbers.items()} == {
        "rejected": 4,
        "failed": 0,
        "filtered": 1,
    }
    assert numbers["failed"][1] == ""
    summary = page.context["summary"]
    for url, expected in (
        (numbers["rejected"][1], rejected),
        (summary["rejected_url"], rejected),
        (numbers["filtered"][1], [filtered]),
        (summary["filtered_url"], [filtered]),
    ):
        assert escape(url) in page.content.decode()
        log = admin_client.get(url).context["cl"]
        assert {one.pk for one in log.result_list} == {one.pk for one in expected}


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-13-01T00:00", "0001-01-01T00:00", "9999-12-31T23:59", "\x00"]
)
@pytest.mark.parametrize("name", ["settled_since", "since", "until"])
def test_a_nonsense_moment_in_the_address_finds_nothing_or_all_but_never_fails(
    admin_client: Client, name: str, text: str
) -> None:
    make_deliveries(make_destination())
    page = admin_client.get("/admin/deliveries/delivery/", {name: text})
    assert page.status_code == 200
    if name == "settled_since":  # none has settled
        assert page.context["cl"].result_list == []


@pytest.mark.parametrize(
    ("key", "age", "counts"),
    [
        ("1h", timedelta(minutes=50), True),
        ("1h", timedelta(minutes=61), False),
        ("24h", timedelta(hours=22), True),
        ("24h", timedelta(hours=25), False),
        ("7d", timedelta(days=6.7), True),
        ("7d", timedelta(days=7.3), False),
        ("30d", timedelta(days=29), True),
        ("30d", timedelta(days=31), False),
    ],
)
def test_a_range_counts_what_is_in_it(key: str, age: timedelta, counts: bool) -> None:
    append({"delivered": 7, "rejected:x": 1}, NOW - age, destination_id=5)
    found = read_figures(span(key), NOW)
    assert found.total.delivered == (7 if counts else 0)
    assert sum(slot["delivered"] for slot in found.total.slots.values()) == found.total.delivered
    assert len(found.starts) == span(key).slot_count
    assert found.starts[-1] <= NOW < found.starts[-1] + timedelta(seconds=span(key).slot_seconds)


def test_bars_stand_in_the_slot_in_which_it_happened() -> None:
    append({"delivered": 3, "dead:x": 2}, NOW - timedelta(hours=2), destination_id=5)
    append({"delivered": 1}, NOW, destination_id=5)
    flow = read_figures(span("24h"), NOW).of_destination[5]
    assert {slot: dict(counts) for slot, counts in flow.slots.items()} == {
        21: {"delivered": 3, "failed": 2},
        23: {"delivered": 1},
    }


def test_the_home_page_takes_the_same_queries_however_much_there_is(
    admin_client: Client, sandbox: Sandbox
) -> None:
    make_deliveries(make_destination(), 2)
    append({"delivered": 1}, timezone.now(), destination_id=1)
    admin_client.get(HOME)
    with CaptureQueriesContext(connection) as few:
        admin_client.get(HOME)
    for _ in range(4):
        destination = make_destination()
        make_deliveries(destination, 20)
        for _ in range(3):
            append({"delivered": 2, "rejected:x": 1}, timezone.now(), destination_id=destination.pk)
    Circuit.objects.create(destination=destination, failure_count=3)
    with CaptureQueriesContext(connection) as many:
        admin_client.get(HOME)
    assert len(many) == len(few) <= 17


def test_what_waits_is_counted_up_to_a_limit(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "MAX_COUNTED", 5)
    few, many, none = make_destination(), make_destination(), make_destination()
    make_deliveries(few, 2, age_seconds=7200)
    make_deliveries(many, 9)
    waiting = read_waiting([few.pk, many.pk, none.pk])
    assert [waiting[one.pk].count for one in (few, many, none)] == [2, 6, 0]
    assert waiting[none.pk] == Waiting()
    oldest = waiting[few.pk].oldest_at
    assert oldest is not None
    assert timedelta(hours=1.9) < timezone.now() - oldest < timedelta(hours=2.1)


@pytest.mark.parametrize(
    ("counts", "said"),
    [([], "0"), ([1234, 5], "1,239"), ([10_000], "10,000"), ([10_001, 3], "10,003+")],
)
def test_a_count_that_was_cut_short_says_so(counts: list[int], said: str) -> None:
    assert say_count([Waiting(count) for count in counts]) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [(None, "–"), (1.0, "100%"), (0.99999, "99.9%"), (0.5, "50.0%"), (0.0, "0%")],
)
def test_a_share_is_never_rounded_to_all(share: float | None, said: str) -> None:
    assert say_share(share) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "–"),
        (0.005, "about 5 ms"),
        (0.362, "about 360 ms"),
        (2.896, "about 2.9 s"),
        (23.2, "about 23 s"),
        (185.4, "about 3 min"),
    ],
)
def test_a_latency_is_said_in_round_numbers(seconds: float | None, said: str) -> None:
    assert say_latency(seconds) == said


def test_percentiles_come_from_the_steps() -> None:
    flow = Flow()
    for step, count in ((20, 90), (24, 6), (30, 4)):
        flow.add(f"latency:{step}", None, count)
    assert [flow.latency_seconds(share) for share in (0.5, 0.9, 0.95, 0.99)] == pytest.approx(
        [1.024, 1.024, 4.096, 32.768]
    )
    assert Flow().latency_seconds(0.5) is None


def test_a_failed_connection_check_is_on_the_card_until_a_request_went_well(
    admin_client: Client,
) -> None:
    destination = make_destination()
    checked_at = timezone.now() - timedelta(hours=2)
    check = ConnectionCheck.objects.create(
        destination=destination, checked_at=checked_at, verdict="bad_token"
    )
    text = text_of(admin_client.get(HOME))
    assert (
        "The connection check failed 2 h ago. Pinterest doesn't accept the conversion token."
        in text
    )

    def says_nothing() -> bool:
        return admin_client.get(HOME).context["cards"][0].state.key != "unconnected"

    circuit, _ = Circuit.objects.get_or_create(destination_id=destination.pk)
    Circuit.objects.filter(pk=circuit.pk).update(last_success_at=checked_at - timedelta(hours=1))
    assert not says_nothing()
    Circuit.objects.filter(pk=circuit.pk).update(last_success_at=checked_at + timedelta(hours=1))
    assert says_nothing()
    Circuit.objects.filter(pk=circuit.pk).update(last_success_at=None)
    check.verdict = "fine"
    check.save()
    assert says_nothing()


def test_what_needs_a_person_stands_first(admin_client: Client) -> None:
    make_deliveries(make_destination(name="A: off", enabled=False))
    make_destination(name="B: idle")
    make_destination(name="C: paused", paused_at=timezone.now(), paused_reason="Because.")
    ConnectionCheck.objects.create(
        destination=make_destination(name="D: token refused in a check"),
        checked_at=timezone.now(),
        verdict="bad_token",
    )
    cards = admin_client.get(HOME).context["cards"]
    assert [card.destination.name[0] for card in cards] == ["C", "D", "B", "A"]


def test_match_coverage_is_held_against_what_can_be_had(admin_client: Client) -> None:
    make_deliveries(make_destination())
    append(
        {
            "delivered": 100,
            "match:em": 95,
            "match:external_id": 60,
            "match:click_id": 20,
            "match:ip_ua": 0,
            "match:of_offline": 20,
            "match:of_app": 10,
            "match:hashed_maids": 5,
        },
        timezone.now(),
        destination_id=1,
    )
    coverage = admin_client.get(HOME).context["coverage"]
    assert {one.key: (one.percent, one.verdict) for one in coverage} == {
        "em": (95, "good"),
        "external_id": (60, "could be improved"),
        "click_id": (25, "fair"),  # of the 80 that happened online
        "ip_ua": (0, "missing"),
        "ph": (0, "missing"),
        "hashed_maids": (50, "fair"),  # of the 10 of apps
    }


def test_a_key_that_no_conversion_can_have_is_named_and_not_blamed(admin_client: Client) -> None:
    make_deliveries(make_destination())
    append(
        {"delivered": 10, "match:em": 10, "match:of_offline": 10}, timezone.now(), destination_id=1
    )
    response = admin_client.get(HOME)
    coverage = {one.key: (one.share, one.verdict) for one in response.context["coverage"]}
    assert set(coverage) == {"em", "ph", "external_id", "click_id", "hashed_maids", "ip_ua"}
    assert coverage["hashed_maids"] == ("–", "no app events")
    assert coverage["click_id"] == coverage["ip_ua"] == ("–", "offline events only")
    assert "no app events" in response.content.decode()


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0%"), (1, "below 1%"), (9_999, "99%"), (10_000, "100%")]
)
def test_a_coverage_is_never_rounded_to_all_or_nothing(count: int, said: str) -> None:
    flow = Flow()
    flow.add("delivered", None, 10_000)
    flow.add("match:em", None, count)
    assert read_coverage(flow)[0].share == said


def test_a_bar_is_as_high_as_its_share_and_never_out_of_sight() -> None:
    chart = draw_bars([("a", 1_000_000, 1), ("b", 0, 0), ("c", 500_000, 0)])
    first, second, third = chart.bars
    assert first.good_height + first.bad_height == HEIGHT
    assert first.bad_height == LEAST_HEIGHT
    assert (second.good_height, second.bad_height) == (0, 0)
    assert third.good_height == pytest.approx(HEIGHT / 2, abs=0.01)
    assert chart.largest == 1_000_001


def test_the_chart_tells_without_colour_and_loads_nothing(admin_client: Client) -> None:
    destination = make_destination()
    make_deliveries(destination)
    append({"delivered": 8, "rejected:x": 2}, timezone.now(), destination_id=destination.pk)
    page = admin_client.get(HOME).content.decode()
    svg = re.search(r"<svg viewBox=.*?</svg>", page, re.S)
    assert svg is not None
    assert "<pattern" in svg[0]
    assert ": 8 delivered, 2 undelivered</title>" in svg[0]
    assert "http" not in svg[0]


def test_who_may_not_see_the_log_sees_no_figures(client: Client) -> None:
    make_deliveries(make_destination())
    user = User.objects.create_user("setter", password="x", is_staff=True)

    def parts() -> set[str]:
        client.force_login(User.objects.get(pk=user.pk))
        context = client.get(HOME).context
        return {key for key in ("summary", "errors", "coverage", "cards") if key in context}

    assert parts() == set()
    user.user_permissions.set(Permission.objects.filter(codename="view_destination"))
    assert parts() == {"cards"}
    user.user_permissions.set(Permission.objects.filter(codename="view_delivery"))
    assert parts() == {"summary", "errors", "coverage"}


@pytest.mark.parametrize("key", ["", "24h", "99y", "1h"])
def test_the_range_is_a_link_and_nonsense_is_the_default(admin_client: Client, key: str) -> None:
    make_deliveries(make_destination())
    response = admin_client.get(HOME, {"range": key})
    assert response.context["span"].key == (key if key in ("1h", "24h") else "24h")
    assert f'href="?range={response.context["span"].key}" aria-current="page"' in (
        response.content.decode()
    )
