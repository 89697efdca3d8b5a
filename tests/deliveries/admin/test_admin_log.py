"""The delivery log: what it lists, finds and filters, and how many queries that takes."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.admin.filters import within
from deliveries.admin.paging import distinct_values
from deliveries.models import Delivery, Event, Refusal
from deliveries.search.status_counts import MAX_COUNTED
from destinations.models import Destination
from tests.deliveries.log_rows import backdate, make_rejected, settle
from tests.deliveries.searching import found_ids, search_url
from tests.factories import make_deliveries, make_destination, make_event, make_source

LOG = "/admin/deliveries/delivery/"
BATCHES = "/admin/deliveries/batch/"
REFUSALS = "/admin/deliveries/refusal/"

pytestmark = pytest.mark.django_db


def shown_ids(client: Client, query: str = "") -> list[int]:
    response = client.get(f"{LOG}{query}")
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]


def statements(client: Client, url: str) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(url).status_code == 200
    return [query["sql"] for query in queries]


def test_the_log_shows_the_event_its_pinterest_name_and_what_became_of_it(admin_client):
    destination = make_destination(name="Pinterest US")
    taken, refused = make_deliveries(destination, 2)
    settle(
        [taken, refused],
        [{"status": "processed"}, {"status": "failed", "error_message": "Bad currency <b>"}],
    )
    page = admin_client.get(LOG).content.decode()
    for text in (
        "Order Completed",
        "checkout",
        "Pinterest US",
        "Delivered</span>",
        "Rejected</span>",
        "pinterest_failed",
        "Bad currency &lt;b&gt;",
    ):
        assert text in page
    assert "Bad currency <b>" not in page


def test_the_log_says_when_the_next_try_is(admin_client):
    destination = make_destination()
    (delivery,) = make_deliveries(destination)
    delivery.due_at = timezone.now() + timedelta(minutes=5, seconds=30)
    delivery.save()
    assert "in 5 min" in admin_client.get(LOG).content.decode()
    destination.paused_at = timezone.now()
    destination.save()
    page = admin_client.get(LOG).content.decode()
    assert "when resumed" in page
    assert "in 5 min" not in page
    Destination.objects.update(paused_at=None, enabled=False)
    assert "when turned on" in admin_client.get(LOG).content.decode()


def test_the_query_count_of_the_log_does_not_grow_with_its_rows(admin_client):
    first = make_destination()
    settle(make_deliveries(first, 2), [{"status": "processed"}] * 2)
    few = statements(admin_client, LOG)
    for _ in range(5):
        settle(make_deliveries(make_destination(), 4), [{"status": "processed"}] * 4)
        make_rejected(first)
    many = statements(admin_client, LOG)
    assert len(many) == len(few) <= 13


@pytest.mark.parametrize("url", [LOG, BATCHES, REFUSALS])
def test_no_log_counts_or_skips_rows(admin_client, url):
    settle(make_deliveries(make_destination(), 3), [{"status": "processed"}] * 3)
    for statement in statements(admin_client, url):
        # The tabs count the newest of each status that isn't delivered, and no more.
        assert "COUNT(" not in statement or statement.count(f"LIMIT {MAX_COUNTED + 1})") == 5
        assert "OFFSET" not in statement


def test_the_log_does_not_fetch_the_bodies_of_events(admin_client):
    make_deliveries(make_destination())
    events = [sql for sql in statements(admin_client, LOG) if '"message_id"' in sql]
    assert len(events) == 1
    assert '"body"' not in events[0]


def test_the_list_of_batches_does_not_fetch_their_bodies_and_its_queries_do_not_grow(admin_client):
    settle(make_deliveries(make_destination(), 1), [{"status": "processed"}])
    few = statements(admin_client, BATCHES)
    for _ in range(4):
        settle(make_deliveries(make_destination(), 1), [{"status": "processed"}])
    many = statements(admin_client, BATCHES)
    assert len(many) == len(few)
    assert not [sql for sql in many if "request_body" in sql or "response_body" in sql]


def test_the_pages_of_the_log_follow_each_other_without_gap_or_repeat(admin_client):
    ids = sorted((one.pk for one in make_deliveries(make_destination(), 120)), reverse=True)
    first = admin_client.get(LOG).context["cl"]
    assert [row.pk for row in first.result_list] == ids[:50]
    assert first.newer_url == ""
    second = admin_client.get(LOG + first.older_url).context["cl"]
    assert [row.pk for row in second.result_list] == ids[50:100]
    third = admin_client.get(LOG + second.older_url).context["cl"]
    assert [row.pk for row in third.result_list] == ids[100:]
    assert third.older_url == ""
    back = admin_client.get(LOG + third.newer_url).context["cl"]
    assert [row.pk for row in back.result_list] == ids[50:100]
    assert back.older_url
    start = admin_client.get(LOG + back.newer_url).context["cl"]
    assert [row.pk for row in start.result_list] == ids[:50]
    assert start.newer_url == ""


def test_rows_that_arrive_while_somebody_pages_do_not_shift_the_pages(admin_client):
    destination = make_destination()
    ids = sorted((one.pk for one in make_deliveries(destination, 60)), reverse=True)
    older = admin_client.get(LOG).context["cl"].older_url
    make_deliveries(destination, 7)
    assert shown_ids(admin_client, older) == ids[50:]


def test_the_page_links_keep_the_filters(admin_client):
    destination = make_destination()
    for _ in range(52):
        make_rejected(destination)
    make_deliveries(destination, 3)
    first = admin_client.get(f"{LOG}?status=rejected").context["cl"]
    assert "status=rejected" in first.older_url
    assert len(shown_ids(admin_client, first.older_url)) == 2


def test_past_the_oldest_row_the_log_offers_the_way_back(admin_client):
    make_deliveries(make_destination())
    page = admin_client.get(f"{LOG}?before=1").content.decode()
    assert "You've reached the end" in page


@pytest.mark.parametrize("key", ["x", "-1", "1e3", "9" * 40, "%00"])
def test_a_page_key_that_is_no_id_shows_the_first_page(admin_client, key):
    (delivery,) = make_deliveries(make_destination())
    assert shown_ids(admin_client, f"?before={key}") == [delivery.pk]


def test_an_event_is_found_by_its_complete_message_id(admin_client):
    destination, other = make_destination(), make_destination()
    wanted = make_deliveries(destination, events=[make_event(messageId="order-77")])
    again = Delivery.objects.create(
        event=wanted[0].event, destination=other, conversion_name="checkout", due_at=timezone.now()
    )
    make_deliveries(destination, events=[make_event(messageId="order-777")])
    assert found_ids(admin_client, "order-77") == [again.pk, wanted[0].pk]
    assert found_ids(admin_client, " order-77 ") == [again.pk, wanted[0].pk]
    assert found_ids(admin_client, "order-7") == []


def test_an_event_is_found_by_the_event_id_that_pinterest_saw(admin_client):
    (wanted, _) = make_deliveries(make_destination(), 2)
    Delivery.objects.filter(pk=wanted.pk).update(conversion_event_id="dedup-1")
    assert found_ids(admin_client, "dedup-1") == [wanted.pk]


@pytest.mark.parametrize("term", ["' OR 1=1", "%", "x" * 256])
def test_a_search_for_nonsense_finds_nothing(admin_client, term):
    make_deliveries(make_destination())
    assert found_ids(admin_client, term) == []


def test_a_search_costs_the_same_whatever_it_finds(admin_client):
    (one,) = make_deliveries(make_destination(), events=[make_event(messageId="m-1")])
    url = search_url(admin_client, "m-1")
    few = statements(admin_client, url)
    for _ in range(4):
        Delivery.objects.create(
            event=one.event,
            destination=make_destination(),
            conversion_name="search",
            due_at=timezone.now(),
        )
    many = statements(admin_client, url)
    assert len(found_ids(admin_client, "m-1")) == 5
    assert len(many) == len(few)


@pytest.mark.parametrize(
    "query",
    [
        "status=nonsense",
        "status=%00",
        "destination=x",
        "destination=99999999999999999999999",
        "pinterest_event=%00",
        "error_code=%00",
        "day=%00",
        "day=0001-01-01",
        "day=9999-12-31",
    ],
)
def test_a_filter_that_was_typed_wrongly_shows_nothing_and_breaks_nothing(admin_client, query):
    make_deliveries(make_destination())
    assert shown_ids(admin_client, f"?{query}") == []


def test_the_filters_choose_by_status_destination_name_and_error_code(admin_client):
    us, de = make_destination(), make_destination()
    waiting = make_deliveries(us)[0]
    searching = make_deliveries(de, conversion_name="search")[0]
    broken = make_rejected(us)
    dead = make_rejected(de, status="dead", error_code="http_503")
    assert shown_ids(admin_client, "?status=pending") == [searching.pk, waiting.pk]
    assert shown_ids(admin_client, "?status=rejected") == [broken.pk]
    assert shown_ids(admin_client, f"?destination={de.pk}") == [dead.pk, searching.pk]
    assert shown_ids(admin_client, "?pinterest_event=search") == [searching.pk]
    assert shown_ids(admin_client, "?error_code=http_503") == [dead.pk]
    assert shown_ids(admin_client, f"?destination={us.pk}&status=dead") == []


def test_the_day_filter_shows_exactly_that_day(admin_client):
    old, recent = make_deliveries(make_destination(), 2)
    backdate(old, days=3)
    backdate(recent, days=0)
    day = (timezone.now() - timedelta(days=3)).date()
    assert shown_ids(admin_client, f"?day={day}") == [old.pk]
    assert shown_ids(admin_client, f"?day={timezone.now().date()}") == [recent.pk]
    assert shown_ids(admin_client, "?day=2001-01-01") == []
    assert shown_ids(admin_client, "?day=yesterday") == []


def test_a_time_range_finds_rows_whose_times_are_a_little_out_of_order():
    rows = make_deliveries(make_destination(), 40)
    start = timezone.now() - timedelta(days=2)
    for number, row in enumerate(rows):
        # every fifth was written some seconds late
        at = start + timedelta(hours=number) - timedelta(seconds=90 if number % 5 == 0 else 0)
        Delivery.objects.filter(pk=row.pk).update(created_at=at)
    since, until = start + timedelta(hours=9, minutes=59), start + timedelta(hours=20)
    found = within(Delivery.objects.all(), "created_at", since, until)
    assert sorted(found.values_list("pk", flat=True)) == [
        row.pk for row in rows if since <= Delivery.objects.get(pk=row.pk).created_at < until
    ]
    assert found.count() == 10


def test_the_error_codes_to_choose_from_are_those_in_the_log(admin_client):
    destination = make_destination()
    make_deliveries(destination)
    for code in ("b", "a", "b", "c"):
        make_rejected(destination, error_code=code)
    with CaptureQueriesContext(connection) as queries:
        assert distinct_values(Delivery, "error_code") == ["a", "b", "c"]
    assert len(queries) == 1


def test_the_log_survives_rows_whose_event_destination_source_or_batch_are_gone(admin_client):
    lost = Delivery.objects.create(
        event_id=999_999,
        destination_id=999_998,
        conversion_name="checkout",
        status="delivered",
        batch_id=999_997,
        batch_position=0,
    )
    Refusal.objects.create(source_id=999_996, code="not_json", message="No JSON.")
    page = admin_client.get(LOG).content.decode()
    assert "deleted" in page
    assert "deleted (no. 999998)" in page
    detail = admin_client.get(f"{LOG}{lost.pk}/change/")
    assert detail.status_code == 200
    assert "The event has been deleted." in detail.content.decode()
    assert "deleted (no. 999996)" in admin_client.get(REFUSALS).content.decode()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (LOG, "No deliveries yet"),
        (BATCHES, "No batches yet"),
        (REFUSALS, "No invalid events"),
        ("/admin/destinations/source/", "No sources yet"),
        ("/admin/destinations/destination/", "No destinations yet"),
    ],
)
def test_an_empty_list_says_what_it_is_for_and_what_to_do_next(admin_client, url, words):
    page = admin_client.get(url).content.decode()
    assert words in page
    assert "relay-button--main" in page


def test_a_filter_that_fits_nothing_offers_to_clear_it(admin_client):
    make_deliveries(make_destination())
    page = admin_client.get(f"{LOG}?status=dead").content.decode()
    assert "No matches" in page
    assert "No deliveries yet" not in page


@pytest.mark.parametrize("url", [LOG, BATCHES, REFUSALS, "/admin/"])
def test_nothing_is_loaded_from_elsewhere(admin_client, url):
    page = admin_client.get(url).content.decode()
    loaded = re.findall(r'(?:src|href)="(https?:)?//[^"]*"', page)
    assert loaded == []


def test_the_log_is_closed_to_people_without_the_permission(client):
    User.objects.create_user("nobody", password="x", is_staff=True)
    client.login(username="nobody", password="x")
    for url in (LOG, BATCHES, REFUSALS):
        assert client.get(url).status_code == 403


def test_what_was_refused_is_listed_with_its_reason_and_escaped(admin_client):
    source = make_source(name="Shop <1>")
    refusal = Refusal.objects.create(
        source=source, code="not_json", field="batch[2]", message="No JSON.", excerpt="<script>"
    )
    page = admin_client.get(REFUSALS).content.decode()
    for text in ("not_json", "No JSON.", "batch[2]", "&lt;script&gt;", "Shop &lt;1&gt;"):
        assert text in page
    detail = admin_client.get(f"{REFUSALS}{refusal.pk}/change/").content.decode()
    assert "No JSON." in detail
    assert "&lt;script&gt;" in detail


def test_an_event_without_a_name_is_shown_by_its_type(admin_client):
    (delivery,) = make_deliveries(make_destination())
    Event.objects.filter(pk=delivery.event_id).update(name="", type="identify")
    assert ">identify</a>" in admin_client.get(LOG).content.decode()
