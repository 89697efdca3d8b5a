"""One form for a new user, links to choose a password, and signing in by email."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts import links
from accounts.links import key_for, user_with
from accounts.roles import ADMINISTRATOR, OPERATOR, VIEWER, make_groups
from tests.accounts.test_roles import client_of
from tests.variables import BASE_DIR

pytestmark = pytest.mark.django_db

NEW = "a long enough passphrase"
CHOOSE = "/admin/password/choose/"
FORGOT = "/admin/password/forgot/"


@pytest.fixture
def boss() -> Client:
    return client_of(ADMINISTRATOR)


@pytest.fixture
def with_email(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """A mail server, and its emails at once."""
    settings.EMAIL_URL, settings.PUBLIC_URL = "smtp://mail.example", "https://relay.example"
    settings.DEFAULT_FROM_EMAIL = "relay@example.com"
    monkeypatch.setattr(links, "in_background", lambda work: work())


def invite(client: Client, **fields: Any) -> Any:
    role = Group.objects.get(name=fields.pop("role", OPERATOR)).pk
    posted = {"email": "Mina@Example.com", "name": "Mina Okafor", "role": role, **fields}
    return client.post(reverse("admin:auth_user_add"), posted, follow=True)


def link_in(response: Any) -> str:
    link = str(response.context["link"])
    assert link in response.content.decode()
    return link


def choose(key: str, password: str = NEW, client: Client | None = None) -> Any:
    fields = {"key": key, "new_password1": password, "new_password2": password}
    return (client or Client()).post(CHOOSE, fields)


def sign_in(name: str, password: str = NEW) -> Client:
    client = Client()
    client.post(reverse("admin:login"), {"username": name, "password": password})
    return client


def sees_the_log(client: Client) -> bool:
    return client.get(reverse("admin:deliveries_delivery_changelist")).status_code == 200


def test_email_name_and_role_are_all_it_takes_to_give_a_colleague_access(boss: Client) -> None:
    response = invite(boss)
    user = User.objects.get(email="mina@example.com")
    assert (user.username, user.get_full_name()) == ("mina@example.com", "Mina Okafor")
    assert [group.name for group in user.groups.all()] == [OPERATOR]
    link = link_in(response)
    assert link.startswith("http://testserver/admin/password/choose/#")
    done = choose(link.partition("#")[2])
    assert done["Location"] == reverse("admin:login")
    assert sees_the_log(sign_in("mina@example.com"))


def test_the_key_of_a_link_is_in_no_address_that_a_server_sees(boss: Client) -> None:
    link = link_in(invite(boss))
    address, _, key = link.partition("#")
    assert "-" in key
    assert "?" not in address
    assert address.endswith("/admin/password/choose/")
    assert key not in str(list(boss.session.items()))
    assert not LogEntry.objects.filter(change_message__contains=key).exists()


def test_a_link_works_once(boss: Client) -> None:
    key = link_in(invite(boss)).partition("#")[2]
    assert choose(key).status_code == 302
    again = choose(key, "another long passphrase")
    assert "already used, or it has expired" in again.content.decode()
    assert User.objects.get(username="mina@example.com").check_password(NEW)


def test_a_link_expires(boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    user = User.objects.create_user("mina", "mina@example.com")
    key = key_for(user)
    assert user_with(key) == user
    later = datetime.now() + timedelta(hours=links.LINK_HOURS, minutes=1)
    monkeypatch.setattr(links._KeyGenerator, "_now", lambda self: later)
    assert user_with(key) is None


@pytest.mark.parametrize(
    "key", ["", "x", "1", "1-", "-", "9" * 30 + "-x", "٣-x", "1-x-y", "\x00-x"]
)
def test_what_is_no_key_opens_nothing(key: str) -> None:
    User.objects.create_user("mina")
    assert "already used, or it has expired" in choose(key).content.decode()


def test_a_link_of_somebody_who_may_not_sign_in_opens_nothing() -> None:
    user = User.objects.create_user("mina", is_staff=True)
    key = key_for(user)
    User.objects.update(is_active=False)
    assert user_with(key) is None


def test_a_weak_password_is_refused_and_the_link_goes_on_working(boss: Client) -> None:
    key = link_in(invite(boss)).partition("#")[2]
    page = choose(key, "12345678").content.decode()
    assert "too common" in page
    assert f'value="{key}"' in page  # which the address no longer has
    assert choose(key).status_code == 302


def test_without_scripts_the_key_is_typed(boss: Client) -> None:
    key = link_in(invite(boss)).partition("#")[2]
    fields = {"key": ["", f" {key} "], "new_password1": NEW, "new_password2": NEW}
    assert Client().post(CHOOSE, fields).status_code == 302


def test_a_link_is_shown_once_and_each_one_stands_in_the_history(boss: Client) -> None:
    user = User.objects.create_user("tom", "tom@example.com", "x", is_staff=True)
    url = reverse("admin:auth_user_link", args=[user.pk])
    assert boss.get(url).context["link"] == ""
    response = boss.post(url, {"do": "link"}, follow=True)
    key = link_in(response).partition("#")[2]
    assert boss.get(url).context["link"] == ""
    said = LogEntry.objects.get(object_id=user.pk).get_change_message()
    assert said == "Created a link to choose a password."
    assert user.check_password("x")
    assert choose(key).status_code == 302
    assert sees_the_log(sign_in("tom", "x")) is False


def test_choosing_a_password_ends_the_sessions_of_the_old_one(boss: Client) -> None:
    make_groups()
    user = User.objects.create_user("tom", "tom@example.com", "x", is_staff=True)
    user.groups.add(Group.objects.get(name=VIEWER))
    old = sign_in("tom", "x")
    assert sees_the_log(old)
    user.refresh_from_db()
    choose(key_for(user))
    assert not sees_the_log(old)
    assert sees_the_log(sign_in("tom"))


def test_nobody_makes_a_link_for_themselves(boss: Client) -> None:
    own = User.objects.get(pk=boss.session["_auth_user_id"])
    response = boss.post(reverse("admin:auth_user_link", args=[own.pk]), {"do": "link"})
    assert response["Location"] == reverse("admin:password_change")


@pytest.mark.usefixtures("with_email")
def test_an_invitation_is_emailed_where_there_is_a_mail_server(boss: Client) -> None:
    response = invite(boss)
    (message,) = mail.outbox
    assert message.to == ["mina@example.com"]
    assert message.from_email == "relay@example.com"
    (link,) = [line for line in message.body.splitlines() if line.startswith("https://")]
    assert link.startswith("https://relay.example/admin/password/choose/#")
    assert "The link was sent to mina@example.com." in response.content.decode()
    assert choose(link.partition("#")[2]).status_code == 302


@pytest.mark.usefixtures("with_email")
def test_who_forgot_a_password_gets_a_link_by_email() -> None:
    User.objects.create_user("tom", "tom@example.com", "x", is_staff=True)
    client = Client(HTTP_HOST="localhost")
    answer = client.post(FORGOT, {"email": "TOM@example.com"})
    link = next(line for line in mail.outbox[0].body.splitlines() if "://" in line)
    assert link.startswith("https://relay.example/")  # never what a request calls the server
    assert choose(link.partition("#")[2]).status_code == 302
    unknown = Client().post(FORGOT, {"email": "nobody@example.com"})
    assert len(mail.outbox) == 1
    for response in (answer, unknown):
        assert "If a user has this email address" in response.content.decode()


@pytest.mark.usefixtures("with_email")
def test_nobody_is_flooded_with_emails() -> None:
    User.objects.create_user("tom", "tom@example.com", "x", is_staff=True)
    answers = [Client().post(FORGOT, {"email": "tom@example.com"}) for _ in range(8)]
    assert len(mail.outbox) == 5
    assert "Too many attempts" in answers[-1].content.decode()


@pytest.mark.usefixtures("with_email")
def test_who_may_not_sign_in_gets_no_email() -> None:
    User.objects.create_user("a", "a@example.com", "x", is_staff=True, is_active=False)
    User.objects.create_user("b", "b@example.com", "x")
    for email in ("a@example.com", "b@example.com"):
        Client().post(FORGOT, {"email": email})
    assert mail.outbox == []


def test_without_a_mail_server_the_page_says_whom_to_ask() -> None:
    page = Client().get(FORGOT).content.decode()
    assert "Ask an administrator for a link" in page
    assert "<form" not in page
    assert FORGOT in Client().get(reverse("admin:login")).content.decode()


def test_a_mail_server_that_fails_is_said_in_the_log_without_an_address(
    settings: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_URL, settings.PUBLIC_URL = "smtp://127.0.0.1:1", "https://relay.example"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    threads: list[threading.Thread] = []
    background = links.in_background
    monkeypatch.setattr(links, "in_background", lambda work: threads.append(background(work)))
    User.objects.create_user("tom", "tom@example.com", "x", is_staff=True)
    assert Client().post(FORGOT, {"email": "tom@example.com"}).status_code == 200
    threads[0].join()
    assert "Can't send an email: ConnectionRefusedError." in caplog.text
    assert "tom@example.com" not in caplog.text


def test_signing_in_takes_the_email_address_in_any_case() -> None:
    make_groups()
    user = User.objects.create_user("tom", "Tom@example.com", "x", is_staff=True)
    user.groups.add(Group.objects.get(name=VIEWER))
    assert sees_the_log(sign_in("tom@EXAMPLE.com", "x"))
    assert sees_the_log(sign_in("tom", "x"))
    User.objects.create_user("other", "tom@example.com", "y", is_staff=True)
    assert not sees_the_log(sign_in("tom@example.com", "x"))  # whose, nobody knows


@pytest.mark.parametrize("taken", ["MINA@example.com", "mina@example.com"])
def test_an_address_is_given_once(boss: Client, taken: str) -> None:
    invite(boss)
    page = invite(boss, email=taken).content.decode()
    assert "There is a user with this email address." in page
    assert User.objects.filter(email__iexact=taken).count() == 1


def form_of(user: User, **fields: Any) -> dict[str, Any]:
    return {"username": user.username, "email": user.email, "name": user.get_full_name(), **fields}


def test_who_is_active_can_sign_in_whatever_staff_status_was(boss: Client) -> None:
    user = User.objects.create_user("tom", "tom@example.com", "x")  # by a script, say
    url = reverse("admin:auth_user_change", args=[user.pk])
    page = boss.get(url)
    assert "Staff status" not in page.content.decode()
    assert page.context["adminform"].form.initial["is_active"] is False
    role = Group.objects.get(name=VIEWER).pk
    boss.post(url, form_of(user, role=role))
    assert not sees_the_log(sign_in("tom", "x"))  # nothing was ticked
    boss.post(url, form_of(user, role=role, is_active="on"))
    assert sees_the_log(sign_in("tom", "x"))


def test_a_change_of_role_is_told_with_before_and_after(boss: Client) -> None:
    user = User.objects.create_user("tom", "tom@example.com", "x", is_staff=True)
    user.groups.add(Group.objects.get(name=VIEWER))
    url = reverse("admin:auth_user_change", args=[user.pk])
    role = Group.objects.get(name=OPERATOR).pk
    boss.post(url, form_of(user, role=role, is_active="on", name="Tom Brandt"))
    user.refresh_from_db()
    assert [group.name for group in user.groups.all()] == [OPERATOR]
    assert user.get_full_name() == "Tom Brandt"
    said = LogEntry.objects.latest("pk").get_change_message()
    assert "“Viewer” → “Operator”" in said
    assert "Tom Brandt" in said


def test_who_has_several_roles_keeps_them(boss: Client) -> None:
    user = User.objects.create_user("tom", "tom@example.com", "x", is_staff=True)
    chosen = list(Group.objects.filter(name__in=(VIEWER, OPERATOR)))
    user.groups.set(chosen)
    url = reverse("admin:auth_user_change", args=[user.pk])
    assert "role" not in boss.get(url).context["adminform"].form.fields
    boss.post(url, form_of(user, is_active="on", groups=[group.pk for group in chosen]))
    assert set(user.groups.all()) == set(chosen)


def test_a_first_and_last_name_stay_as_they_are_until_the_name_is_changed(boss: Client) -> None:
    user = User.objects.create_user("tom", first_name="Tom", last_name="Brandt", is_staff=True)
    url = reverse("admin:auth_user_change", args=[user.pk])
    boss.post(url, form_of(user, is_active="on"))
    user.refresh_from_db()
    assert (user.first_name, user.last_name) == ("Tom", "Brandt")


def test_home_explains_itself_to_somebody_without_a_role() -> None:
    page = client_of("").get(reverse("admin:index")).content.decode()
    assert "You have no role yet" in page
    assert "Get started" not in page
    assert "You have no role yet" not in client_of(VIEWER).get("/admin/").content.decode()


def test_the_list_says_who_was_invited_and_who_may_not_sign_in(boss: Client) -> None:
    invite(boss)
    User.objects.create_user("tom", password="x")
    page = boss.get(reverse("admin:auth_user_changelist")).content.decode()
    assert "Invited" in page
    assert "Can&#x27;t sign in" in page or "Can't sign in" in page


def test_somebody_who_may_only_look_sees_a_user(boss: Client) -> None:
    reader = User.objects.create_user("reader", password="x", is_staff=True)
    group = Group.objects.create(name="Readers")
    group.permissions.add(
        *Group.objects.get(name=ADMINISTRATOR).permissions.filter(codename="view_user")
    )
    reader.groups.add(group)
    client = Client()
    client.force_login(reader)
    response = client.get(reverse("admin:auth_user_change", args=[reader.pk]))
    assert response.status_code == 200
    assert "Readers" in response.content.decode()


def test_a_link_is_valid_for_three_days() -> None:
    assert links.LINK_HOURS == 72
    assert settings.PASSWORD_RESET_TIMEOUT == 72 * 3600
    assert "72 hours" in (BASE_DIR / "docs" / "operations.md").read_text("utf-8")
