"""Two-factor authentication: turned on by a person, asked for at sign-in, and never got around."""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from io import StringIO
from unittest import mock

import pytest
from cryptography.fernet import Fernet
from django.contrib.admin.models import LogEntry
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import Group, User
from django.core import serializers
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import totp

from accounts import throttle, two_factor
from accounts.models import TwoFactor
from accounts.roles import ADMINISTRATOR, OPERATOR, make_groups
from accounts.two_factor import MAX_WRONG, WRONG_WINDOW, CodeCheck, check_code

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
CODE = "/admin/login/code/"
OWN = "/admin/two-factor/"
SET_UP = "/admin/two-factor/set-up/"
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"""RFC 6238's test secret, "12345678901234567890"."""


@pytest.fixture
def person() -> User:
    return User.objects.create_user("somebody", password="right", is_staff=True)


def code_at(offset_seconds: int = 0, secret: str = SECRET) -> str:
    """The code of now, or of ``offset_seconds`` later."""
    return f"{totp(base64.b32decode(secret), t0=-offset_seconds):06}"


def enable(user: User, recovery_codes: tuple[str, ...] = ("abcd-efgh-ijkl-mnop",)) -> TwoFactor:
    return TwoFactor.objects.create(
        user=user, secret=SECRET, recovery_digests=two_factor._digests(recovery_codes)
    )


def give_password(client: Client, password: str = "right", next_url: str = "/admin/") -> str:
    response = client.post(
        f"{LOGIN}?next={next_url}", {"username": "somebody", "password": password}
    )
    return response.headers.get("Location", "")


def give_code(client: Client, code: str) -> str:
    """Where it led to, or what the page said."""
    response = client.post(f"{CODE}?next=/admin/password_change/", {"code": code})
    if response.status_code == 302:
        return response["Location"]
    return " ".join(response.context["form"].errors["code"])


def is_signed_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def test_the_codes_are_those_of_the_standard() -> None:
    at_59_seconds = timezone.datetime(1970, 1, 1, 0, 0, 59, tzinfo=timezone.get_current_timezone())
    assert two_factor._step_of(SECRET, "287082", -1, at_59_seconds) == 1  # RFC 6238, appendix B
    assert two_factor._step_of(SECRET, "287083", -1, at_59_seconds) is None


def test_a_person_turns_it_on_and_sees_ten_recovery_codes_once(person: User) -> None:
    client, other = Client(), Client()
    client.force_login(person)
    other.force_login(person)
    page = client.get(SET_UP).content.decode()
    secret = re.search(r'id="two-factor-secret">([A-Z2-7 ]+)<', page)[1].replace(" ", "")
    assert len(base64.b32decode(secret)) == 20
    assert "<svg" in page
    assert "http" not in re.search(r"<svg.*?</svg>", page, re.DOTALL)[0]
    assert secret in client.get(SET_UP).content.decode().replace(" ", "")  # the same on every look

    assert client.post(SET_UP, {"code": "000000"}).status_code == 200
    assert not TwoFactor.objects.exists()
    before = client.session.session_key
    page = client.post(SET_UP, {"code": code_at(secret=secret)}).content.decode()
    codes = re.findall(r"\b[a-z2-7]{4}(?:-[a-z2-7]{4}){3}\b", page)
    assert len(set(codes)) == 10
    assert client.session.session_key != before
    assert is_signed_in(client)
    assert not is_signed_in(other)  # it lacks the second factor
    for url in (OWN, SET_UP):
        again = client.get(url, follow=True).content.decode()
        assert secret not in again.replace(" ", "")
        assert not any(code in again for code in codes)
    assert [str(entry.get_change_message()) for entry in LogEntry.objects.all()] == [
        "Two-factor authentication turned on."
    ]


def test_signing_in_asks_for_the_code_and_only_then_signs_in(person: User) -> None:
    enable(person)
    client = Client()
    assert give_password(client, next_url="/admin/password_change/").startswith(f"{CODE}?next=")
    assert SESSION_KEY not in client.session
    assert not is_signed_in(client)
    before = client.session.session_key
    assert "code is incorrect" in give_code(client, "000000")
    assert not is_signed_in(client)
    assert give_code(client, code_at()) == "/admin/password_change/"
    assert is_signed_in(client)
    assert client.session.session_key != before


def test_who_has_not_turned_it_on_signs_in_as_before(person: User) -> None:
    client = Client()
    assert give_password(client) == "/admin/"
    assert is_signed_in(client)


def test_a_session_without_the_code_reaches_nothing(person: User) -> None:
    enable(person)
    client = Client()
    client.force_login(person)
    for url in ("/admin/", OWN, SET_UP, "/admin/password_change/", "/admin/jsi18n/"):
        client.force_login(person)
        response = client.get(url)
        assert response.status_code == 302, url
        assert response["Location"].startswith(LOGIN), url


