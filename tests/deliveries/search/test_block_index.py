"""The table of contents of the log: what it lists, what it leaves out, and that scans trust it."""

from __future__ import annotations

import itertools
import re
from datetime import timedelta

import pytest
from django.test import Client, RequestFactory
from django.utils import timezone

from deliveries.actions.bulk import StepResult, run_step
from deliveries.actions.operations import retry
from deliveries.admin.delivery_list import newest_first
from deliveries.models import BulkAction, Delivery, LogContents
from deliveries.search import block_index, counting, scan
from deliveries.search.block_index import Wanted, list_contents, list_step, stretches
from deliveries.search.counting import count_deliveries
from deliveries.search.query_params import read_selection
from deliveries.search.scan import ScanPlan, scan_ids
from deliveries.search.selection import Selection
from deliveries.statuses import DeliveryStatus
from destinations.models import EventMapping
from tests.deliveries.log_rows import make_rejected
from tests.factories import make_deliveries, make_destination, make_event

pytestmark = pytest.mark.django_db
BLOCK = 8


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_index, "BLOCK", BLOCK)
    monkeypatch.setattr(block_index, "MAX_LISTED", 2)
    monkeypatch.setattr(block_index, "FIRST_SPAN", 1)
    monkeypatch.setattr(scan, "WINDOW", 4)


def list_all() -> None:
    now = timezone.now()
    list_contents(now)
    list_contents(now + timedelta(minutes=1))


def found(wanted: Wanted, deliveries: object = None, **options: object) -> list[int]:
    last = Delivery.objects.order_by("-pk").values_list("pk", flat=True)[0]
    queryset = Delivery.objects.all() if deliveries is None else deliveries
    return scan_ids(queryset, ScanPlan(0, last, wanted, **options), 1000, seconds=60).ids


def make_some() -> dict[str, list[int]]:
    """Forty deliveries of a big destination, with five of a small one among them."""
    big, small = make_destination(name="big"), make_destination(name="small")
    ids: dict[str, list[int]] = {"big": [], "small": []}
    for _ in range(5):
        ids["big"] += [one.pk for one in make_deliveries(big, 8)]
        events = [make_event(event="Order Completed")]
        ids["small"] += [one.pk for one in make_deliveries(small, events=events)]
    return ids


def test_what_is_wanted_is_found_whether_it_is_listed_scanned_or_too_new() -> None:
    ids = make_some()
    small = Delivery.objects.get(pk=ids["small"][0])
    wanted = Wanted((small.destination_id,))
    exact = Delivery.objects.filter(destination_id=small.destination_id)
    newest_first = ids["small"][::-1]
    assert found(wanted, exact) == newest_first  # nothing is listed yet
    list_all()
    assert found(wanted, exact) == newest_first
    assert found(wanted, exact, newest_first=False) == ids["small"]
    assert LogContents.objects.filter(places__isnull=True).exists()
    assert LogContents.objects.filter(places__isnull=False).exists()


def test_only_the_places_where_it_is_are_looked_at() -> None:
    ids = make_some()
    list_all()
    small = Delivery.objects.get(pk=ids["small"][0])
    last = max(ids["big"])
    seen = list(stretches(Wanted((small.destination_id,)), 0, last, newest_first=True))
    listed = [pk for one in seen for pk in one.listed or ()]
    rest = [one for one in seen if one.listed is None]
    assert set(listed) <= set(ids["small"])
    assert all(one.last - one.first < BLOCK for one in rest)  # what is too new to be listed
    nowhere = list(stretches(Wanted(event_name="Never Sent"), 0, last, newest_first=True))
    assert [one.listed for one in nowhere] in ([], [None])


def test_each_part_of_a_filter_counts() -> None:
    ids = make_some()
    list_all()
    one = Delivery.objects.select_related("event").get(pk=ids["small"][0])
    last = max(ids["big"])
    for wanted, is_there in (
        (Wanted(source_id=one.event.source_id), True),
        (Wanted(event_name=one.event.name), True),
        (Wanted(conversion_name=one.conversion_name), True),
        (Wanted((one.destination_id,), one.event.source_id, one.event.name), True),
        (Wanted((one.destination_id,), one.event.source_id + 1000), False),
        (Wanted((one.destination_id,), conversion_name="never"), False),
    ):
        places = stretches(wanted, 0, last, newest_first=True)
        spots = [s for s in places if s.first <= one.pk <= s.last]
        assert bool(spots) is is_there


def test_a_block_is_listed_when_what_has_a_lower_id_must_have_been_committed() -> None:
    make_some()
    now = timezone.now()
    assert list_step(now) == 0  # looks
    assert list_step(now + timedelta(seconds=29)) == 0
    assert list_step(now + timedelta(seconds=31)) == 1
    newest = Delivery.objects.order_by("-pk")[0].pk
    list_contents(now + timedelta(seconds=32))
    ends = [(one.block + 1) * BLOCK for one in LogContents.objects.all()]
    assert ends
    assert max(ends) <= newest + 1


def test_a_block_with_more_names_than_it_may_list_has_rows_for_any_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(block_index, "MAX_KINDS", 3)
    destination = make_destination()
    events = [make_event(event=f"Name {number}") for number in range(20)]
    made = make_deliveries(destination, events=events)
    list_all()
    assert LogContents.objects.filter(event_name__isnull=True).exists()
    for one, event in zip(made, events, strict=True):
        exact = Delivery.objects.of_event_name(event["event"])
        assert found(Wanted(event_name=event["event"]), exact) == [one.pk]


