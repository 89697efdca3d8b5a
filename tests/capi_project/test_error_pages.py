"""Pages that say no: in the product's look, with words that help, whatever is broken."""

from __future__ import annotations

import errno
from unittest import mock

import pytest
from django.contrib.auth.models import Group, User
from django.db import InterfaceError, OperationalError
from django.test import Client

from accounts.roles import VIEWER, make_groups

pytestmark = pytest.mark.django_db


def test_a_page_that_is_not_there(admin_client: Client) -> None:
    response = admin_client.get("/admin/no/such/page/")
    assert response.status_code == 404
    assert "We couldn't find this page" in response.content.decode()
    assert "relay/message.css" in response.content.decode()


def test_a_page_that_a_viewer_may_not_open() -> None:
    make_groups()
    viewer = User.objects.create_user("mei", is_staff=True)
    viewer.groups.add(Group.objects.get(name=VIEWER))
    client = Client()
    client.force_login(viewer)
    response = client.get("/admin/auth/user/")
    assert response.status_code == 403
    assert "You're signed in as “mei”" in response.content.decode()


def test_a_form_without_its_token_changes_nothing_and_says_so() -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post("/admin/login/", {"username": "x", "password": "y"})
    assert response.status_code == 403
    assert "Nothing was changed." in response.content.decode()


def test_a_host_name_that_is_not_allowed(admin_client: Client) -> None:
    response = admin_client.get("/admin/", headers={"host": "other.example"})
    assert response.status_code == 400
    assert "add it to ALLOWED_HOSTS" in response.content.decode()


def test_a_page_that_breaks_needs_no_database_to_say_so(admin_client: Client) -> None:
    admin_client.raise_request_exception = False
    with mock.patch("deliveries.admin.home.read_figures", side_effect=RuntimeError("secret words")):
        response = admin_client.get("/admin/")
    assert response.status_code == 500
    assert "Something went wrong on our side" in response.content.decode()
    assert "secret words" not in response.content.decode()


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("database or disk is full"),
        InterfaceError("connection already closed"),
        OSError(errno.ENOSPC, "No space left on device: secret words"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError(errno.EROFS, "Read-only file system"),
    ],
)
def test_a_page_that_breaks_for_lack_of_room_says_so(
    admin_client: Client, error: Exception
) -> None:
    admin_client.raise_request_exception = False
    with mock.patch("deliveries.admin.home.read_figures", side_effect=error):
        response = admin_client.get("/admin/")
    assert (response.status_code, response["Retry-After"]) == (503, "30")
    assert "Data can't be stored right now" in response.content.decode()
    assert "secret words" not in response.content.decode()
