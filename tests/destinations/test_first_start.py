"""What an empty installation is given, and that one in use is left alone."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import call_command

from destinations.first_start import (
    DEMO_WRITE_KEY,
    create_demo,
    create_first_admin,
    has_demo_source,
    replace_demo_key,
)
from destinations.models import Destination, Source
from tests.factories import make_destination, make_source

pytestmark = pytest.mark.django_db


def test_the_first_admin_gets_a_random_password_that_works() -> None:
    admin = create_first_admin({})
    assert admin.username == "admin"
    assert len(admin.password) >= 16
    user = authenticate(username="admin", password=admin.password)
    assert (user.is_superuser, user.is_staff) == (True, True)


def test_the_environment_may_name_the_first_admin_and_its_password_is_not_repeated() -> None:
    admin = create_first_admin(
        {
            "DJANGO_SUPERUSER_USERNAME": "ada",
            "DJANGO_SUPERUSER_PASSWORD": "sesame-9",
            "DJANGO_SUPERUSER_EMAIL": "ada@example.com",
        }
    )
    assert (admin.username, admin.password) == ("ada", "")
    assert authenticate(username="ada", password="sesame-9").email == "ada@example.com"


def test_where_there_is_an_admin_no_password_is_changed() -> None:
    get_user_model().objects.create_superuser("root", "", "old-password-1")
    assert create_first_admin({"DJANGO_SUPERUSER_USERNAME": "root"}) is None
    assert authenticate(username="root", password="old-password-1") is not None
    assert get_user_model().objects.count() == 1


def test_an_empty_database_gets_a_source_that_sends_to_the_sandbox() -> None:
    assert create_demo(is_private=True) == DEMO_WRITE_KEY
    source = Source.objects.get()
    assert (source.name, source.write_key) == ("Demo shop", "demo-write-key")
    destination = source.destinations.get()
    assert (destination.name, destination.service) == ("Pinterest sandbox", "sandbox")
    destination.full_clean()
    assert has_demo_source() is True


def test_where_others_can_send_the_write_key_is_a_random_one() -> None:
    write_key = create_demo(is_private=False)
    assert len(write_key) == 27
    assert Source.objects.get().write_key == write_key
    assert has_demo_source() is False


def test_a_server_that_others_can_reach_from_now_on_gets_another_demo_key() -> None:
    create_demo(is_private=True)
    write_key = replace_demo_key()
    assert len(write_key) == 27
    assert Source.objects.get().write_key == write_key
    assert has_demo_source() is False
    assert replace_demo_key() == ""
    assert Source.objects.get().write_key == write_key


def test_a_demo_key_that_a_real_ad_account_may_live_on_is_not_taken_away() -> None:
    create_demo(is_private=True)
    make_destination(sources=[Source.objects.get()], service="pinterest")
    assert replace_demo_key() == ""
    assert has_demo_source() is True


def test_a_second_start_adds_nothing() -> None:
    assert create_demo(is_private=True) == DEMO_WRITE_KEY
    assert create_demo(is_private=True) == ""
    assert (Source.objects.count(), Destination.objects.count()) == (1, 1)


@pytest.mark.parametrize("make", [make_source, lambda: make_destination(sources=[])])
def test_a_database_with_anything_in_it_gets_no_demo(make) -> None:
    make()
    assert create_demo(is_private=True) == ""
    assert has_demo_source() is False


def test_the_command_tells_what_it_made_and_the_second_time_says_nothing() -> None:
    first, second = StringIO(), StringIO()
    call_command("first_start", stdout=first)
    call_command("first_start", stdout=second)
    assert first.getvalue().startswith("Created the admin admin, password: ")
    write_key = Source.objects.get().write_key
    assert first.getvalue().endswith(f"Created the demo source (write key {write_key}).\n")
    assert write_key != DEMO_WRITE_KEY
    assert second.getvalue() == ""


def test_the_command_can_leave_out_the_demo() -> None:
    call_command("first_start", "--no-demo", stdout=StringIO())
    assert not Source.objects.exists()