def test_what_was_pruned_is_listed_no_longer_and_costs_no_steps() -> None:
    ids = make_some()
    list_all()
    kept = max(ids["big"]) // BLOCK * BLOCK
    Delivery.objects.filter(pk__lt=kept).delete()
    list_contents(timezone.now() + timedelta(minutes=5))
    assert not LogContents.objects.filter(block__lt=kept // BLOCK).exists()


def test_a_walk_that_takes_too_long_says_how_far_it_came() -> None:
    ids = make_some()
    nothing = Delivery.objects.filter(error_message="x")
    last = max(ids["big"])
    scanned = scan_ids(nothing, ScanPlan(0, last), 50, seconds=0)
    assert scanned.ids == []
    assert scanned.reached == last - scan.WINDOW + 1
    oldest_first = scan_ids(nothing, ScanPlan(0, last, newest_first=False), 50, seconds=0)
    assert oldest_first.reached == scan.WINDOW - 1
    indexed = scan_ids(nothing, ScanPlan(min(ids["big"]), last, has_index=True), 50, seconds=0)
    assert indexed.reached is None


def test_a_page_that_took_too_long_says_so_and_can_be_gone_on_with(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = make_some()
    small = Delivery.objects.get(pk=ids["small"][0]).destination_id
    monkeypatch.setattr(scan, "SECONDS", 0)
    seen: list[int] = []
    address = f"?destination={small}"
    for _ in range(len(ids["big"])):
        response = admin_client.get(f"/admin/deliveries/delivery/{address}")
        page, found = response.content.decode(), response.context["cl"]
        seen += [row.pk for row in found.result_list]
        if found.reached is None:
            break
        assert ("No matches so far" in page) is not found.result_count
        assert f"before={found.reached}" in found.older_url
        address = found.older_url
    assert seen == ids["small"][::-1]


def test_counting_that_took_too_long_says_at_least(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination = make_destination()
    made = [make_rejected(destination).pk for _ in range(12)]
    monkeypatch.setattr(counting, "WIDTH", 4)
    exact = count_deliveries(Selection(), frozenset({"rejected"}))
    assert (exact.count, exact.is_exact, exact.said) == (12, True, "12")
    rushed = count_deliveries(Selection(), frozenset({"rejected"}), seconds=0)
    assert 0 < rushed.count < 12
    assert rushed.said == f"{rushed.count}+"
    monkeypatch.setattr(counting, "SECONDS", 0)
    address = "/admin/deliveries/bulkaction/new/retry/?status=rejected"
    page = admin_client.get(address).content.decode()
    assert "This is a minimum" in page
    assert re.search(r"Retry \d+\+", page)
    admin_client.post(address, {"status": "rejected"})
    action = BulkAction.objects.get()
    assert (action.total_is_exact, action.total_count < 12) == (False, True)
    while run_step(action.pk) is StepResult.MORE:
        pass
    assert Delivery.objects.filter(pk__in=made, status="pending").count() == 12


def test_every_mixture_of_filters_finds_exactly_what_it_asks_for() -> None:
    destinations = [make_destination(), make_destination()]
    for number in range(24):
        names = {0: "Rare", 1: "Seldom", 2: "Seldom"}
        events = [make_event(event=names.get(number % 12, "Order Completed"))]
        options = {"events": events, "conversion_name": "lead" if number % 5 == 0 else "checkout"}
        (one,) = make_deliveries(destinations[number % 7 == 0], **options)
        changes = {
            0: {"status": "rejected", "error_code": "invalid_email"},
            1: {"status": "dead", "error_code": "http_503"},
            2: {"status": "pending", "due_at": one.due_at, "error_code": "http_503"},
            3: {"status": "delivered"},
        }[number % 4]
        Delivery.objects.filter(pk=one.pk).update(**{"due_at": None, **changes})
    list_all()
    source = destinations[1].sources.get()
    choices: tuple[tuple[str, list[str]], ...] = (
        ("status", ["", "rejected", "pending", "delivered"]),
        ("destination", ["", str(destinations[1].pk)]),
        ("source", ["", str(source.pk), "999999"]),
        ("source_event", ["", "Rare", "Order Completed"]),
        ("pinterest_event", ["", "lead"]),
        ("error_code", ["", "http_503"]),
    )
    every = frozenset(DeliveryStatus.values)
    for values in itertools.product(*(options for _, options in choices)):
        address = {name: text for (name, _), text in zip(choices, values, strict=True) if text}
        request = RequestFactory().get("/", address)
        exact = read_selection(address).deliveries(every)
        shown = [
            pk for page in newest_first(request, exact) for pk in page.values_list("pk", flat=True)
        ]
        assert shown == list(exact.order_by("-pk").values_list("pk", flat=True)), address


def test_a_delivery_that_was_given_its_pinterest_event_later_is_found_by_it_and_shown_once() -> (
    None
):
    destination = make_destination(unmapped_events="filter")
    events = [make_event(event="Trial Started" if n == 3 else "Nobody") for n in range(2 * BLOCK)]
    rows = make_deliveries(destination, events=events, conversion_name="")
    Delivery.objects.update(status="filtered", due_at=None)
    make_deliveries(destination, 2 * BLOCK)
    list_all()
    EventMapping.objects.create(
        destination=destination, source_event_name="Trial Started", pinterest_event_name="lead"
    )
    assert retry(Delivery.objects.filter(conversion_name="")) == 1
    leads = Delivery.objects.filter(conversion_name="lead")
    assert found(Wanted(conversion_name="lead"), leads) == [rows[3].pk]
    every = found(Wanted((destination.pk,)))
    assert len(every) == len(set(every)) == 4 * BLOCK
