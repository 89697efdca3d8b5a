"""Views of the log under a name: what is kept, who sees them, who removes them."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.roles import ADMINISTRATOR, OPERATOR, VIEWER, make_groups
from deliveries.models import SavedLink
from deliveries.search.saved_views import MAX_OF_ONE_PERSON, clean_query

pytestmark = pytest.mark.django_db
LOG = "/admin/deliveries/delivery/"
SAVE = "/admin/deliveries/delivery/views/save/"


def person(name: str, role: str) -> Client:
    make_groups()
    user = User.objects.create_user(name, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def save(client: Client, name: str, query: str, **fields: Any) -> Any:
    return client.post(SAVE, {"name": name, "query": query, **fields}, follow=True)


def test_a_view_is_saved_and_is_a_link_above_the_log() -> None:
    client = person("alex", VIEWER)
    assert "Save this view" not in client.get(LOG).content.decode()
    assert "Save this view" in client.get(f"{LOG}?status=dead").content.decode()
    response = save(client, " What died ", "before=9&error_code=http_500&status=dead&e=1")
    assert response.redirect_chain == [(f"{LOG}?status=dead&error_code=http_500", 302)]
    assert SavedLink.objects.get().query == "status=dead&error_code=http_500"
    page = client.get(LOG).content.decode()
    assert 'href="?status=dead&amp;error_code=http_500"' in page
    assert "What died" in page
    shown = client.get(f"{LOG}?error_code=http_500&status=dead&after=3").content.decode()
    assert shown.count('aria-current="page"') > page.count('aria-current="page"')


def test_own_views_are_for_oneself_and_shared_ones_for_everybody() -> None:
    operator, viewer = person("olga", OPERATOR), person("vera", VIEWER)
    save(operator, "Mine", "status=dead")
    save(operator, "Ours", "status=rejected", shared="on")
    page = viewer.get(LOG).content.decode()
    assert "Ours" in page
    assert "Shared by olga" in page
    assert "Mine" not in page
    assert "/remove/" not in page
    page = operator.get(LOG).content.decode()
    assert "Mine" in page
    assert page.count("/remove/") == 2


def test_a_viewer_saves_for_oneself_and_shares_nothing() -> None:
    viewer = person("vera", VIEWER)
    assert 'name="shared"' not in viewer.get(f"{LOG}?status=dead").content.decode()
    assert save(viewer, "Ours", "status=dead", shared="on").status_code == 403
    assert not SavedLink.objects.exists()


def test_the_owner_removes_a_view_and_an_administrator_a_shared_one() -> None:
    operator, administrator = person("olga", OPERATOR), person("anna", ADMINISTRATOR)
    save(operator, "Mine", "status=dead")
    save(operator, "Ours", "status=rejected", shared="on")
    mine, ours = (SavedLink.objects.get(name=name) for name in ("Mine", "Ours"))
    remove = "admin:deliveries_savedlink_remove"
    assert administrator.post(reverse(remove, args=[mine.pk])).status_code == 403
    assert administrator.get(reverse(remove, args=[ours.pk])).status_code == 405
    administrator.post(reverse(remove, args=[ours.pk]))
    response = operator.post(reverse(remove, args=[mine.pk]), {"query": "status=dead"})
    assert response["Location"] == f"{LOG}?status=dead"
    assert not SavedLink.objects.exists()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("q=alex%40example.com&status=dead", "Searches aren't saved"),
        ("q=order-1", "Searches aren't saved"),
        ("source_event=alex%40example.com", "address or a long number"),
        ("pinterest_event=%2B49+170+1234567", "address or a long number"),
        ("status=nothing", "Unknown status: nothing"),
        ("since=yesterday", "isn't a valid date and time"),
        ("destination=x", "isn't a valid destination ID"),
        ("", "Choose a filter before you save"),
        ("before=12", "Choose a filter before you save"),
        (f"source_event={'ä' * 400}", "too long"),
    ],
)
def test_what_is_not_kept_is_refused_with_a_sentence(query: str, words: str) -> None:
    client = person("alex", OPERATOR)
    assert words in unescape(save(client, "View", query).content.decode())
    assert not SavedLink.objects.exists()


@pytest.mark.parametrize("name", ["", "  ", "x" * 81, "alex@example.com", "tab\tinside"])
def test_a_name_is_short_and_holds_no_personal_data(name: str) -> None:
    client = person("alex", OPERATOR)
    save(client, name, "status=dead")
    assert not SavedLink.objects.exists()


def test_a_name_stands_once_for_each_owner() -> None:
    first, second = person("first", VIEWER), person("second", VIEWER)
    save(first, "Dead", "status=dead")
    save(second, "Dead", "status=dead")
    assert (
        "You already have a view with this name"
        in save(first, "Dead", "status=sending").content.decode()
    )
    assert sorted(SavedLink.objects.values_list("owner__username", "query")) == [
        ("first", "status=dead"),
        ("second", "status=dead"),
    ]


def test_there_is_a_limit_for_one_person() -> None:
    client = person("alex", VIEWER)
    owner = User.objects.get(username="alex")
    SavedLink.objects.bulk_create(
        SavedLink(owner=owner, name=str(number), query="status=dead")
        for number in range(MAX_OF_ONE_PERSON)
    )
    assert "Remove one first" in save(client, "More", "status=dead").content.decode()


def test_every_filter_of_the_log_can_be_saved() -> None:
    address = {
        "status": "dead",
        "destination": "1",
        "source": "2",
        "source_event": "Order Completed",
        "pinterest_event": "checkout",
        "error_code": "http_500",
        "batch": "3",
        "since": "2026-11-23T20:15",
        "until": "2026-11-24T20:15",
        "day": "2026-11-23",
        "settled_since": "2026-11-23T20:15",
    }
    assert clean_query(address).startswith("status=dead&destination=1&source=2&source_event=Order+")


def test_they_cost_the_log_one_query_however_many_there_are() -> None:
    client = person("alex", OPERATOR)
    client.get(LOG)
    counts = []
    for number in range(3):
        save(client, f"View {number}", "status=dead", shared="on")
        with CaptureQueriesContext(connection) as queries:
            client.get(LOG)
        counts.append(len(queries))
        assert len([one for one in queries if "deliveries_savedlink" in one["sql"]]) == 1
    assert len(set(counts)) == 1
