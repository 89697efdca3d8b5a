"""A new write key cuts nobody off: the old one goes on for as long as somebody chose."""

from __future__ import annotations

import base64
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.models import Event
from deliveries.tasks import prune
from destinations import routing
from destinations.first_start import DEMO_WRITE_KEY, has_demo_source
from destinations.models import FormerWriteKey, Source
from destinations.routing import forget_routes, routes_for
from tests.factories import make_destination, make_source

pytestmark = pytest.mark.django_db(transaction=True)

SOURCES = "/admin/destinations/source/"


def rotate(admin_client, source, hours):
    """Rotate the key; gives the old key, and what the page says then."""
    old = source.write_key
    response = admin_client.post(
        f"{SOURCES}{source.pk}/rotate-key/", {"keep": str(hours)}, follow=True
    )
    source.refresh_from_db()
    assert source.write_key != old
    return old, unescape(response.content.decode())


def send(client, write_key):
    basic = base64.b64encode(f"{write_key}:".encode()).decode()
    body = {"event": "Order Completed", "userId": "u"}
    return client.post(
        "/v1/track",
        body,
        content_type="application/json",
        headers={"Authorization": f"Basic {basic}"},
    )


def test_the_old_key_goes_on_for_the_chosen_time_and_the_page_says_so(admin_client, client):
    source = make_source(name="Shop")
    make_destination(sources=[source])
    old, page = rotate(admin_client, source, 24)
    assert "The old key works until" in page
    assert "Not used since the rotation." in page
    assert f"…{old[-4:]}" in page
    assert old not in page
    assert send(client, old).status_code == send(client, source.write_key).status_code == 200
    assert set(Event.objects.values_list("source_id", flat=True)) == {source.pk}
    assert routes_for(old) == routes_for(source.write_key)
    page = unescape(admin_client.get(f"{SOURCES}{source.pk}/change/").content.decode())
    assert "Last used" in page
    FormerWriteKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    forget_routes()
    assert send(client, old).status_code == 401
    page = unescape(admin_client.get(f"{SOURCES}{source.pk}/change/").content.decode())
    assert "Old key, stopped working" in page
    said = LogEntry.objects.order_by("pk")[0].get_change_message()
    assert said.startswith("Write key rotated. The old key works until ")
    assert old not in said


def test_another_process_lets_the_old_key_go_when_its_time_is_over(admin_client, monkeypatch):
    """What it knows of a key is a second old at most."""
    source = make_source()
    old, _ = rotate(admin_client, source, 1)
    assert routes_for(old) is not None
    FormerWriteKey.objects.update(expires_at=timezone.now())  # by another process
    assert routes_for(old) is not None
    monkeypatch.setattr(routing, "FRESH_SECONDS", 0.0)
    assert routes_for(old) is None


def test_a_key_that_is_stopped_at_once_is_refused_at_once(admin_client):
    source = make_source()
    assert routes_for(source.write_key).source_id == source.pk
    old, page = rotate(admin_client, source, 0)
    assert routes_for(old) is None
    assert "Events sent with the old key are now rejected." in page
    assert not FormerWriteKey.objects.exists()


def test_an_old_key_is_stopped_before_its_time(admin_client):
    source = make_source()
    old, page = rotate(admin_client, source, 24 * 7)
    key = FormerWriteKey.objects.get()
    url = f"{SOURCES}{source.pk}/end-key/{key.pk}/"
    assert url in page
    assert routes_for(old) is not None
    other = make_source()
    admin_client.post(f"{SOURCES}{other.pk}/end-key/{key.pk}/")  # not that source's
    assert routes_for(old) is not None
    page = unescape(admin_client.post(url, follow=True).content.decode())
    assert routes_for(old) is None
    assert f"The old key …{old[-4:]} no longer works." in page
    assert url not in page


def test_rotated_twice_both_old_keys_go_on(admin_client):
    source = make_source()
    first, _ = rotate(admin_client, source, 24)
    second, page = rotate(admin_client, source, 1)
    assert routes_for(first).source_id == routes_for(second).source_id == source.pk
    assert page.index(second[-4:]) < page.index(f"…{first[-4:]}")


def test_the_last_use_is_written_once_a_minute_and_the_key_is_not_stored(admin_client, monkeypatch):
    monkeypatch.setattr(routing, "FRESH_SECONDS", 0.0)
    source = make_source()
    old, _ = rotate(admin_client, source, 24)
    with CaptureQueriesContext(connection) as queries:
        for _ in range(5):
            routes_for(old)
    assert sum("UPDATE" in one["sql"] for one in queries) == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM destinations_formerwritekey")
        assert old not in str(cursor.fetchall())


def test_who_does_not_choose_is_asked_again(admin_client):
    source = make_source()
    before = source.write_key
    page = admin_client.post(f"{SOURCES}{source.pk}/rotate-key/").content.decode()
    source.refresh_from_db()
    assert source.write_key == before
    assert "This field is required." in page


def test_a_key_that_still_works_cannot_be_given_to_another_source(admin_client):
    old, _ = rotate(admin_client, make_source(), 24)
    form = {"name": "New", "write_key": old, "identity_memory": "on"}
    page = unescape(admin_client.post(f"{SOURCES}add/", form).content.decode())
    assert "This is the old key of a source, and still works." in page
    assert Source.objects.count() == 1


def test_the_key_of_the_readme_never_goes_on(admin_client):
    source = make_source(write_key=DEMO_WRITE_KEY)
    page = unescape(admin_client.get(f"{SOURCES}{source.pk}/rotate-key/").content.decode())
    assert "The demo key is public" in page
    rotate(admin_client, source, 24)
    assert routes_for(DEMO_WRITE_KEY) is None
    assert not has_demo_source()


def test_what_ended_long_ago_is_forgotten(admin_client):
    source = make_source()
    rotate(admin_client, source, 24)
    rotate(admin_client, source, 24)
    newest = FormerWriteKey.objects.first()
    old = FormerWriteKey.objects.exclude(pk=newest.pk)
    old.update(expires_at=timezone.now() - timedelta(days=31))
    prune()
    assert list(FormerWriteKey.objects.all()) == [newest]
