"""The bar of the log: tabs that count, chips, times, columns, and verbs that ask for a filter."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.models import BulkAction, Delivery
from deliveries.search import Selection, status_counts
from deliveries.search.status_counts import count_statuses
from tests.deliveries.log_rows import make_rejected, settle
from tests.deliveries.searching import LOG, search_url
from tests.factories import make_deliveries, make_destination, make_event

pytestmark = pytest.mark.django_db


def tabs_of(client: Client, query: str = "") -> dict[str, str]:
    return {tab.label: tab.count for tab in client.get(f"{LOG}{query}").context["cl"].tabs}


def test_the_tabs_count_under_the_other_filters_and_keep_them(admin_client: Client) -> None:
    one, other = make_destination(), make_destination()
    settle(make_deliveries(one, 2), [{"status": "processed"}] * 2)
    make_deliveries(one, 3)
    for destination in (one, one, other):
        make_rejected(destination)
    assert tabs_of(admin_client) == {
        **{"All": "", "Pending": "3", "Sending": "0", "Delivered": "", "Rejected": "3"},
        **{"Failed": "0", "Filtered": "0", "Discarded": "0"},
    }
    query = f"?destination={one.pk}&error_code=missing_user_data"
    found = tabs_of(admin_client, query)
    assert (found["Pending"], found["Rejected"]) == ("0", "2")
    (rejected,) = [
        tab for tab in admin_client.get(f"{LOG}{query}").context["cl"].tabs if tab.count == "2"
    ]
    rows = admin_client.get(f"{LOG}{rejected.url}").context["cl"].result_list
    assert {(row.status, row.destination_id) for row in rows} == {("rejected", one.pk)}
    assert tabs_of(admin_client, "?since=2100-01-01T00:00")["Rejected"] == "0"


def test_a_status_of_more_than_is_counted_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_counts, "MAX_COUNTED", 2)
    one, other = make_destination(), make_destination()
    for destination in (one, other, other):
        make_rejected(destination)
    make_deliveries(one, 3)
    counts = count_statuses(Selection())
    assert counts["rejected"] == (2, False)
    assert counts["pending"] == (2, False)
    assert count_statuses(Selection(destination_ids=(one.pk,)))["rejected"] == (1, False)


def test_what_would_have_to_read_events_is_not_counted(admin_client: Client) -> None:
    delivery = make_rejected(make_destination())
    assert count_statuses(Selection(source_id=delivery.event.source_id)) == {}
    assert set(tabs_of(admin_client, "?source_event=Order+Completed").values()) == {""}
    token = search_url(admin_client, "order-1").partition("?")[2]
    assert set(tabs_of(admin_client, f"?{token}").values()) == {""}


def test_counting_takes_two_queries_however_many_rows(admin_client: Client) -> None:
    for _ in range(2):
        make_rejected(make_destination())
        with CaptureQueriesContext(connection) as queries:
            count_statuses(Selection(error_code="missing_user_data"))
        assert len(queries) == 2


@pytest.mark.postgres
def test_the_tabs_read_the_index_alone() -> None:
    destination = make_destination()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO deliveries_delivery (event_id, destination_id, conversion_name, status,
                attempt_count, created_at, settled_at, conversion_event_id, error_stage,
                error_code, error_field, error_message, warnings)
            SELECT 1000000 + n, %s, 'checkout',
                CASE WHEN n %% 50 = 0 THEN 'rejected' ELSE 'delivered' END, 1, now(), now(), '', '',
                CASE WHEN n %% 50 = 0 THEN 'x' ELSE '' END, '', '', '[]'
            FROM generate_series(1, 60000) AS n
            """,
            [destination.pk],
        )
        cursor.execute("ANALYZE deliveries_delivery")
        with CaptureQueriesContext(connection) as queries:
            counts = count_statuses(Selection(destination_ids=(destination.pk,)))
        cursor.execute("EXPLAIN " + queries[-1]["sql"])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert counts["rejected"] == (1200, True)
    assert "delivery_failed" in plan
    assert "Seq Scan" not in plan


def test_a_chip_takes_its_filter_out_and_no_other(admin_client: Client) -> None:
    destination = make_destination(name="Pinterest US")
    source = destination.sources.get()
    query = f"?source={source.pk}&source_event=Order+Completed&destination={destination.pk}"
    found = {chip.label: chip for chip in admin_client.get(LOG + query).context["cl"].chips}
    assert found["Destination"].value == "Pinterest US"
    assert "source_event=Order+Completed" in found["Source"].url
    assert f"source={source.pk}" not in found["Source"].url
    assert set(found) == {"Destination", "Source", "Source event"}


def test_a_preset_shows_what_came_in_since(admin_client: Client) -> None:
    old, new = make_rejected(make_destination()), make_rejected(make_destination())
    Delivery.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(hours=3))
    presets = dict(admin_client.get(f"{LOG}?status=rejected").context["cl"].presets)
    page = admin_client.get(LOG + presets["Last hour"])
    assert [row.pk for row in page.context["cl"].result_list] == [new.pk]
    assert "status=rejected" in presets["Last hour"]
    page = admin_client.get(LOG + presets["24 hours"])
    assert [row.pk for row in page.context["cl"].result_list] == [new.pk, old.pk]


def test_chosen_columns_are_shown_and_remembered(admin_client: Client) -> None:
    properties = {"order_id": "order-5", "value": 12.5, "currency": "EUR"}
    make_deliveries(make_destination(), events=[make_event(properties=properties)])
    assert "order-5" not in admin_client.get(LOG).content.decode()
    page = admin_client.get(f"{LOG}?columns=order,value,unknown").content.decode()
    assert "order-5" in page
    assert "12.5 EUR" in page
    assert "order-5" in admin_client.get(LOG).content.decode()
    assert "order-5" not in admin_client.get(f"{LOG}?columns=none").content.decode()


def test_an_order_that_names_somebody_is_hidden_in_its_column(client: Client) -> None:
    make_deliveries(
        make_destination(), events=[make_event(properties={"order_id": "alex@example.com"})]
    )
    person = User.objects.create_user("viewer", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_delivery"))
    client.force_login(person)
    page = client.get(f"{LOG}?columns=order").content.decode()
    assert "alex@" not in page


def test_all_are_never_discarded_without_a_filter(admin_client: Client) -> None:
    make_rejected(make_destination())
    words = [link[2] for link in admin_client.get(LOG).context["bulk_links"]]
    assert not any("Discard" in word for word in words)
    url = "/admin/deliveries/bulkaction/new/discard/"
    assert "Choose a filter before you discard" in admin_client.get(url).content.decode()
    admin_client.post(url, {"reason": "all of it"})
    assert BulkAction.objects.count() == 0
    admin_client.post(url, {"status": "rejected", "reason": "some"})
    assert BulkAction.objects.count() == 1
