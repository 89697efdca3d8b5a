"""The pages of users, groups and history."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import strip_tags

from accounts.roles import ADMINISTRATOR, OPERATOR, VIEWER, make_groups

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator() -> Client:
    make_groups()
    user = User.objects.create_user("boss", is_staff=True)
    user.groups.add(Group.objects.get(name=ADMINISTRATOR))
    client = Client()
    client.force_login(user)
    return client


def test_who_stands_in_the_history_cannot_be_deleted(administrator: Client) -> None:
    writer = User.objects.create_user("writer")
    LogEntry.objects.create(user=writer, action_flag=CHANGE, object_repr="x", change_message="y")
    delete = reverse("admin:auth_user_delete", args=[writer.pk])
    change = reverse("admin:auth_user_change", args=[writer.pk])
    assert delete not in administrator.get(change).content.decode()
    for response in (
        administrator.get(delete, follow=True),
        administrator.post(delete, {"post": "yes"}, follow=True),
    ):
        assert response.redirect_chain[-1][0] == change
        assert "be deleted because the history refers to them" in response.content.decode()
    administrator.post(
        reverse("admin:auth_user_changelist"),
        {"action": "delete_selected", "_selected_action": [writer.pk], "post": "yes"},
    )
    assert User.objects.filter(pk=writer.pk).exists()
    assert LogEntry.objects.filter(user=writer).exists()


def test_who_has_done_nothing_can_be_deleted(administrator: Client) -> None:
    newcomer = User.objects.create_user("newcomer")
    page = administrator.get(reverse("admin:auth_user_change", args=[newcomer.pk]))
    assert "Can be deleted" in page.content.decode()
    administrator.post(reverse("admin:auth_user_delete", args=[newcomer.pk]), {"post": "yes"})
    assert not User.objects.filter(pk=newcomer.pk).exists()


def test_the_history_says_who_when_and_what_and_leads_there(administrator: Client) -> None:
    other = User.objects.create_user("other", is_staff=True)
    change = reverse("admin:auth_user_change", args=[other.pk])
    LogEntry.objects.log_actions(
        other.pk, [other], CHANGE, change_message="Turned a page.", single_object=True
    )
    LogEntry.objects.create(
        user=other, action_flag=DELETION, object_repr="a thing", change_message=""
    )
    url = reverse("admin:admin_logentry_changelist")
    page = administrator.get(url).content.decode()
    assert f'<a class="relay-link" href="{change}">other</a>' in page
    assert "Turned a page." in page
    assert ">a thing</a>" not in page
    assert "a thing" in page
    found = (
        administrator.post(url, {"_search": "1", "q": "turned"}, follow=True)
        .context["cl"]
        .result_count
    )
    assert found == 1


def heading_of(page: str) -> str:
    """What stands above a page, in words."""
    return " ".join(strip_tags(page[page.index("<h1") : page.index("</h1>")]).split())


def test_the_pages_of_people_go_by_the_names_of_the_side_bar(administrator: Client) -> None:
    page = administrator.get(reverse("admin:auth_user_changelist")).content.decode()
    assert heading_of(page).startswith("Access")
    assert "Authentication and Authorization" not in page
    assert '<time class="relay-time"' in page  # of the last login


def test_the_history_goes_by_its_name_and_an_empty_one_says_what_it_is_for(
    administrator: Client,
) -> None:
    page = administrator.get(reverse("admin:admin_logentry_changelist")).content.decode()
    assert heading_of(page).endswith("History")
    assert "Administration" not in page
    assert "Log entries" not in page
    assert "No changes yet" in page


def test_the_history_costs_the_same_however_many_entries_it_shows(
    administrator: Client, django_assert_num_queries
) -> None:
    url = reverse("admin:admin_logentry_changelist")
    with CaptureQueriesContext(connection) as first:
        assert administrator.get(url).status_code == 200
    for number in range(20):
        user = User.objects.create_user(f"user {number}")
        LogEntry.objects.log_actions(
            user.pk, [user], CHANGE, change_message="x", single_object=True
        )
    with django_assert_num_queries(len(first)):
        assert administrator.get(url).status_code == 200


def test_the_lists_of_users_and_groups_cost_the_same_however_long_they_are(
    administrator: Client, django_assert_num_queries
) -> None:
    for name in ("auth_user", "auth_group"):
        url = reverse(f"admin:{name}_changelist")
        with CaptureQueriesContext(connection) as first:
            assert administrator.get(url).status_code == 200
        for number in range(10):
            user = User.objects.create_user(f"{name} {number}")
            user.groups.add(Group.objects.create(name=f"{name} {number}"))
        with django_assert_num_queries(len(first)):
            assert administrator.get(url).status_code == 200


def test_permissions_are_ticked_and_one_that_is_not_offered_is_kept(
    administrator: Client,
) -> None:
    group = Group.objects.get(name=VIEWER)
    odd = Permission.objects.get(codename="add_session")
    group.permissions.add(odd)
    url = reverse("admin:auth_group_change", args=[group.pk])
    field = administrator.get(url).context["adminform"].form.fields["permissions"]
    offered = {permission.codename for permission in field.queryset}
    assert {"operate_delivery", "view_personal_data", "add_session"} <= offered
    assert "add_permission" not in offered
    assert "Can retry, discard and replay deliveries" in administrator.get(url).content.decode()

    kept = [permission.pk for permission in group.permissions.all()]
    administrator.post(url, {"name": group.name, "permissions": kept})

    assert {permission.pk for permission in group.permissions.all()} == set(kept)
    other = reverse("admin:auth_group_change", args=[Group.objects.get(name=OPERATOR).pk])
    field = administrator.get(other).context["adminform"].form.fields["permissions"]
    assert odd not in field.queryset


def test_the_page_before_a_deletion_lists_no_joining_rows(administrator: Client) -> None:
    group = Group.objects.get(name=OPERATOR)
    User.objects.create_user("tom").groups.add(group)
    url = reverse("admin:auth_group_delete", args=[group.pk])
    page = administrator.get(url).content.decode()
    assert "Operator" in page
    assert "relationship" not in page
    administrator.post(url, {"post": "yes"})
    assert not Group.objects.filter(name=OPERATOR).exists()


def test_a_breadcrumb_leaves_names_as_they_are(administrator: Client) -> None:
    user = User.objects.create_user("tom")
    page = administrator.get(reverse("admin:auth_user_change", args=[user.pk])).content.decode()
    assert ">tom</" in page
    assert ">Tom</" not in page
    assert ">Access</" in page
