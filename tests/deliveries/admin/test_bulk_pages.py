"""Verbs over all that the log shows: count, confirm, watch, cancel; and who may."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.actions.bulk import run_step
from deliveries.engine import wakeups
from deliveries.models import BulkAction, Delivery
from deliveries.search import Selection, read_selection
from tests.deliveries.log_rows import make_rejected
from tests.factories import make_deliveries, make_destination

pytestmark = pytest.mark.django_db
LIST = "/admin/deliveries/bulkaction/"
LOG = "/admin/deliveries/delivery/"


@pytest.fixture(autouse=True)
def no_wake_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeups, "_send", lambda *_: None)


def viewer(client: Client) -> Client:
    person = User.objects.create_user("viewer", password="x", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_delivery"))
    client.force_login(person)
    return client


def test_the_log_leads_to_a_count_then_to_a_bulk_action_over_exactly_what_it_showed(admin_client):
    destination = make_destination(name="Pinterest US")
    wanted = make_rejected(destination, error_code="http_500")
    other = make_rejected(destination, error_code="missing_user_data")
    query = f"?status=rejected&destination={destination.pk}&error_code=http_500"
    url = f"{LIST}new/retry/{query}"
    assert url.replace("&", "&amp;") in admin_client.get(LOG + query).content.decode()
    page = admin_client.get(url).content.decode()
    assert "Retry 1 delivery?" in page
    assert "Pinterest US" in page
    assert BulkAction.objects.count() == 0
    fields = dict(QueryDict(query[1:]).items())
    response = admin_client.post(f"{LIST}new/retry/", {**fields, "reason": "mended"})
    action = BulkAction.objects.get()
    assert response["Location"] == f"{LIST}{action.pk}/change/"
    assert (action.verb, action.requested_by, action.total_count) == ("retry", "admin", 1)
    assert action.reason == "mended"
    run_step(action.pk)
    assert Delivery.objects.get(pk=wanted.pk).status == "pending"
    assert Delivery.objects.get(pk=other.pk).status == "rejected"
    page = admin_client.get(response["Location"]).content.decode()
    assert "Done</span>" in page
    assert "data-relay-reload" not in page


def test_a_running_bulk_action_is_watched_and_cancelled(admin_client):
    make_rejected(make_destination())
    admin_client.post(f"{LIST}new/discard/", {"status": "pending", "reason": "a test"})
    action = BulkAction.objects.get()
    page = admin_client.get(f"{LIST}{action.pk}/change/").content.decode()
    assert "Queued</span>" in page
    assert 'data-relay-reload="2"' in page
    admin_client.post(f"{LIST}{action.pk}/cancel/")
    action.refresh_from_db()
    assert action.cancelled_at is not None
    assert Delivery.objects.get().status == "rejected"
    assert "Canceled</span>" in admin_client.get(LIST).content.decode()


def test_who_started_and_cancelled_a_bulk_action_is_in_the_history_with_a_link(admin_client):
    destination = make_destination(name="Pinterest US")
    make_rejected(destination)
    make_rejected(destination)
    admin_client.get(f"{LIST}new/retry/")  # only to look
    assert not LogEntry.objects.exists()
    admin_client.post(
        f"{LIST}new/retry/", {"destination": str(destination.pk), "reason": "the token is new"}
    )
    action = BulkAction.objects.get()
    admin_client.post(f"{LIST}{action.pk}/cancel/")
    admin_client.post(f"{LIST}{action.pk}/cancel/")  # it had ended: nothing to tell
    started, cancelled = LogEntry.objects.order_by("pk")
    assert str(started.get_change_message()) == (
        "Retry all matching: 2 deliveries. Destination: Pinterest US. Reason: the token is new."
    )
    assert str(cancelled.get_change_message()) == "Canceled after 0 of 2; 0 changed before that."
    assert {started.user.username, cancelled.user.username} == {"admin"}
    page = admin_client.get("/admin/admin/logentry/").content.decode()
    assert page.count(f'href="/admin/deliveries/bulkaction/{action.pk}/change/"') == 2


def test_a_replay_needs_both_ends_of_its_time_range_and_keeps_its_options(admin_client):
    destination = make_destination()
    make_deliveries(destination)
    now = timezone.localtime()
    span = {
        "since": (now - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M"),
        "until": (now + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M"),
    }
    page = admin_client.get(f"{LIST}new/replay/", {"since": span["since"]}).content.decode()
    assert "Choose the start and end of the time range." in page
    assert (
        "Replay 1 event–destination pair?"
        in admin_client.get(f"{LIST}new/replay/", span).content.decode()
    )
    admin_client.post(f"{LIST}new/replay/", {**span, "retries_undelivered": "on"})
    action = BulkAction.objects.get()
    assert (action.retries_undelivered, action.resends_delivered) == (True, False)


def test_what_cannot_be_meant_starts_nothing_and_says_why(admin_client):
    make_rejected(make_destination())
    for fields, sentence in (
        ({"q": "abc"}, "work on a search. Clear it and use filters"),
        ({"since": "yesterday"}, "a valid date and time"),
        ({"destination": "x"}, "a valid destination ID"),
        ({"status": "lost"}, "Unknown status: lost."),
        ({"error_code": "\x00"}, "NUL"),
    ):
        page = admin_client.post(f"{LIST}new/retry/", fields).content.decode()
        assert sentence in page
    assert BulkAction.objects.count() == 0
    assert admin_client.get(f"{LIST}new/explode/").status_code == 404


def test_who_may_only_look_sees_the_list_and_can_start_and_cancel_nothing(client):
    make_rejected(make_destination())
    client = viewer(client)
    assert "Retry all matching" not in client.get(LOG).content.decode()
    assert client.get(LIST).status_code == 200
    for verb in ("retry", "discard", "replay"):
        assert client.get(f"{LIST}new/{verb}/").status_code == 403
        assert client.post(f"{LIST}new/{verb}/").status_code == 403
    assert client.post(f"{LIST}1/cancel/").status_code == 403
    assert BulkAction.objects.count() == 0


def test_the_list_of_bulk_actions_takes_as_many_queries_for_many_as_for_one(admin_client):
    destination = make_destination()

    def query_count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert admin_client.get(LIST).status_code == 200
        return len(queries)

    def ask() -> None:
        admin_client.post(f"{LIST}new/retry/", {"destination": str(destination.pk)})

    ask()
    few = query_count()
    for _ in range(5):
        ask()
    assert query_count() == few


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"source_event": "Order Completed"}, {"event_name": "Order Completed"}),
        ({"batch": "7"}, {"batch_id": 7}),
        ({"source": "3"}, {"source_id": 3}),
        ({"pinterest_event": "checkout"}, {"conversion_name": "checkout"}),
    ],
)
def test_each_filter_of_the_log_becomes_a_part_of_the_selection(
    query: dict[str, str], expected: dict[str, Any]
):
    selection = read_selection(query)
    assert selection == Selection(**expected)
    assert Selection.from_json(selection.to_json()) == selection


def test_a_day_and_a_time_range_narrow_each_other():
    selection = read_selection({"day": "2026-11-20", "since": "2026-11-20T10:30"})
    assert selection.since is not None
    assert selection.until is not None
    assert selection.since.isoformat() == "2026-11-20T10:30:00+00:00"
    assert selection.until.isoformat() == "2026-11-21T00:00:00+00:00"
