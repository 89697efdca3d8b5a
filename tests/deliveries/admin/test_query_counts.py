"""How many queries each page of the admin takes: as many with thirty rows as with three."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.alerts.models import Alert, Channel, Message
from deliveries.models import BulkAction, Delivery, Refusal, SavedLink
from destinations.models import EventMapping
from tests.accounts.test_roles import ENTRY_POINTS, url_of
from tests.deliveries.log_rows import make_rejected, settle
from tests.deliveries.searching import search_url
from tests.factories import make_deliveries, make_destination, make_source

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        connection.vendor != "sqlite", reason="a page asks every database the same: once is enough"
    ),
]

FEW, MANY = 3, 30
MOST = 40
"""Queries of any page, whatever it shows."""

LOG = "/admin/deliveries/delivery/"
FILTERS = (
    "status=rejected",
    "status=pending",
    "status=delivered",
    "destination={destination}",
    "source={source}",
    "source_event=Order+Completed",
    "pinterest_event=checkout",
    "error_code=missing_user_data",
    "memory=completed",
    "warning=any",
    "warning=currency_invalid",
    "batch={batch}",
    "since=2026-01-01T00:00&until=2100-01-01T00:00",
    "day=2026-01-01",
    "settled_since=2026-01-01T00:00",
    "destination={destination}&source={source}&status=rejected",
)
WITHOUT_ROWS = {"password_change", "password_change_done", "jsi18n"}
"""Django's own, which show no rows of ours."""


def add_rows(user: User, count: int, rows: dict[str, Any]) -> None:
    """``count`` more of all there is, each with what belongs to it, some of it on the same page."""
    if not rows:
        rows["destination"] = make_destination()
        rows["source"] = rows["destination"].sources.get()
    shared = rows["destination"]
    permission = Permission.objects.get(codename="operate_delivery")
    for number in range(count):
        kind = f"{Delivery.objects.count()}-{number}"
        destination = make_destination(sources=[make_source(), rows["source"]])
        shared.sources.add(make_source())
        EventMapping.objects.create(
            destination=shared, source_event_name=f"Event {kind}", pinterest_event_name="lead"
        )
        sent = make_deliveries(destination, 2)
        batch = settle(
            sent, [{"status": "processed"}, {"status": "failed", "error_message": "No."}]
        )
        make_rejected(destination)
        make_rejected(shared)
        make_deliveries(shared)
        refusal = Refusal.objects.create(source=make_source(), code="not_json", message="No JSON.")
        action = BulkAction.objects.create(
            verb="retry",
            selection={"destination_ids": [destination.pk]},
            total_count=1,
            last_id=1,
            finished_at=timezone.now(),
        )
        link = SavedLink.objects.create(
            owner=user, name=f"Link {kind}", query="status=dead", is_shared=True
        )
        other = User.objects.create_user(f"person {kind}", is_staff=True)
        group = Group.objects.create(name=f"Group {kind}")
        group.permissions.add(permission)
        other.groups.add(group)
        for row in (shared, rows["source"], destination, sent[0], batch, refusal, action, other):
            entry = LogEntry.objects.create(
                user=other,
                action_flag=CHANGE,
                content_type=ContentType.objects.get_for_model(row),
                object_id=str(row.pk),
                object_repr=str(row),
                change_message="[]",
            )
        alert = Alert.objects.create(
            condition="paused",
            subject=f"destination:{destination.pk}",
            destination=destination,
            severity="critical",
            since=timezone.now(),
            fired_at=timezone.now(),
            seen_at=timezone.now(),
            resolved_at=timezone.now() if number % 2 else None,
            acknowledged_by=other,
        )
        channel = Channel.objects.create(name=f"Channel {kind}", kind="slack", failure_count=1)
        for told in Alert.objects.all():
            Message.objects.create(alert=told, channel=channel, kind="fired")
        for name, row in (
            ("alert", alert),
            ("channel", channel),
            ("delivery", sent[0]),
            ("batch", batch),
            ("refusal", refusal),
            ("bulkaction", action),
            ("savedlink", link),
            ("user", other),
            ("group", group),
            ("logentry", entry),
        ):
            rows.setdefault(name, row)


def pages(client: Client, rows: dict[str, Any]) -> dict[str, str]:
    """Name → address of each page that can be looked at, and of the log under each filter."""
    found = {
        entry_point: url_of(entry_point, rows)
        for entry_point in ENTRY_POINTS
        if not entry_point.startswith("POST")
        and entry_point not in WITHOUT_ROWS
        and ENTRY_POINTS[entry_point]
    }
    ids = {name: rows[name].pk for name in ("destination", "source", "batch")}
    for query in FILTERS:
        found[f"log?{query}"] = f"{LOG}?{query.format(**ids)}"
    for term in ("nothing", "order-1"):
        found[f"search for {term}"] = search_url(client, term)
    for verb in ("retry", "discard"):
        found[f"{verb} all"] = f"/admin/deliveries/bulkaction/new/{verb}/?source={ids['source']}"
    day = "since=2026-01-01T00:00&until=2100-01-01T00:00"
    found["replay"] = f"/admin/deliveries/bulkaction/new/replay/?{day}"
    for span in ("1h", "24h", "7d", "30d"):
        found[f"home, {span}"] = f"/admin/?span={span}"
    return found


def query_counts(client: Client, addresses: dict[str, str]) -> dict[str, int]:
    counts = {}
    for name, url in addresses.items():
        with CaptureQueriesContext(connection) as queries:
            response = client.get(url)
            if response.streaming:
                list(response.streaming_content)
        if response.status_code == 200:
            counts[name] = len(queries)
    return counts


def test_no_page_takes_more_queries_when_there_is_more_to_show(
    admin_client: Client, admin_user: User
) -> None:
    rows: dict[str, Any] = {}
    add_rows(admin_user, FEW, rows)
    addresses = pages(admin_client, rows)
    few = query_counts(admin_client, addresses)
    add_rows(admin_user, MANY - FEW, rows)
    many = query_counts(admin_client, addresses)
    assert {name: (few[name], count) for name, count in many.items() if count > few[name]} == {}
    assert {name: count for name, count in many.items() if count > MOST} == {}
    assert len(many) > len(FILTERS) + 40
