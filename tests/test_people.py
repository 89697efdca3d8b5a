"""The pages of users, groups and history."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from capi_project.roles import ADMINISTRATOR, make_groups

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
        assert "stands in the history and is not deleted" in response.content.decode()
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
