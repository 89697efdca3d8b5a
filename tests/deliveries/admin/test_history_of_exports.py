"""What was taken out of the log, and what paused by itself, stands in the history."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client

from deliveries.engine.dispatch import deliver_batch
from destinations.models import Destination
from destinations.pausing import AUTHOR
from pinterest_sandbox.sandbox import Sandbox
from tests.deliveries.searching import search_url
from tests.factories import make_deliveries, make_destination

pytestmark = pytest.mark.django_db
EXPORT = "/admin/deliveries/delivery/export/csv/"


def said() -> list[str]:
    return [str(entry.get_change_message()) for entry in LogEntry.objects.order_by("pk")]


def test_an_export_is_noted_with_its_filters(admin_client: Client, admin_user: User) -> None:
    destination = make_destination(name="Pinterest US")
    url = f"{EXPORT}?status=rejected&destination={destination.pk}"
    assert admin_client.get(url, headers={"accept-language": "de"}).status_code == 200
    admin_client.get(EXPORT)
    assert said() == [
        "Exported as CSV: Status: Rejected; Destination: Pinterest US.",
        "Exported as CSV: everything.",
    ]
    assert set(LogEntry.objects.values_list("user_id", "object_repr")) == {
        (admin_user.pk, "Delivery log")
    }
    assert "Delivery log" in admin_client.get("/admin/admin/logentry/").content.decode()


def test_the_history_of_exports_names_nobody(admin_client: Client) -> None:
    token_url = search_url(admin_client, "alex@example.com")
    admin_client.get(f"{EXPORT}?{token_url.partition('?')[2]}")
    admin_client.get(f"{EXPORT}?source_event=alex@example.com")
    assert said()[0] == "Exported as CSV: a search."
    assert "Source event: " in said()[1]
    assert not any("alex" in one for one in said())


def test_who_may_not_export_leaves_no_entry(client: Client) -> None:
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert client.get(EXPORT).status_code == 403
    assert said() == []


def test_an_automatic_pause_is_noted_once_and_by_nobody(
    admin_client: Client, sandbox: Sandbox
) -> None:
    destination = make_destination(conversion_token="wrong-token")
    make_deliveries(destination)
    sandbox.add_fault("status=401")
    deliver_batch(destination.pk)
    destination.refresh_from_db()
    assert destination.paused_at is not None
    (entry,) = LogEntry.objects.all()
    assert entry.user.username == AUTHOR
    assert not entry.user.is_active
    assert not entry.user.has_usable_password()
    assert entry.get_change_message().startswith("Paused (unauthorised): ")
    page = admin_client.get("/admin/admin/logentry/").content.decode()
    assert "automatic" in page
    history = admin_client.get(f"/admin/destinations/destination/{destination.pk}/history/")
    assert "Paused (unauthorised)" in history.content.decode()
    assert AUTHOR not in admin_client.get("/admin/auth/user/").content.decode()
    Destination.objects.update(paused_at=None, paused_code="", paused_reason="")
    deliver_batch(destination.pk)
    assert User.objects.filter(username=AUTHOR).count() == 1


def test_a_token_that_cannot_be_read_pauses_and_says_so_in_the_history() -> None:
    destination = make_destination()
    make_deliveries(destination)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE destinations_destination SET conversion_token = 'gAAAA-broken'")
    assert deliver_batch(destination.pk) == 0
    (entry,) = LogEntry.objects.all()
    assert entry.get_change_message().startswith("Paused (token_unreadable): ")


def test_a_change_of_a_persons_groups_is_told_before_and_after(admin_client: Client) -> None:
    person = User.objects.create_user("bea", email="bea@example.com")
    person.groups.add(Group.objects.get_or_create(name="Viewers")[0])
    other, _ = Group.objects.get_or_create(name="Operators")
    response = admin_client.post(
        f"/admin/auth/user/{person.pk}/change/",
        {
            "username": "bea",
            "email": "bea@example.org",
            "name": "Bea",
            "role": other.pk,
            "is_active": "on",
        },
        headers={"accept-language": "de"},
    )
    assert response.status_code == 302, response.context["adminform"].form.errors
    (text,) = said()
    assert "Role: “Viewers” → “Operators”" in text


def test_a_change_of_what_a_group_may_do_is_told_before_and_after(admin_client: Client) -> None:
    group = Group.objects.create(name="Agency")
    wanted = Permission.objects.get(codename="view_delivery")
    response = admin_client.post(
        f"/admin/auth/group/{group.pk}/change/", {"name": "Agency", "permissions": [wanted.pk]}
    )
    assert response.status_code == 302
    (text,) = said()
    assert "Permissions: none → " in text
    assert "view delivery" in text.lower()
