"""Pages are in the language of the browser, German as well; ingest and the history have none."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from unittest import mock

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import OperationalError
from django.test import Client
from django.utils import translation

from accounts.roles import ROLES
from capi_project.language import LanguageMiddleware
from deliveries.engine.dispatch import deliver_batch
from deliveries.models import Refusal
from deliveries.phrases import group_digits
from pinterest_sandbox.sandbox import Sandbox
from tests.catalogues import german
from tests.deliveries.ingest.sender import basic
from tests.factories import make_deliveries, make_destination, make_source

BROWSER = {"accept-language": "de-DE,de;q=0.9,en;q=0.8"}
NOT_SHOWN = re.compile(r"<(script|style|pre|code|textarea)\b.*?</\1>", re.DOTALL)
OF_LIBRARIES = ("Save and", "Log out", "Search apps", "Skip to", "Change password", "Required")


@pytest.fixture
def german_client(admin_client: Client) -> Client:
    admin_client.defaults["HTTP_ACCEPT_LANGUAGE"] = BROWSER["accept-language"]
    return admin_client


@cache
def english_texts() -> list[str]:
    """Those that no translation contains, and some of Django's and django-unfold's."""
    translated = {form for entry in german() for form in entry.forms}
    own = (entry.key.text for entry in german() if len(entry.key.text) > 12)
    return [text for text in (*own, *OF_LIBRARIES) if text not in translated]


def english_in(page: str) -> list[str]:
    shown = NOT_SHOWN.sub(" ", page)
    return [
        text
        for text in english_texts()
        if text in shown and re.search(rf"(?<![\w“]){re.escape(text)}(?!\w)", shown)
    ]


def check_page(response: Any, title: str, status: int = 200) -> None:
    page = response.content.decode()
    found = re.search(r"<title>(.*?)</title>", page, re.DOTALL)
    said = (response.request["PATH_INFO"], response.status_code, english_in(page))
    assert said == (response.request["PATH_INFO"], status, [])
    assert '<html lang="de"' in page
    assert found is not None
    assert title in found[1]


@pytest.mark.django_db
def test_pages_are_german_for_a_german_browser(german_client: Client, sandbox: Sandbox) -> None:
    destination = make_destination(name="Pinterest 1")
    (delivery,) = make_deliveries(destination)
    deliver_batch(destination.pk)
    source = destination.sources.get()
    titles = {
        "/admin/": "Startseite",
        "/admin/deliveries/delivery/": "Zustellungen",
        f"/admin/deliveries/delivery/{delivery.pk}/change/": f"Zustellung {delivery.pk}",
        "/admin/deliveries/batch/": "Batches",
        "/admin/deliveries/refusal/": "Ungültige Events",
        f"/admin/destinations/destination/{destination.pk}/change/": "Pinterest 1",
        "/admin/destinations/destination/add/": "Ziel hinzufügen",
        f"/admin/destinations/source/{source.pk}/change/": source.name,
        "/admin/deliveries/bulkaction/": "Massenaktionen",
        "/admin/deliveries/bulkaction/new/replay/": "Zeitraum erneut verarbeiten",
        "/admin/deliveries/bulkaction/new/discard/?status=delivered": "Alle Treffer verwerfen",
        "/admin/auth/user/": "Benutzer",
        "/admin/auth/group/add/": "Gruppe",
        "/admin/two-factor/": "Zwei-Faktor-Authentifizierung",
    }
    for url, title in titles.items():
        check_page(german_client.get(url), title)


@pytest.mark.django_db
def test_signing_in_is_german() -> None:
    client = Client(headers=BROWSER)
    check_page(client.get("/admin/login/"), "Anmelden")
    wrong = client.post("/admin/login/", {"username": "x", "password": "y"})
    assert "Benutzername oder Passwort ist falsch." in wrong.content.decode()


@pytest.mark.django_db
def test_error_pages_are_german(german_client: Client) -> None:
    check_page(german_client.get("/admin/no/such/page/"), "Seite nicht gefunden", 404)
    other_host = german_client.get("/admin/", headers={"host": "other.example"})
    check_page(other_host, "Ungültige Anfrage", 400)
    careless = Client(enforce_csrf_checks=True, headers=BROWSER).post("/admin/login/", {})
    check_page(careless, "Formular abgelaufen", 403)
    german_client.raise_request_exception = False
    for error, title, status in (
        (RuntimeError(), "Etwas ist schiefgelaufen", 500),
        (OperationalError(), "Speicher nicht verfügbar", 503),
    ):
        with mock.patch("deliveries.admin.home.read_figures", side_effect=error):
            check_page(german_client.get("/admin/"), title, status)


@pytest.mark.django_db
def test_a_page_that_may_not_be_opened_is_german(django_user_model: Any) -> None:
    client = Client(headers=BROWSER)
    client.force_login(django_user_model.objects.create_user("mei", is_staff=True))
    check_page(client.get("/admin/auth/user/"), "Zugriff verweigert", 403)


@pytest.mark.django_db
def test_numbers_and_dates_are_german(german_client: Client, sandbox: Sandbox) -> None:
    destination = make_destination()
    make_deliveries(destination)
    deliver_batch(destination.pk)
    assert re.search(r"\b100\xa0%", german_client.get("/admin/").content.decode())
    log = german_client.get("/admin/deliveries/delivery/").content.decode()
    assert re.search(r"<span>\d\d\. \w{3,4} \d\d:\d\d:\d\d</span> <small>vor \d", log)
    with translation.override("de"):
        assert group_digits(12_408) == "12.408"
    with translation.override("en"):
        assert group_digits(12_408) == "12,408"


@pytest.mark.django_db
def test_what_roles_may_do_is_named_in_german() -> None:
    codenames = {name.partition(".")[2] for names in ROLES.values() for name in names}
    names = set(Permission.objects.filter(codename__in=codenames).values_list("name", flat=True))
    assert names
    with translation.override("de"):
        assert sorted(name for name in names if translation.gettext(name) == name) == []


# --- Which language, and for how long ------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "default", "shown"),
    [
        ("", "en", "en"),
        ("de", "en", "de"),
        ("de-AT", "en", "de"),
        ("fr;q=0.9,de;q=0.8,en;q=0.7", "en", "de"),
        ("en-GB,de;q=0.5", "de", "en"),
        ("fr", "en", "en"),
        ("fr", "de", "de"),
        ("../../etc", "en", "en"),
    ],
)
def test_a_page_is_in_the_language_that_the_browser_asks_for(
    settings: Any, asked: str, default: str, shown: str
) -> None:
    settings.LANGUAGE_CODE = default
    response = Client().get("/admin/login/", headers={"accept-language": asked})
    assert f'<html lang="{shown}"' in response.content.decode()
    assert response["Content-Language"] == shown
    assert "Accept-Language" in response["Vary"]


@pytest.mark.django_db
def test_the_language_ends_with_the_page(german_client: Client) -> None:
    before = translation.get_language()
    german_client.get("/admin/")
    assert translation.get_language() == before == "en"


@pytest.mark.django_db
def test_ingest_asks_for_no_language(german_client: Client) -> None:
    source = make_source()
    asked: list[str] = []
    real = LanguageMiddleware.__call__

    def note(middleware: LanguageMiddleware, request: Any) -> Any:
        asked.append(request.path)
        return real(middleware, request)

    with mock.patch.object(LanguageMiddleware, "__call__", note):
        assert german_client.get("/admin/").status_code == 200
        response = german_client.post(
            "/v1/track",
            '{"event": "x"}',
            content_type="application/json",
            headers={"authorization": basic(source.write_key)},
        )
        german_client.get("/health")
    assert asked == ["/admin/"]
    assert "Content-Language" not in response
    assert "Accept-Language" not in response.get("Vary", "")
    assert Refusal.objects.get().code == "missing_identity"


@pytest.mark.django_db
def test_the_history_stays_english(german_client: Client) -> None:
    (delivery,) = make_deliveries(make_destination())
    german_client.post("/admin/deliveries/bulkaction/new/discard/?status=pending")
    german_client.post(
        "/admin/deliveries/delivery/discard/", {"delivery": delivery.pk, "confirmed": "1"}
    )
    said = [f"{one.object_repr} {one.change_message}" for one in LogEntry.objects.all()]
    assert said
    assert [one for one in said if re.search("Zustellung|[Vv]erw|Alle", one)] == []
