"""The page of an error with DEBUG says where it happened, and gives away nothing."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from django.conf import settings
from django.test import Client, override_settings

pytestmark = pytest.mark.django_db
DATABASE = "postgres://relay:sesame%2Fdb@db.example/relay"
REDIS = "redis://:sesame-redis@cache.example/0"
SECRETS = (
    "sesame%2Fdb",
    "sesame/db",
    "sesame-redis",
    "sesame-key",
    "sesame-fernet",
    "sesame-variable",
    "sesame-posted",
    "sesame-query",
    "sesame-cookie",
    "sesame-header",
)


@pytest.fixture
def debugging() -> Any:
    caches = {"default": {**settings.CACHES["default"], "LOCATION": REDIS}}
    databases = {"default": {"PASSWORD": "sesame/db", "OPTIONS": {"service": DATABASE}}}
    with (
        mock.patch.object(settings, "DATABASES", databases),
        mock.patch.object(settings, "CACHES", {**settings.CACHES, "other": caches["default"]}),
        override_settings(
            DEBUG=True,
            DATABASE_URL=DATABASE,
            REDIS_URL=REDIS,
            CELERY_BROKER_URL=REDIS,
            SECRET_KEY_FALLBACKS=["sesame-key"],
            TOKEN_ENCRYPTION_KEYS=["sesame-fernet"],
        ),
    ):
        yield


def broken(request: Any, *_: object, **__: object) -> None:
    token = {"conversion_token": "-".join(("sesame", "variable"))}  # the page shows this line
    posted, asked = request.POST, request.GET
    raise RuntimeError(f"Not at {settings.DATABASE_URL}.", len(token), len(posted) + len(asked))


@pytest.mark.parametrize("accept", ["text/html", "text/plain"])
def test_it_shows_no_secret(client: Client, debugging: None, accept: str) -> None:
    client.raise_request_exception = False
    client.cookies["sessionid"] = "sesame-cookie-session"
    client.cookies["own"] = "sesame-cookie"
    with mock.patch("capi_project.headers.PageHeadersMiddleware.__call__", autospec=True) as call:
        call.side_effect = lambda _, request: broken(request)
        response = client.post(
            "/admin/login/?writeKey=sesame-query",
            {"username": "ann", "password": "sesame-posted"},
            HTTP_AUTHORIZATION="Basic sesame-header",
            HTTP_REFERER="https://relay.example/?q=sesame-query",
            HTTP_ACCEPT=accept,
        )
    page = response.content.decode()
    assert response.status_code == 500
    assert ("<html" in page) is (accept == "text/html")
    assert all(part in page for part in ("RuntimeError", "/admin/login/", "test_debug_page.py"))
    assert "db.example/relay" in page  # hidden is the password alone
    assert [secret for secret in SECRETS if secret in page] == []
    assert settings.SECRET_KEY not in page


def test_too_many_parameters_are_still_a_bad_request(client: Client, debugging: None) -> None:
    many = "&".join(f"a{number}=1" for number in range(1001))
    response = client.generic("POST", "/admin/login/", many, "application/x-www-form-urlencoded")
    assert response.status_code == 400
    assert "TooManyFieldsSent" in response.content.decode()


def test_a_page_that_is_not_there_shows_no_secret(client: Client, debugging: None) -> None:
    page = client.get("/nowhere/").content.decode()
    assert "Using the URLconf defined in" in page
    assert [secret for secret in SECRETS if secret in page] == []
