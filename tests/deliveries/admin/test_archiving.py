"""What is no longer used: archived, restored, deleted once nothing points to it; and tokens."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from deliveries.actions import archiving
from deliveries.actions.archiving import Reference, discard_left_over, find_reference
from deliveries.actions.bulk import run_step
from deliveries.actions.operations import retry
from deliveries.models import BulkAction, Delivery, Event, Refusal
from destinations.models import Destination, Source
from destinations.routing import routes_for
from tests.destinations.test_admin import destination_form
from tests.factories import TOKEN, make_deliveries, make_destination, make_source

pytestmark = pytest.mark.django_db

SOURCES = "/admin/destinations/source/"
DESTINATIONS = "/admin/destinations/destination/"
LONG_AGO = timedelta(hours=1)


def archive(admin_client, row):
    base = DESTINATIONS if isinstance(row, Destination) else SOURCES
    return admin_client.post(f"{base}{row.pk}/archive/", follow=True)


def archived_long_ago(row):
    """As it is an hour after somebody archived it."""
    row.enabled, row.archived_at = False, timezone.now() - LONG_AGO
    row.save()
    return row


def test_an_archived_destination_is_off_hidden_and_without_token(admin_client):
    source = make_source(name="Web shop")
    destination = make_destination(
        name="Client A", sources=[source], paused_at=timezone.now(), paused_reason="Lunch."
    )
    make_deliveries(destination)
    assert "Its token is deleted." in admin_client.get(
        f"{DESTINATIONS}{destination.pk}/archive/"
    ).content.decode().replace("&#x27;", "'")
    page = archive(admin_client, destination).content.decode()
    destination.refresh_from_db()
    assert destination.archived_at is not None
    assert (destination.enabled, destination.paused_at) == (False, None)
    assert not destination.conversion_token
    assert routes_for(source.write_key).routes == ()
    assert f"{DESTINATIONS}{destination.pk}/change/" not in page
    assert "Show archived (1)" in page
    assert (
        f"{DESTINATIONS}{destination.pk}/change/"
        in admin_client.get(f"{DESTINATIONS}?archived=1").content.decode()
    )
    assert "Client A" not in admin_client.get(f"{SOURCES}{source.pk}/change/").content.decode()
    assert "Client A" not in admin_client.get("/admin/").content.decode()
    assert Delivery.objects.count() == 1  # the log is kept
    assert "Client A" in admin_client.get("/admin/deliveries/delivery/").content.decode()
    entry = LogEntry.objects.latest("pk")
    assert entry.get_change_message() == "Archived. Its token was removed."
    assert TOKEN not in str(entry.change_message)


def test_what_waits_for_an_archived_destination_is_discarded_in_steps(admin_client):
    destination = make_destination()
    make_deliveries(destination, 3)
    other = make_deliveries(make_destination())[0]
    archive(admin_client, destination)
    action = BulkAction.objects.get()
    assert (action.verb, action.requested_by) == ("discard", "admin")
    run_step(action.pk)
    of_it = Delivery.objects.filter(destination=destination)
    assert set(of_it.values_list("status", flat=True)) == {"discarded"}
    assert set(of_it.values_list("error_message", flat=True)) == {archiving.REASON}
    other.refresh_from_db()
    assert other.status == "pending"


def test_what_came_to_wait_after_archiving_is_discarded_too():
    destination = archived_long_ago(make_destination())
    late = make_deliveries(destination)[0]
    new = make_deliveries(make_destination())[0]
    assert discard_left_over(timezone.now()) == 1
    late.refresh_from_db()
    new.refresh_from_db()
    assert (late.status, new.status) == ("discarded", "pending")


def test_nothing_is_sent_again_to_an_archived_destination():
    destination = archived_long_ago(make_destination())
    delivery = make_deliveries(destination)[0]
    Delivery.objects.update(status="dead", due_at=None)
    assert retry(Delivery.objects.all()) == 0
    delivery.refresh_from_db()
    assert delivery.status == "dead"


def test_an_archived_source_refuses_events_and_stays_linked(admin_client, client):
    source = make_source(name="Old shop")
    destination = make_destination(sources=[source])
    archive(admin_client, source)
    response = client.post(
        "/v1/track",
        {"event": "A", "userId": "u"},
        content_type="application/json",
        query_params={"writeKey": source.write_key},
    )
    assert response.status_code == 404
    assert not Event.objects.exists()
    page = admin_client.get(f"{DESTINATIONS}{destination.pk}/change/").content.decode()
    assert "Old shop" not in page
    # Saving the other side's form does not take the link away.
    form = destination_form(name=destination.name, service="sandbox", conversion_token="")
    assert admin_client.post(f"{DESTINATIONS}{destination.pk}/change/", form).status_code == 302
    assert list(destination.sources.all()) == [source]
    last = LogEntry.objects.latest("pk").get_change_message()
    assert "Sources" not in last


def test_restored_it_is_off_and_can_be_set_up_again(admin_client):
    source = make_source()
    destination = archived_long_ago(make_destination(service="pinterest", sources=[source]))
    url = f"{DESTINATIONS}{destination.pk}"
    page = admin_client.get(f"{url}/change/").content.decode()
    assert 'name="_save"' not in page
    assert "event_mappings-0-source_event_name" not in page
    page = admin_client.post(f"{url}/restore/", follow=True).content.decode()
    destination.refresh_from_db()
    assert (destination.archived_at, destination.enabled) == (None, False)
    assert "enter one, then turn it on" in page
    assert list(destination.sources.all()) == [source]
    form = destination_form(name=destination.name, sources=[source.pk])
    assert admin_client.post(f"{url}/change/", form).status_code == 302
    destination.refresh_from_db()
    assert destination.enabled is True


@pytest.mark.parametrize("kind", ["source", "destination"])
def test_only_what_is_archived_and_nothing_points_to_is_deleted(admin_client, kind):
    row = make_source() if kind == "source" else make_destination(sources=[])
    url = f"/admin/destinations/{kind}/{row.pk}/delete/"
    assert admin_client.post(url, {"post": "yes"}).status_code == 403
    archive(admin_client, row)
    page = admin_client.post(url, {"post": "yes"}, follow=True).content.decode()
    assert "it was archived less than a minute ago" in page
    archived_long_ago(row)
    assert "Delete …" in admin_client.get(f"{url[:-7]}change/").content.decode()
    assert admin_client.post(url, {"post": "yes"}).status_code == 302
    assert not type(row).objects.filter(pk=row.pk).exists()


def test_what_the_log_points_to_is_kept_and_says_so(admin_client):
    source = make_source()
    destination = make_destination(sources=[source])
    make_deliveries(destination)
    for row, kind in ((source, "source"), (destination, "destination")):
        archived_long_ago(row)
        url = f"/admin/destinations/{kind}/{row.pk}/delete/"
        page = admin_client.post(url, {"post": "yes"}, follow=True).content.decode()
        assert "because the log still refers to it" in page
    assert (Source.objects.count(), Destination.objects.count()) == (1, 1)


def test_a_reference_is_found_wherever_it_stands(monkeypatch):
    now = timezone.now()
    source = archived_long_ago(make_source())
    assert find_reference(source, now) is Reference.NONE
    Refusal.objects.create(source=source, code="not_json", message="No JSON.")
    assert find_reference(source, now) is Reference.FOUND
    Refusal.objects.all().delete()
    monkeypatch.setattr(archiving, "WIDTH", 2)
    Event.objects.create(source=source, message_id="first", type="track")
    for number in range(7):
        Event.objects.create(source_id=source.pk + 1, message_id=f"m{number}", type="track")
    assert find_reference(source, now) is Reference.FOUND
    monkeypatch.setattr(archiving, "SECONDS", -1)
    assert find_reference(source, now) is Reference.UNSURE


def test_a_token_is_removed_while_the_destination_is_off(admin_client):
    destination = make_destination(service="pinterest", sources=[])
    url = f"{DESTINATIONS}{destination.pk}/change/"
    assert 'name="remove_token"' in admin_client.get(url).content.decode()
    form = destination_form(name=destination.name, conversion_token="", remove_token="on")
    page = admin_client.post(url, form).content.decode()
    assert "Turn the destination off first." in page
    destination.refresh_from_db()
    assert destination.conversion_token.reveal() == TOKEN
    del form["enabled"]
    assert admin_client.post(url, form).status_code == 302
    destination.refresh_from_db()
    assert not destination.conversion_token
    entry = LogEntry.objects.latest("pk")
    assert "Conversion token: removed" in entry.get_change_message()
    assert 'name="remove_token"' not in admin_client.get(url).content.decode()
    # Off, it can be changed without a token; turned on, it needs one.
    assert admin_client.post(url, form | {"name": "Renamed"}).status_code == 302
    page = admin_client.post(url, form | {"enabled": "on"}).content.decode()
    assert "API v5 requires a conversion token" in page
