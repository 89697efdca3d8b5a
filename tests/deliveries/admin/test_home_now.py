"""Home counts what is so now, says first what needs somebody, and each number leads to its rows."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from deliveries.actions.operations import discard, retry
from deliveries.engine.dispatch import deliver_batch
from deliveries.models import Delivery, Heartbeat
from deliveries.stats.compaction import merge_tallies
from deliveries.stats.health import SWEEP
from deliveries.stats.tallies import DELIVERED, WARNED, append
from destinations.models import Destination
from destinations.pausing import pause
from pinterest_sandbox.sandbox import Sandbox
from tests.factories import make_deliveries, make_destination, make_event, make_source

pytestmark = pytest.mark.django_db
HOME = "/admin/"


def rejected_ones(count: int) -> Destination:
    """Deliveries whose events name nobody, rejected by a worker."""
    destination = make_destination()
    events = [make_event(userId=None, context={}) for _ in range(count)]
    make_deliveries(destination, events=events)
    deliver_batch(destination.pk)
    assert set(Delivery.objects.values_list("status", flat=True)) == {"rejected"}
    return destination


def shown(client: Client, url: str) -> int:
    return len(client.get(url).context["cl"].result_list)


def test_what_was_retried_is_counted_as_it_is_now(admin_client: Client, sandbox: Sandbox) -> None:
    destination = rejected_ones(5)
    summary = admin_client.get(HOME).context["summary"]
    assert (summary["rejected"], shown(admin_client, summary["rejected_url"])) == (5, 5)
    ids = list(Delivery.objects.order_by("pk").values_list("pk", flat=True)[:3])
    assert retry(Delivery.objects.filter(pk__in=ids)) == 3
    page = admin_client.get(HOME)
    summary = page.context["summary"]
    assert (summary["rejected"], shown(admin_client, summary["rejected_url"])) == (2, 2)
    assert [line.count for line in page.context["errors"]] == [2]
    due = timezone.now() - timedelta(minutes=1)
    Delivery.objects.filter(status="pending").update(due_at=due)
    deliver_batch(destination.pk)  # they are rejected again
    assert admin_client.get(HOME).context["summary"]["rejected"] == 5
    retry(Delivery.objects.all())
    merge_tallies(timezone.now())
    page = admin_client.get(HOME)
    assert page.context["summary"]["rejected"] == 0
    assert page.context["errors"] == []


def test_what_was_discarded_is_no_longer_counted_as_rejected(
    admin_client: Client, sandbox: Sandbox
) -> None:
    rejected_ones(3)
    ids = list(Delivery.objects.values_list("pk", flat=True)[:2])
    assert discard(Delivery.objects.filter(pk__in=ids)) == 2
    assert admin_client.get(HOME).context["summary"]["rejected"] == 1


def test_what_waits_leads_to_all_of_it(admin_client: Client) -> None:
    destination = make_destination()
    pending, sending = make_deliveries(destination, 2)
    Delivery.objects.filter(pk=sending.pk).update(
        status="sending", claim_token="00000000-0000-0000-0000-000000000001"
    )
    page = unescape(admin_client.get(HOME).content.decode())
    url = f"/admin/deliveries/delivery/?status=pending,sending&destination={destination.pk}"
    assert url in page
    rows = admin_client.get(url).context["cl"].result_list
    assert {row.pk for row in rows} == {pending.pk, sending.pk}


def test_delivered_leads_to_its_rows(admin_client: Client, sandbox: Sandbox) -> None:
    destination = make_destination()
    make_deliveries(destination, 3)
    deliver_batch(destination.pk)
    summary = admin_client.get(HOME).context["summary"]
    assert (summary["delivered"], shown(admin_client, summary["delivered_url"])) == (3, 3)


def test_home_says_that_no_worker_runs_and_what_to_look_at(admin_client: Client) -> None:
    make_destination()
    Heartbeat.objects.create(name=SWEEP, seen_at=timezone.now())
    assert admin_client.get(HOME).context["attention"] == []
    Heartbeat.objects.update(seen_at=timezone.now() - timedelta(seconds=83))
    page = admin_client.get(HOME).content.decode()
    assert "No worker for 83 s" in page
    assert "docker compose logs --tail 50 worker" in page


def test_what_needs_attention_comes_worst_first_with_its_action(admin_client: Client) -> None:
    Heartbeat.objects.create(name=SWEEP, seen_at=timezone.now() - timedelta(minutes=5))
    behind, paused = make_destination(name="Late"), make_destination(name="Halted")
    make_deliveries(behind, age_seconds=3600)
    pause(paused.pk, "unauthorised", "The token was refused.")
    make_source(name="Loose")
    found = admin_client.get(HOME).context["attention"]
    assert [one.title.split(":")[0] for one in found[:3]] == [
        "No worker for 5 min",
        "Halted",
        "Late",
    ]
    assert "The token was refused." in found[1].text
    assert found[1].url == f"/admin/destinations/destination/{paused.pk}/change/"


def test_the_sandbox_is_never_called_pinterest(admin_client: Client, sandbox: Sandbox) -> None:
    destination = make_destination(name="Trial")
    make_deliveries(destination)
    deliver_batch(destination.pk)
    page = admin_client.get(HOME).content.decode()
    assert "Accepted by the sandbox" in page
    assert "Accepted by Pinterest" not in page
    Destination.objects.update(service="pinterest")
    page = admin_client.get(HOME).content.decode()
    assert "Accepted by Pinterest" in page
    assert ">Sandbox<" not in page


def test_more_than_three_destinations_are_a_table_to_search_and_sort(admin_client: Client) -> None:
    for name in ("Delta", "alpha", "Charlie"):
        make_destination(name=name)
    assert "as_table" not in admin_client.get(HOME).context
    late = make_destination(name="Bravo")
    make_deliveries(late, 2)

    def names(query: str) -> list[str]:
        page = admin_client.get(f"{HOME}?{query}")
        assert page.context["as_table"]
        return [card.destination.name for card in page.context["cards"]]

    assert names("sort=name") == ["alpha", "Bravo", "Charlie", "Delta"]
    assert names("sort=waiting")[0] == "Bravo"
    assert names("name=LPH") == ["alpha"]
    assert names("name=nothing") == []
    assert names("sort=password")[0] == names("")[0]


def tally(destination: Destination, hours_ago: float, delivered: int, warned: int) -> None:
    at = timezone.now() - timedelta(hours=hours_ago)
    append({DELIVERED: delivered, WARNED: warned}, at, destination_id=destination.pk)


@pytest.mark.parametrize(
    ("recent", "before", "is_told"),
    [
        ((100, 30), (700, 70), True),  # 30 %, and 10 % before
        ((100, 19), (700, 70), False),  # less than twice as many
        ((100, 9), (700, 0), False),  # less than ten points
        ((100, 60), (700, 350), False),
        ((40, 30), (700, 0), False),  # too few
        ((100, 90), (40, 0), False),  # too few to compare to
    ],
)
def test_warnings_that_rise_need_attention(
    admin_client: Client,
    recent: tuple[int, int],
    before: tuple[int, int],
    is_told: bool,
) -> None:
    destination = make_destination(name="Shop")
    tally(destination, 1, *recent)
    tally(destination, 48, *before)
    found = [
        one for one in admin_client.get(HOME).context["attention"] if "more warnings" in one.title
    ]
    assert len(found) == is_told
    if is_told:
        assert found[0].title == "Shop: more warnings"
        assert "30% of its deliveries in the last 24 hours" in found[0].text
        assert "In the week before, it was 10%." in found[0].text
        assert admin_client.get(found[0].url).status_code == 200
