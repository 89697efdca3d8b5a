"""With HTTPS_ONLY nothing but probes is answered without TLS, as far as that can be known."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.http import HttpResponse
from django.test import Client, override_settings

from deliveries.models import Event
from tests.deliveries.ingest.sender import WRITE_KEY, basic
from tests.factories import make_source

pytestmark = pytest.mark.django_db
PROXY_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
PUBLIC = "93.184.216.34"
CLEAR = (
    {"TRUSTED_PROXY_COUNT": 0, "REMOTE_ADDR": PUBLIC},
    {"TRUSTED_PROXY_COUNT": 0, "said": "http"},
)
CLEAR += ({"TRUSTED_PROXY_COUNT": 1, "said": "http"}, {"TRUSTED_PROXY_COUNT": 1, "said": "HTTP"})
UNKNOWN_OR_SECURE = (
    {"TRUSTED_PROXY_COUNT": 0},  # the own machine or network: what ends TLS there may be silent
    {"TRUSTED_PROXY_COUNT": 0, "REMOTE_ADDR": "10.0.0.7"},
    {"TRUSTED_PROXY_COUNT": 0, "REMOTE_ADDR": "fd00::7"},
    {"TRUSTED_PROXY_COUNT": 1},  # a proxy that says nothing
    {"TRUSTED_PROXY_COUNT": 1, "said": "https"},
    {"TRUSTED_PROXY_COUNT": 0, "said": "https"},  # one that nobody counted
    {"TRUSTED_PROXY_COUNT": 0, "HTTP_X_FORWARDED_FOR": "203.0.113.9"},
    {"TRUSTED_PROXY_COUNT": 0, "wsgi.url_scheme": "https"},  # a server with TLS of its own
)


@pytest.fixture(autouse=True)
def https_only() -> Iterator[None]:
    with override_settings(HTTPS_ONLY=True, SECURE_SSL_REDIRECT=True):
        yield


def ask(method: str, path: str, how: dict[str, object], body: bytes = b"") -> HttpResponse:
    """A request that came as ``how`` says; a new client, which reads the settings again."""
    count = int(str(how["TRUSTED_PROXY_COUNT"]))
    meta = {
        name: value for name, value in how.items() if name not in ("said", "TRUSTED_PROXY_COUNT")
    }
    if "said" in how:
        meta["HTTP_X_FORWARDED_PROTO"] = how["said"]
    with override_settings(
        TRUSTED_PROXY_COUNT=count, SECURE_PROXY_SSL_HEADER=PROXY_HEADER if count else None
    ):
        return Client().generic(method, path, body, "application/json", **meta)


@pytest.mark.parametrize("how", CLEAR)
@pytest.mark.parametrize("path", ["/admin/login/", "/admin/?range=day", "/docs", "/nowhere"])
def test_a_page_is_redirected(how: dict[str, object], path: str) -> None:
    response = ask("GET", path, how)
    assert (response.status_code, response["Location"]) == (301, f"https://testserver{path}")


@pytest.mark.parametrize("how", UNKNOWN_OR_SECURE)
def test_a_page_is_not_redirected_without_end(how: dict[str, object]) -> None:
    assert ask("GET", "/admin/login/", how).status_code == 200


@pytest.mark.parametrize("how", [*CLEAR, *UNKNOWN_OR_SECURE])
def test_probes_are_answered_either_way(how: dict[str, object]) -> None:
    assert ask("GET", "/health", how).status_code == 200
    assert ask("GET", "/", how).status_code == 200
    assert ask("GET", "/readyz", how)["Content-Type"] == "application/json"


@pytest.mark.parametrize("how", CLEAR)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/track"),
        ("POST", "/V1//Track/"),
        ("POST", "/v1/webhook"),
        ("POST", f"/beacon/v1/batch?writeKey={WRITE_KEY}"),
        ("GET", f"/pixel/v1/track?writeKey={WRITE_KEY}&event=x&userId=u"),
        ("GET", "/sourceConfig/"),
    ],
)
def test_an_sdk_is_told_to_use_https(how: dict[str, object], method: str, path: str) -> None:
    make_source(name="Shop", write_key=WRITE_KEY)
    sent = {**how, "HTTP_AUTHORIZATION": basic(WRITE_KEY), "HTTP_ORIGIN": "https://shop.example"}
    response = ask(method, path, sent, b'{"type": "track", "event": "x", "userId": "u"}')
    assert (response.status_code, response["Content-Type"]) == (403, "text/plain; charset=utf-8")
    assert response.content == b"use https: this server accepts no write keys over plain http\n"
    assert response["Access-Control-Allow-Origin"] == "https://shop.example"
    assert not Event.objects.exists()


@pytest.mark.parametrize("how", UNKNOWN_OR_SECURE)
def test_events_are_taken_over_https_and_from_a_proxy_that_says_nothing(
    how: dict[str, object],
) -> None:
    make_source(name="Shop", write_key=WRITE_KEY)
    sent = {**how, "HTTP_AUTHORIZATION": basic(WRITE_KEY)}
    response = ask("POST", "/v1/track", sent, b'{"type": "track", "event": "x", "userId": "u"}')
    assert (response.status_code, response.content) == (200, b"OK")


@pytest.mark.parametrize("how", CLEAR)
def test_without_https_only_nothing_changes(how: dict[str, object]) -> None:
    make_source(name="Shop", write_key=WRITE_KEY)
    sent = {**how, "HTTP_AUTHORIZATION": basic(WRITE_KEY)}
    with override_settings(HTTPS_ONLY=False, SECURE_SSL_REDIRECT=False):
        assert ask("GET", "/admin/login/", how).status_code == 200
        response = ask("POST", "/v1/track", sent, b'{"type": "track", "event": "x", "userId": "u"}')
    assert response.status_code == 200