def test_the_code_page_leads_back_without_a_password_and_after_a_while(person: User) -> None:
    enable(person)
    assert Client().get(CODE)["Location"] == LOGIN
    client = Client()
    give_password(client)
    with mock.patch("accounts.sign_in.time.time", return_value=timezone.now().timestamp() + 301):
        assert client.post(CODE, {"code": code_at()})["Location"] == LOGIN
    assert not is_signed_in(client)


def test_a_password_that_was_changed_meanwhile_is_asked_for_again(person: User) -> None:
    enable(person)
    client = Client()
    give_password(client)
    person.set_password("another")
    person.save()
    assert client.post(CODE, {"code": code_at()})["Location"] == LOGIN
    assert not is_signed_in(client)


def test_the_next_page_is_one_of_this_server(person: User) -> None:
    enable(person)
    client = Client()
    give_password(client)
    response = client.post(f"{CODE}?next=https://evil.example/", {"code": code_at()})
    assert response["Location"] == "/admin/"


def test_a_code_counts_once(person: User) -> None:
    enable(person)
    code = code_at()
    first, second = Client(), Client()
    for client in (first, second):
        give_password(client)
    assert give_code(first, code) == "/admin/password_change/"
    assert "already used" in give_code(second, code)
    assert give_code(second, code_at(30)) == "/admin/password_change/"  # the next one


@pytest.mark.parametrize("typed", ["ABCD EFGH IJKL MNOP", "abcdefghijklmnop"])
def test_a_recovery_code_signs_in_once_however_it_is_typed(person: User, typed: str) -> None:
    enable(person, ("abcd-efgh-ijkl-mnop", "aaaa-aaaa-aaaa-aaaa"))
    first, second = Client(), Client()
    for client in (first, second):
        give_password(client)
    assert give_code(first, typed) == "/admin/password_change/"
    assert "1 recovery code left" in first.get("/admin/").content.decode()
    assert "already used" in give_code(second, typed)


def test_codes_are_throttled_together_with_passwords(person: User) -> None:
    enable(person)
    client = Client()
    give_password(client)
    found = [give_code(client, "000000") for _ in range(5)]
    assert ["Too many attempts. Try again in 15 minutes" in words for words in found] == [
        False
    ] * 4 + [True]
    assert "Too many attempts" in give_code(client, code_at())
    assert give_password(Client()) == ""  # the right password must wait as well


def test_the_right_password_alone_resets_no_attempts(person: User) -> None:
    enable(person)
    for _ in range(4):
        give_password(Client(), "wrong")
    assert give_password(Client()) != ""
    assert give_password(Client()) == ""


def test_guessing_codes_ends_even_where_no_attempts_can_be_counted(person: User) -> None:
    row = enable(person)
    now = timezone.now()
    checks = [check_code(person.pk, "000000", now) for _ in range(MAX_WRONG + 1)]
    assert checks == [CodeCheck.WRONG] * MAX_WRONG + [CodeCheck.TOO_MANY]
    assert check_code(person.pk, code_at(), now) is CodeCheck.TOO_MANY
    later = now + WRONG_WINDOW
    assert check_code(person.pk, "abcd-efgh-ijkl-mnop", later) is CodeCheck.RIGHT
    row.refresh_from_db()
    assert row.wrong_count == 0


def signed_in_with_it(person: User) -> Client:
    enable(person)
    client = Client()
    give_password(client)
    give_code(client, code_at())
    return client


@pytest.mark.parametrize(
    ("password", "is_code_right"), [("wrong", True), ("right", False)], ids=["password", "code"]
)
def test_turning_it_off_takes_both(person: User, password: str, is_code_right: bool) -> None:
    client = signed_in_with_it(person)
    code = code_at(30) if is_code_right else "000000"
    page = client.post(OWN, {"verb": "off", "password": password, "code": code}).content.decode()
    assert "Incorrect password or code" in page
    assert TwoFactor.objects.exists()


def test_turning_it_off(person: User) -> None:
    client = signed_in_with_it(person)
    client.post(OWN, {"verb": "off", "password": "right", "code": code_at(30)})
    assert not TwoFactor.objects.exists()
    assert is_signed_in(client)
    assert give_password(Client()) == "/admin/"
    assert (
        str(LogEntry.objects.get().get_change_message()) == "Two-factor authentication turned off."
    )


def test_new_recovery_codes_take_the_place_of_the_old_ones(person: User) -> None:
    client = signed_in_with_it(person)
    page = client.post(OWN, {"verb": "renew", "password": "right", "code": code_at(30)})
    codes = re.findall(r"\b[a-z2-7]{4}(?:-[a-z2-7]{4}){3}\b", page.content.decode())
    now = timezone.now()
    assert check_code(person.pk, "abcd-efgh-ijkl-mnop", now) is CodeCheck.WRONG
    assert [check_code(person.pk, code, now) for code in codes] == [CodeCheck.RIGHT] * 10


