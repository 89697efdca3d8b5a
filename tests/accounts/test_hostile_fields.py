"""A NUL, which PostgreSQL stores in no text, in every field and every parameter of every page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.accounts.test_roles import ENTRY_POINTS, url_of
from tests.accounts.test_roles import rows as rows  # a fixture
from tests.variables import BASE_DIR

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]  # SQLite stores a NUL like any sign
NUL = "a\x00b"
READ = re.compile(r"""(?:\b(?:GET|POST)\.(?:get|getlist|pop)\(|typed_line\(request,)\s*"(\w+)\"""")


class Fields(HTMLParser):
    """The forms of a page that are posted: their fields with the values that they have."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = []
        self._is_posted = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self._is_posted = (found.get("method") or "").lower() == "post"
            if self._is_posted:
                self.forms.append({})
        elif self._is_posted and tag in ("input", "select", "textarea", "button"):
            name, kind = found.get("name"), found.get("type")
            if name and (kind not in ("checkbox", "radio") or "checked" in found):
                self.forms[-1].setdefault(name, found.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        self._is_posted = self._is_posted and tag != "form"


def parameters() -> set[str]:
    """Every name that the product reads of a query or a form, and those of Django's lists."""
    found = {
        "zone",
        "q",
        "p",
        "o",
        "e",
        "all",
        "action",
        "_selected_action",
        "_changelist_filters",
        "next",
    }
    for folder in ("accounts", "admin_base", "capi_project", "deliveries", "destinations"):
        for path in (BASE_DIR / folder).rglob("*.py"):
            found |= set(READ.findall(path.read_text("utf-8")))
    return found


def pages(rows: dict[str, Any]) -> Iterator[str]:
    for entry_point in ENTRY_POINTS:
        if not entry_point.startswith("POST"):
            yield url_of(entry_point, rows)


def post(client: Client, url: str, form: dict[str, str]) -> int:
    response = client.post(url, form)
    if "/login/" in response.get("Location", ""):  # a form may have signed this person out
        client.force_login(User.objects.get(username="hostile"))
    return response.status_code


@pytest.fixture
def admin(rows: dict[str, Any]) -> Client:
    client = Client(raise_request_exception=True)
    client.force_login(User.objects.create_superuser("hostile", password="x"))
    return client


def test_no_parameter_with_a_nul_breaks_a_page(admin: Client, rows: dict[str, Any]) -> None:
    names = sorted(parameters())
    assert {"reason", "range", "zone", "q", "query"} <= set(names)
    for url in (*pages(rows), "/admin/login/", "/admin/login/code/", "/docs", "/version"):
        for asked in (dict.fromkeys(names, NUL), {NUL: "x"}):
            assert admin.get(url, asked).status_code < 500, (url, asked)
    for name in ("index", "deliveries_delivery_changelist", "destinations_destination_preview_new"):
        for parameter in names:
            url = url_of(name, rows)
            assert admin.get(url, {parameter: NUL}).status_code < 500, (url, parameter)


def test_no_field_with_a_nul_breaks_a_form(admin: Client, rows: dict[str, Any]) -> None:
    count = 0
    for url in pages(rows):
        page = admin.get(url)
        if page.status_code != 200 or page.streaming:
            continue
        fields = Fields()
        fields.feed(page.content.decode())
        for form in fields.forms:
            for name in form:
                count += 1
                assert post(admin, url, {**form, name: NUL}) < 500, (url, name)
    assert count > 100


def test_no_button_breaks_on_a_nul(admin: Client, rows: dict[str, Any]) -> None:
    names = sorted(parameters())
    read = ("reason", "name", "query", "filters", "delivery", "event", "example", "recent")
    assert set(read) <= set(names)
    for entry_point in (
        entry_point
        for entry_point in ENTRY_POINTS
        if entry_point.startswith("POST") and "_add" not in entry_point
    ):
        url = url_of(entry_point, rows)
        for posted in (dict.fromkeys(names, NUL), {NUL: "x"}, *({name: NUL} for name in read)):
            assert post(admin, url, {"confirmed": "1", **posted}) < 500, (url, posted)
