"""The log as CSV and JSONL: what is filtered, streamed, harmless in a spreadsheet, nobody named."""

from __future__ import annotations

import csv
import io

import orjson
import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries import querysets
from deliveries.admin import export
from deliveries.admin.export import _harmless
from deliveries.models import Delivery, Event
from deliveries.privacy.masking import HIDDEN
from deliveries.search import pages
from tests.deliveries.log_rows import make_rejected, settle
from tests.factories import make_deliveries, make_destination, make_event

LOG = "/admin/deliveries/delivery/"
pytestmark = pytest.mark.django_db


def read_csv(client, query=""):
    response = client.get(f"{LOG}export/csv/{query}")
    assert response.status_code == 200
    assert response.streaming
    text = b"".join(response.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_exactly_what_is_filtered_is_exported_newest_first(admin_client, monkeypatch):
    monkeypatch.setattr(pages, "EXPORT_PAGE", 2)
    destination = make_destination(name="Pinterest US")
    deliveries = make_deliveries(destination, 5)
    batch = settle(deliveries, [{"status": "processed"}] * 5)
    rejected = make_rejected(destination)
    rows = read_csv(admin_client, "?status=delivered")
    assert [int(row["delivery"]) for row in rows] == [one.pk for one in reversed(deliveries)]
    assert rows[0]["message_id"] == rows[0]["event_id"] == deliveries[-1].event.message_id
    assert (rows[0]["destination"], rows[0]["status"]) == ("Pinterest US", "delivered")
    assert rows[0]["batch"] == str(batch.pk)
    response = admin_client.get(f"{LOG}export/jsonl/?status=rejected")
    (line,) = b"".join(response.streaming_content).splitlines()
    row = orjson.loads(line)
    assert (row["delivery"], row["error_code"]) == (rejected.pk, "missing_user_data")
    assert len(read_csv(admin_client)) == 6


def test_order_value_time_and_match_keys_are_exported(admin_client):
    properties = {"order_id": "order-9", "value": 35.5, "currency": "EUR"}
    event = make_event(timestamp="2026-11-20T10:00:00Z", properties=properties)
    (delivery,) = make_deliveries(make_destination(), events=[event])
    Delivery.objects.update(
        completed="click_id,st=page@1732111000",
        warnings=[{"code": "text_repaired", "field": "", "message": "x"}],
    )
    (row,) = read_csv(admin_client)
    assert [row[name] for name in ("order_id", "value", "currency")] == ["order-9", "35.5", "EUR"]
    assert row["event_time"] == "2026-11-20T10:00:00+00:00"
    assert row["match_keys"] == "click_id em external_id"
    assert row["warnings"] == "text_repaired"
    Event.objects.filter(pk=delivery.event_id).update(body=None)
    (row,) = read_csv(admin_client)
    assert (row["order_id"], row["event_time"]) == ("", "")


def test_an_order_that_names_somebody_is_hidden_from_who_may_not_see_it(client):
    events = [
        make_event(properties={"order_id": order}, userId="customer-9")
        for order in ("order-1", "customer-9", "alex@example.com")
    ]
    make_deliveries(make_destination(), events=events)
    person = User.objects.create_user("viewer", password="x", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_delivery"))
    client.force_login(person)
    assert [row["order_id"] for row in read_csv(client)] == [HIDDEN, HIDDEN, "order-1"]


def test_a_large_event_is_read_alone_and_no_page_holds_many_bodies(admin_client, monkeypatch):
    monkeypatch.setattr(export, "STEP", 2)
    monkeypatch.setattr(querysets, "LARGE_BODY_BYTES", 10)
    make_deliveries(
        make_destination(), events=[make_event(properties={"order_id": f"o-{n}"}) for n in range(5)]
    )
    rows = read_csv(admin_client)
    assert [row["order_id"] for row in rows] == ["o-4", "o-3", "o-2", "o-1", "o-0"]


def test_what_a_replay_adds_later_has_the_time_at_which_its_event_came(admin_client):
    (first,) = make_deliveries(make_destination(), age_seconds=3600)
    Delivery.objects.create(
        event=first.event,
        destination=first.destination,
        conversion_name="lead",
        due_at=timezone.now(),
    )
    came = first.event.received_at.isoformat()
    assert [row["received_at"] for row in read_csv(admin_client)] == [came, came]


def test_an_export_has_three_queries_a_page(admin_client, monkeypatch):
    monkeypatch.setattr(pages, "EXPORT_PAGE", 2)
    destination = make_destination()
    make_deliveries(destination, 3)

    def query_count() -> int:
        with CaptureQueriesContext(connection) as queries:
            read_csv(admin_client)
        return len(queries)

    before = query_count()
    make_deliveries(destination, 2)
    assert query_count() == before + 3


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\tx"])
def test_a_name_that_a_spreadsheet_would_calculate_is_kept_as_a_text(admin_client, name):
    make_deliveries(make_destination(), events=[make_event(event=name)])
    (row,) = read_csv(admin_client)
    assert row["source_event"] == f"'{name}"


STARTS = [
    *"=+-@＝＋－＠\t\r\n",
    *(f"{blank}=" for blank in (" ", "   ", "\u00a0", "\u3000", "\ufeff")),
]


@pytest.mark.parametrize("start", [*STARTS, " ＝", "  \tx", " \rx", "\u200b @"])
def test_every_sign_that_begins_a_formula_is_made_harmless_after_blanks_too(start):
    text = f"{start}HYPERLINK(1)"
    assert _harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "  ", "a=1", "Order ＝ x", "'=1", "x\ty", "x@example.com"])
def test_all_other_cells_stay_as_they_are(text):
    assert _harmless(text) == text


def test_the_export_names_nobody(admin_client):
    make_deliveries(make_destination())
    for kind in ("csv", "jsonl"):
        response = admin_client.get(f"{LOG}export/{kind}/")
        text = b"".join(response.streaming_content).decode()
        assert "@example.com" not in text
        assert "user-" not in text
        assert response["Content-Disposition"].startswith("attachment; filename=")


def test_an_error_message_shows_its_values_only_to_who_may_see_personal_data(client):
    make_rejected(make_destination(), error_message="Invalid em: 'alex@example.com'")
    person = User.objects.create_user("viewer", password="x", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_delivery"))
    client.force_login(person)
    (row,) = read_csv(client)
    assert "alex@example.com" not in row["error_message"]
    person.user_permissions.add(Permission.objects.get(codename="view_personal_data"))
    (row,) = read_csv(client)
    assert "alex@example.com" in row["error_message"]


def test_who_may_not_see_the_log_gets_no_export(client):
    person = User.objects.create_user("nobody", password="x", is_staff=True)
    client.force_login(person)
    assert client.get(f"{LOG}export/csv/").status_code == 403


def test_an_export_of_another_kind_or_of_an_unreadable_filter_is_not_a_file(admin_client):
    assert admin_client.get(f"{LOG}export/xml/").status_code == 404
    assert read_csv(admin_client, "?destination=x") == []
