"""Signing in: guessing is slowed down, sessions end, and pages carry their headers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.cache import BaseCache
from django.test import Client, override_settings
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisConnectionError

from accounts import throttle

pytestmark = pytest.mark.django_db
URL = "/admin/login/"


@pytest.fixture(autouse=True)
def somebody() -> User:
    return User.objects.create_user("somebody", password="right", is_staff=True)


def sign_in(password: str, name: str = "somebody", address: str = "203.0.113.1") -> str:
    response = Client().post(
        f"{URL}?next=/admin/", {"username": name, "password": password}, REMOTE_ADDR=address
    )
    if response.status_code == 302:
        return "in"
    assert response.status_code == 200
    text = " ".join(response.context["form"].non_field_errors())
    return "throttled" if "Too many attempts. Try again in 15 minutes" in text else "wrong"


def test_five_attempts_in_vain_and_even_the_right_password_must_wait() -> None:
    assert [sign_in("no") for _ in range(6)] == ["wrong"] * 5 + ["throttled"]
    assert sign_in("right") == "throttled"
    assert sign_in("right", name="SOMEBODY") == "throttled"


def test_the_same_person_gets_in_from_elsewhere() -> None:
    for _ in range(6):
        sign_in("no")
    assert sign_in("right", address="203.0.113.2") == "in"


def test_signing_in_resets_the_attempts_before() -> None:
    for _ in range(3):
        assert [sign_in("no") for _ in range(4)] == ["wrong"] * 4
        assert sign_in("right") == "in"


def test_the_wait_ends() -> None:
    with mock.patch.object(throttle, "WINDOW_SECONDS", 0.000001):
        assert [sign_in("no") for _ in range(8)] == ["wrong"] * 8


def test_an_address_that_tries_many_names_must_wait() -> None:
    found = [sign_in("no", name=f"name {number}") for number in range(51)]
    assert found == ["wrong"] * 50 + ["throttled"]
    assert sign_in("right") == "throttled"


def test_a_name_that_is_tried_from_many_addresses_must_wait() -> None:
    found = [sign_in("no", address=f"198.51.100.{number}") for number in range(101)]
    assert found == ["wrong"] * 100 + ["throttled"]


def test_one_household_with_ipv6_is_one_address() -> None:
    found = [sign_in("no", address=f"2001:db8::{number:x}") for number in range(1, 7)]
    assert found == ["wrong"] * 5 + ["throttled"]
    assert sign_in("right", address="2001:db8:0:1::1") == "in"


@override_settings(TRUSTED_PROXY_COUNT=1)
def test_behind_a_proxy_the_address_is_the_one_the_proxy_saw() -> None:
    def try_from(forwarded: str) -> str:
        response = Client().post(
            URL, {"username": "somebody", "password": "no"}, HTTP_X_FORWARDED_FOR=forwarded
        )
        return " ".join(response.context["form"].non_field_errors())

    answers = [try_from(f"10.0.0.{number}, 203.0.113.9") for number in range(6)]
    assert "Too many attempts" in answers[5]
    assert "Too many attempts" not in answers[4]
    assert "Too many attempts" not in try_from("203.0.113.10")


@override_settings(TRUSTED_PROXY_COUNT=1, TRUSTED_PROXY_HEADER="X-Real-IP")
def test_with_another_trusted_header_a_forged_one_brings_no_more_attempts() -> None:
    def try_from(forged: str) -> str:
        response = Client().post(
            URL,
            {"username": "somebody", "password": "no"},
            HTTP_X_REAL_IP="203.0.113.9",
            HTTP_X_FORWARDED_FOR=forged,
        )
        return " ".join(response.context["form"].non_field_errors())

    answers = [try_from(f"198.51.100.{number}") for number in range(6)]
    assert "Too many attempts" in answers[5]
    assert "Too many attempts" not in answers[4]


def test_while_redis_is_down_people_still_get_in() -> None:
    broken = mock.Mock(spec=BaseCache)
    broken.add.side_effect = broken.delete.side_effect = RedisConnectionError("down")
    with mock.patch.object(throttle, "_cache", return_value=broken):
        assert sign_in("right") == "in"
        assert sign_in("no") == "wrong"


def test_while_the_disk_is_full_people_still_get_in() -> None:
    full = mock.Mock(spec=BaseCache)
    full.add.side_effect = full.delete.side_effect = OSError(28, "No space left on device")
    with mock.patch.object(throttle, "_cache", return_value=full):
        assert sign_in("right") == "in"
        assert sign_in("no") == "wrong"


def test_attempts_at_the_same_moment_all_count() -> None:
    with ThreadPoolExecutor(16) as pool:
        let_through = list(pool.map(lambda _: throttle._use_attempt("login:test", 5), range(64)))
    assert let_through.count(True) == 5


def test_a_session_ends_some_hours_after_signing_in_however_busy_it_was(settings) -> None:
    client = Client()
    client.post(URL, {"username": "somebody", "password": "right"})
    ends = Session.objects.get().expire_date
    assert abs(ends - timezone.now() - timedelta(hours=12)) < timedelta(minutes=1)
    session = client.session
    session["something"] = "new"
    with mock.patch("django.utils.timezone.now", return_value=timezone.now() + timedelta(hours=6)):
        session.save()
    assert abs(Session.objects.get().expire_date - ends) < timedelta(seconds=1)
    assert client.get("/admin/").status_code == 200
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert client.get("/admin/").status_code == 302


@pytest.mark.parametrize("path", ["/admin/login/", "/admin/", "/api/docs/", "/nothing-here"])
def test_every_page_has_its_headers(path: str) -> None:
    headers = Client().get(path).headers
    policy = headers["Content-Security-Policy"]
    for part in ("default-src 'self'", "object-src 'none'", "frame-ancestors 'none'"):
        assert part in policy
    assert "script-src 'self'" in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
    assert "http" not in policy
    assert headers["Referrer-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["X-Frame-Options"] == "DENY"


def test_the_pages_say_sign_in_and_sign_out_as_the_project_does(admin_client: Client) -> None:
    page = Client().get(URL).content.decode()
    assert "Sign in" in page
    assert "Log in" not in page
    page = admin_client.get("/admin/").content.decode()
    assert "Sign out" in page
    assert "Log out" not in page
