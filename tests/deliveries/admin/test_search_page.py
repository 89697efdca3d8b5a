"""A search names people: it stands in the session, and only who may see people can look for
them."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts.roles import ADMINISTRATOR, OPERATOR, VIEWER, make_groups
from admin_base.searches import MAX_SEARCHES
from deliveries.models import Delivery, SavedLink
from deliveries.search.search_keys import index_events
from tests.deliveries.log_rows import make_rejected
from tests.deliveries.searching import LOG, found_ids, search_url
from tests.factories import make_deliveries, make_destination, make_event

pytestmark = pytest.mark.django_db

EMAIL = "alex@example.com"


def client_of(role: str) -> Client:
    make_groups()
    user = User.objects.create_user(f"somebody {role}", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def make_alex() -> Delivery:
    (delivery,) = make_deliveries(
        make_destination(),
        events=[
            make_event(
                messageId="message-77",
                userId="customer-77",
                properties={"order_id": "order-77", "value": 3},
                context={"traits": {"email": EMAIL}},
            )
        ],
    )
    index_events(timezone.now())
    return delivery


def test_what_is_searched_for_stands_in_no_address_of_the_page() -> None:
    delivery = make_alex()
    client = client_of(ADMINISTRATOR)
    url = search_url(client, EMAIL, status="pending")
    assert EMAIL not in url
    assert "alex" not in url
    assert parse_qs(urlsplit(url).query)["status"] == ["pending"]
    page = client.get(url)
    assert [row.pk for row in page.context["cl"].result_list] == [delivery.pk]
    text = page.content.decode()
    assert f'name="q" value="{EMAIL}"' in text
    for address in re.findall(r'(?:href|action|src)="([^"]*)"', text):
        assert "alex" not in address


def test_back_a_bookmark_and_a_second_search_work_in_the_same_session() -> None:
    delivery = make_alex()
    (other,) = make_deliveries(make_destination(), events=[make_event(messageId="other")])
    client = client_of(ADMINISTRATOR)
    first = search_url(client, EMAIL)
    assert found_ids(client, "other") == [other.pk]
    again = client.get(first)
    assert again.status_code == 200
    assert [row.pk for row in again.context["cl"].result_list] == [delivery.pk]
    assert search_url(client, EMAIL) == first


def test_a_search_shows_what_came_in_after_it() -> None:
    client = client_of(ADMINISTRATOR)
    url = search_url(client, EMAIL)
    assert list(client.get(url).context["cl"].result_list) == []
    delivery = make_alex()
    assert [row.pk for row in client.get(url).context["cl"].result_list] == [delivery.pk]


def test_pages_filters_the_export_and_actions_go_on_with_the_search() -> None:
    destination = make_destination()
    event = make_event(messageId="shared")
    (first,) = make_deliveries(destination, events=[event])
    Delivery.objects.bulk_create(
        Delivery(
            event=first.event,
            destination=destination,
            conversion_name=f"custom_{number}",
            status="rejected",
            settled_at=timezone.now(),
        )
        for number in range(60)
    )
    make_deliveries(destination, 2)
    client = client_of(ADMINISTRATOR)
    url = search_url(client, "shared")
    changes = client.get(url).context["cl"]
    older = client.get(f"{LOG}{changes.older_url}").context["cl"]
    assert len(changes.result_list) + len(older.result_list) == 61
    rejected = client.get(f"{url}&status=rejected").context["cl"]
    assert {row.status for row in rejected.result_list} == {"rejected"}
    query = urlsplit(url).query
    (export,) = [link for link, _ in client.get(url).context["export_links"] if "csv" in link]
    assert query in export
    lines = b"".join(client.get(export).streaming_content).decode()
    assert len(list(csv.DictReader(io.StringIO(lines)))) == 61
    one = rejected.result_list[0]
    client.post(url, {"action": "retry_selected", "_selected_action": [one.pk]})
    one.refresh_from_db()
    assert one.status == "pending"
    assert not LogEntry.objects.filter(change_message__contains="shared").exists()


def test_the_session_holds_no_search_in_plain_text_and_not_too_many() -> None:
    client = client_of(ADMINISTRATOR)
    search_url(client, EMAIL)
    (session,) = Session.objects.all()
    assert "alex" not in str(session.get_decoded())
    first = search_url(client, "term 0")
    for number in range(1, MAX_SEARCHES + 1):
        search_url(client, f"term {number}")
    assert len(client.session["searches"]) == MAX_SEARCHES
    assert client.get(first).status_code == 302


def test_an_old_link_and_somebody_elses_token_say_what_to_do_and_search_nothing() -> None:
    make_alex()
    foreign = search_url(client_of(ADMINISTRATOR), EMAIL)
    client = client_of(OPERATOR)
    for url in (f"{LOG}?q=alex%40example.com&status=pending", f"{LOG}?q=message-77", foreign):
        response = client.get(url)
        assert response.status_code == 302
        assert "q=" not in response["Location"]
        page = client.get(response["Location"])
        assert (
            "include searches, because a search may contain personal data" in page.content.decode()
        )
        assert EMAIL not in page.content.decode()
        assert page.context["cl"].query == ""


@pytest.mark.parametrize("role", [VIEWER, OPERATOR])
@pytest.mark.parametrize(
    "term",
    [EMAIL, " ALEX@example.com", "customer-77", hashlib.sha256(EMAIL.encode()).hexdigest()],
)
def test_who_may_not_see_personal_data_cannot_confirm_a_person(role: str, term: str) -> None:
    make_alex()
    client = client_of(role)
    page = client.get(search_url(client, term))
    assert list(page.context["cl"].result_list) == []
    assert "requires permission to see personal data" in page.content.decode()


@pytest.mark.parametrize("term", [EMAIL, "customer-77"])
def test_not_even_where_a_dedup_key_made_an_event_id_of_it(term: str) -> None:
    delivery = make_alex()
    Delivery.objects.filter(pk=delivery.pk).update(conversion_event_id=term)
    assert found_ids(client_of(VIEWER), term) == []
    assert found_ids(client_of(ADMINISTRATOR), term) == [delivery.pk]


def test_everybody_who_sees_the_log_finds_an_order_a_message_and_an_event_id() -> None:
    delivery = make_alex()
    Delivery.objects.update(conversion_event_id="event-77")
    client = client_of(VIEWER)
    for term in ("order-77", "message-77"):
        assert found_ids(client, term) == [delivery.pk], term
    delivery.destination.dedup_key = "properties.order_id"
    delivery.destination.save()
    assert found_ids(client, "event-77") == [delivery.pk]


def test_who_may_see_personal_data_finds_people() -> None:
    delivery = make_alex()
    client = client_of(ADMINISTRATOR)
    for term in (EMAIL, "customer-77", "order-77"):
        assert found_ids(client, term) == [delivery.pk], term


def test_a_search_needs_its_form_and_the_permission_to_see_the_log() -> None:
    nobody = Client()
    nobody.force_login(User.objects.create_user("nobody", is_staff=True))
    assert nobody.post(LOG, {"_search": "1", "q": EMAIL}).status_code == 403
    assert "searches" not in nobody.session
    forging = Client(enforce_csrf_checks=True)
    forging.force_login(User.objects.create_superuser("root"))
    assert forging.post(LOG, {"_search": "1", "q": EMAIL}).status_code == 403


@pytest.mark.parametrize("term", ["x" * 257, "a\x00b"])
def test_what_nothing_can_be_found_by_is_not_kept(term: str) -> None:
    client = client_of(ADMINISTRATOR)
    response = client.post(LOG, {"_search": "1", "q": term}, follow=True)
    assert "This text can't match anything." in unescape(response.content.decode())
    assert response.redirect_chain == [(LOG, 302)]


def test_a_view_is_not_saved_with_its_search() -> None:
    make_rejected(make_destination())
    client = client_of(ADMINISTRATOR)
    query = urlsplit(search_url(client, EMAIL, status="rejected")).query
    client.post(f"{LOG}views/save/", {"name": "Mine", "query": query})
    assert not SavedLink.objects.exists()


@pytest.mark.parametrize("path", ["auth/user/", "auth/group/", "admin/logentry/"])
def test_the_lists_of_people_are_searched_in_the_same_way(path: str) -> None:
    User.objects.create_user("lena", email="lena@example.com")
    client = client_of(ADMINISTRATOR)
    url = f"/admin/{path}"
    page = client.get(url)
    assert 'name="_search"' in page.content.decode()
    response = client.post(url, {"_search": "1", "q": "lena@example.com"})
    assert "lena" not in response["Location"]
    found = client.get(response["Location"])
    assert found.status_code == 200
    assert found.context["cl"].query == "lena@example.com"
    assert "lena%40" not in found.content.decode()
