"""An order, an email address or a user ID leads to its deliveries, and none of them is stored."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.models import Event, SearchKey
from deliveries.privacy.retention import prune
from deliveries.search import search_keys
from deliveries.search.search_keys import index_events, newest_with
from deliveries.tasks import index_events as index_events_task
from tests.deliveries.log_rows import make_rejected
from tests.deliveries.searching import found_ids, search_url
from tests.factories import make_deliveries, make_destination, make_event

pytestmark = pytest.mark.django_db


def wanted_and_other():
    destination = make_destination()
    return make_deliveries(
        destination,
        events=[
            make_event(
                userId="customer-7",
                properties={"order_id": 1042, "value": 3},
                context={"traits": {"email": " Alex@Example.com "}},
            ),
            make_event(),
        ],
    )


@pytest.mark.parametrize(
    "term",
    [
        "1042",
        "customer-7",
        "alex@example.com",
        " ALEX@example.com ",
        hashlib.sha256(b"alex@example.com").hexdigest(),
    ],
)
def test_a_delivery_is_found_by_what_a_customer_knows(admin_client, term):
    wanted, _ = wanted_and_other()
    index_events(timezone.now())
    assert found_ids(admin_client, term) == [wanted.pk]


@pytest.mark.parametrize("term", ["1042", "customer-7", "alex@example.com"])
def test_a_delivery_is_found_before_its_event_has_keys(admin_client, term, monkeypatch):
    monkeypatch.setattr(search_keys, "NEWEST_STEP", 1)
    wanted, _ = wanted_and_other()
    assert SearchKey.objects.count() == 0
    assert found_ids(admin_client, term) == [wanted.pk]
    assert found_ids(admin_client, term + "8") == []


def test_an_event_is_found_once_when_part_of_the_log_has_keys(admin_client):
    old, _ = wanted_and_other()
    index_events(timezone.now())
    new, _ = wanted_and_other()
    assert found_ids(admin_client, "1042") == [new.pk, old.pk]


def test_only_the_events_without_keys_are_read():
    wanted_and_other()
    index_events(timezone.now())
    assert newest_with("1042").event_ids == []
    with CaptureQueriesContext(connection) as queries:
        newest_with("1042")
    assert len(queries) == 2


def test_a_search_among_many_new_events_ends_in_time_and_says_what_it_left(
    admin_client, monkeypatch
):
    monkeypatch.setattr(search_keys, "NEWEST_STEP", 1)
    monkeypatch.setattr(search_keys, "NEWEST_SECONDS", 0)
    events = [make_event(properties={"order_id": order}) for order in ("first", "second")]
    old, newest = make_deliveries(make_destination(), events=events)
    found = newest_with("second")
    assert found.event_ids == [newest.event_id]
    assert (found.unread_since, found.unread_until) == (old.event.received_at,) * 2
    page = admin_client.get(search_url(admin_client, "customer-7")).content.decode()
    assert "aren&#x27;t indexed yet" in page or "aren't indexed yet" in page


def test_who_may_not_see_people_finds_a_new_order_and_no_person(client):
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_delivery"))
    client.force_login(user)
    wanted, _ = wanted_and_other()
    assert found_ids(client, "1042") == [wanted.pk]
    assert found_ids(client, "customer-7") == []


def test_what_is_not_whole_or_of_another_kind_finds_nothing(admin_client):
    wanted_and_other()
    index_events(timezone.now())
    for term in (
        "104",
        "alex@example",
        "@",
        "customer-8",
        "\ud800".encode("utf-8", "replace").decode(),
    ):
        assert found_ids(admin_client, term) == []


def test_every_event_is_looked_at_once_and_young_ones_wait(monkeypatch):
    monkeypatch.setattr(search_keys, "STEP", 1)
    wanted_and_other()
    young = Event.objects.create(
        source_id=1, message_id="young", type="track", received_at=timezone.now()
    )
    assert index_events(timezone.now()) == 2
    count = SearchKey.objects.count()
    assert count == 6
    assert index_events(timezone.now()) == 0
    assert SearchKey.objects.count() == count
    assert index_events(young.received_at + timedelta(minutes=1)) == 1


def test_the_setting_switches_the_keys_off(settings):
    wanted_and_other()
    settings.SEARCH_KEYS = False
    assert index_events_task() == 0
    assert newest_with("1042").event_ids == []
    assert SearchKey.objects.count() == 0


def test_keys_go_with_their_event():
    delivery = make_rejected(make_destination())
    index_events(timezone.now())
    assert SearchKey.objects.filter(event_id=delivery.event_id).count() == 3
    later = timezone.now() + timedelta(days=1)
    prune(bodies_before=later, log_before=later, people_before=later, now=later)
    assert Event.objects.count() == 0
    assert SearchKey.objects.count() == 0