def test_an_administrator_switches_it_off_for_somebody_else_and_history_tells(person: User) -> None:
    enable(person)
    make_groups()
    for role in (OPERATOR, ADMINISTRATOR):
        user = User.objects.create_user(role, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client = Client()
        client.force_login(user)
        url = reverse("admin:auth_user_two_factor_off", args=[person.pk])
        if role == OPERATOR:
            assert client.post(url).status_code == 403
            assert TwoFactor.objects.exists()
        else:
            assert (
                url
                in client.get(reverse("admin:auth_user_change", args=[person.pk])).content.decode()
            )
            assert "Turn it off" in client.get(url).content.decode()
            assert TwoFactor.objects.exists()
            client.post(url)
            assert not TwoFactor.objects.exists()
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.object_repr) == (ADMINISTRATOR, "somebody")
    assert str(entry.get_change_message()) == "Two-factor authentication turned off for this user."


def test_one_s_own_cannot_be_switched_off_without_password_and_code() -> None:
    boss = User.objects.create_superuser("somebody", password="right")
    client = signed_in_with_it(boss)
    response = client.post(reverse("admin:auth_user_two_factor_off", args=[boss.pk]))
    assert response["Location"] == OWN
    assert TwoFactor.objects.exists()


def test_the_command_line_switches_it_off_as_well(person: User) -> None:
    enable(person)
    output = StringIO()
    call_command("two_factor_off", "somebody", stdout=output)
    call_command("two_factor_off", "somebody", stdout=output)
    assert output.getvalue() == "Two-factor authentication is off now.\nIt was already off.\n"


@override_settings(REQUIRE_TWO_FACTOR=True)
def test_where_it_is_required_nothing_else_is_reached_without_it(person: User) -> None:
    client = Client()
    assert give_password(client) == "/admin/"
    for url in ("/admin/", "/admin/deliveries/delivery/", "/admin/password_change/"):
        assert client.get(url)["Location"] == SET_UP
    page = client.get(SET_UP).content.decode()
    assert "Set it up to continue" in page
    secret = re.search(r'id="two-factor-secret">([A-Z2-7 ]+)<', page)[1].replace(" ", "")
    client.post(SET_UP, {"code": code_at(0, secret)})
    assert is_signed_in(client)
    assert "Turn it off" not in client.get(OWN).content.decode()
    client.post(OWN, {"verb": "off", "password": "right", "code": code_at(30, secret)})
    assert TwoFactor.objects.exists()


def test_no_secret_can_be_read_in_dumps_or_in_the_database_or_on_pages(person: User) -> None:
    enable(person)
    row = TwoFactor.objects.get()
    dump = serializers.serialize("json", [row])
    stored = TwoFactor.objects.values().get()
    for text in (dump, str(stored), repr(row.secret), str(row)):
        assert SECRET not in text
        assert "abcd" not in text
    admin_client = Client()
    admin_client.force_login(User.objects.create_superuser("root"))
    for url in ("/admin/", reverse("admin:auth_user_change", args=[person.pk])):
        assert row.secret.ciphertext not in admin_client.get(url).content.decode()


def test_the_secret_is_under_the_newest_key_after_reencrypting(person: User, settings) -> None:
    enable(person)
    new = Fernet.generate_key().decode()
    settings.TOKEN_ENCRYPTION_KEYS = [new, *settings.TOKEN_ENCRYPTION_KEYS]
    call_command("reencrypt_tokens", stdout=StringIO())
    settings.TOKEN_ENCRYPTION_KEYS = [new]
    assert check_code(person.pk, code_at(), timezone.now()) is CodeCheck.RIGHT


def test_with_the_key_lost_a_recovery_code_still_signs_in(person: User, settings) -> None:
    enable(person)
    settings.TOKEN_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert check_code(person.pk, code_at(), timezone.now()) is CodeCheck.WRONG
    assert check_code(person.pk, "abcd-efgh-ijkl-mnop", timezone.now()) is CodeCheck.RIGHT


def test_the_gate_costs_a_page_no_query(person: User, django_assert_num_queries) -> None:
    client = signed_in_with_it(person)
    with django_assert_num_queries(2):  # the session, and the person with the second factor
        assert client.get("/admin/jsi18n/").status_code == 200


def test_the_wait_of_the_throttle_ends(person: User) -> None:
    enable(person)
    with mock.patch.object(throttle, "WINDOW_SECONDS", 0.000001):
        client = Client()
        give_password(client)
        for _ in range(6):
            assert "code is incorrect" in give_code(client, "000000")
    assert TwoFactor.objects.get().wrong_since > timezone.now() - timedelta(minutes=1)
