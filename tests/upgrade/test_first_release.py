"""Who runs 0.1.0 upgrades by `migrate` alone: its database, filled by 0.1.0 itself, under today's
code.

The dumps hold what web, worker and beat of 0.1.0 wrote: delivered and rejected orders with their
batches and attempts, refusals, a paused destination, two people, a finished bulk action, search
keys and tallies, and three orders that were accepted while no worker ran.
"""

from __future__ import annotations

import importlib
import itertools
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from django.contrib import admin
from django.urls import reverse

from tests.stack import Stack

HERE = Path(__file__).resolve().parent
DUMPED_AT = datetime(2026, 11, 28, 7, 30, tzinfo=UTC)
MOMENT = re.compile(r"2026-11-28(?= \d\d:\d\d:\d\d)")
KEYS = {
    "SECRET_KEY": "the-secret-key-of-a-relay-of-version-0.1.0-in-a-test",
    "TOKEN_ENCRYPTION_KEYS": "dGhlIGZlcm5ldCBrZXkgb2YgdGhlIHRlc3QgMC4xLjA=",
}
PASSWORD = "upgrade-me-please"
# Rows that today's code adds to or renames: roles get new permissions.
REWRITTEN = {
    "auth_permission",
    "auth_group_permissions",
    "django_content_type",
    "django_migrations",
}
Tables = dict[str, list[dict[str, Any]]]


def dump(backend: str) -> str:
    """The dump as if it had been made today: what is older than a week is not sent any more."""
    text = (HERE / f"v0.1.0-{backend}.sql").read_text("utf-8")
    whole_days = timedelta(days=(datetime.now(UTC) - DUMPED_AT).days)
    return MOMENT.sub(f"{DUMPED_AT + whole_days:%Y-%m-%d}", text)


def load(stack: Stack) -> Tables:
    """Put the database of 0.1.0 where the stack expects its own; returns what is in it."""
    if stack.on_postgres:
        with psycopg.connect(stack.env["DATABASE_URL"], autocommit=True) as connection:
            connection.execute(dump("postgresql").encode())
    else:
        with closing(sqlite3.connect(stack.folder / "capi_relay.sqlite3")) as database:
            database.executescript(dump("sqlite"))
    return contents(stack)


def contents(stack: Stack) -> Tables:
    """Every table's rows, by column."""
    if stack.on_postgres:
        names = stack.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        columns = stack.rows(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = 'public' ORDER BY ordinal_position"
        )
    else:
        names = stack.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        columns = [
            (table, row[0])
            for (table,) in names
            for row in stack.rows(f"SELECT name FROM pragma_table_info('{table}')")
        ]
    tables: Tables = {}
    for (name,) in names:
        of_table = [column for table, column in columns if table == name]
        listed = ", ".join(f'"{column}"' for column in of_table)
        rows = stack.rows(f'SELECT {listed} FROM "{name}"')
        tables[name] = [dict(zip(of_table, row, strict=True)) for row in rows]
    return tables


def missing_rows(before: Tables, after: Tables) -> list[tuple[str, dict[str, Any]]]:
    """Rows that are not there any more, or not as they were (in the columns that still exist)."""
    lost = []
    for table, rows in before.items():
        if table in REWRITTEN or table.startswith("sqlite_"):
            continue
        there = after.get(table, [])
        columns = set(there[0]) if there else set()
        for row in rows:
            kept = {name: value for name, value in row.items() if name in columns}
            if not any(all(one[name] == kept[name] for name in kept) for one in there):
                lost.append((table, row))
    return lost


class Upgraded:
    """A stack on the database of 0.1.0, and what was in it before `migrate`."""

    def __init__(self) -> None:
        self.before: Tables = {}
        self.migrated: Tables = {}
        self.stack = Stack(
            database_url=os.environ.get("TEST_DATABASE_URL", ""),
            redis_url=os.environ.get("TEST_REDIS_URL", ""),
            variables=KEYS,
            before_migrate=self._load,
            after_migrate=self._look,
        )

    def _load(self, stack: Stack) -> None:
        self.before = load(stack)

    def _look(self, stack: Stack) -> None:
        self.migrated = contents(stack)

    def sign_in(self) -> requests.Session:
        """With the name and the password that 0.1.0 stored."""
        browser = requests.Session()
        login = f"{self.stack.url}/admin/login/"
        browser.get(login, timeout=30)
        answer = browser.post(
            login,
            data={
                "username": "ada",
                "password": PASSWORD,
                "next": "/admin/",
                "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            },
            timeout=30,
        )
        assert (answer.status_code, answer.url) == (200, f"{self.stack.url}/admin/")
        return browser


@pytest.fixture(scope="module")
def upgraded() -> Iterator[Upgraded]:
    one = Upgraded()
    with one.stack:
        yield one


pytestmark = pytest.mark.database


def test_no_row_is_lost_or_changed(upgraded: Upgraded) -> None:
    filled = {name for name, rows in upgraded.before.items() if rows}
    assert {"deliveries_delivery", "deliveries_attempt", "deliveries_searchkey"} <= filled
    assert missing_rows(upgraded.before, upgraded.migrated) == []


def test_what_waited_is_delivered_and_new_events_too(upgraded: Upgraded) -> None:
    stack = upgraded.stack
    ((key, destination),) = stack.rows(
        "SELECT s.write_key, l.destination_id FROM destinations_source s "
        "JOIN destinations_destination_sources l ON l.source_id = s.id "
        "JOIN destinations_destination d ON d.id = l.destination_id WHERE d.paused_at IS NULL"
    )
    event = {
        "userId": "new",
        "event": "Order Completed",
        "messageId": "m-new",
        "properties": {"order_id": "order-new", "value": 7, "currency": "USD"},
        "context": {"traits": {"email": "new@example.com"}},
    }
    assert stack.post("/v1/track", event, write_key=key).text == "OK"

    def waiting() -> list[tuple[Any, ...]]:
        return stack.rows(
            "SELECT e.message_id, d.status FROM deliveries_delivery d "
            "JOIN deliveries_event e ON e.id = d.event_id WHERE d.destination_id = %s "
            "AND e.message_id IN ('m-21', 'm-22', 'm-23', 'm-new') ORDER BY e.message_id",
            destination,
        )

    stack.wait_until(lambda: all(status == "delivered" for _, status in waiting()))
    assert [name for name, _ in waiting()] == ["m-21", "m-22", "m-23", "m-new"]


def test_a_paused_destination_stays_paused_until_it_is_resumed(upgraded: Upgraded) -> None:
    stack = upgraded.stack
    ((paused, code),) = stack.rows(
        "SELECT id, paused_code FROM destinations_destination WHERE paused_at IS NOT NULL"
    )
    assert code == "token_refused"
    of_paused = "SELECT count(*) FROM deliveries_delivery WHERE destination_id = %s AND status = %s"
    ((count,),) = stack.rows(of_paused, paused, "pending")
    assert count >= 3
    browser = upgraded.sign_in()
    url = stack.url + reverse("admin:destinations_destination_resume", args=[paused])
    assert browser.get(url, timeout=30).status_code in (200, 405)
    answer = browser.post(
        url, data={"csrfmiddlewaretoken": browser.cookies["csrftoken"]}, timeout=30
    )
    assert answer.status_code == 200
    stack.wait_until(lambda: stack.rows(of_paused, paused, "delivered") == [(count,)])


def test_every_list_and_row_of_the_admin_has_a_page(upgraded: Upgraded) -> None:
    importlib.import_module("capi_project.urls")  # which registers them
    browser = upgraded.sign_in()
    seen = 0
    for model, model_admin in admin.site._registry.items():
        label = f"{model._meta.app_label}_{model._meta.model_name}"
        answer = browser.get(upgraded.stack.url + reverse(f"admin:{label}_changelist"), timeout=30)
        assert answer.status_code == 200, label
        table = upgraded.migrated[model._meta.db_table]
        name = model._meta.pk.column
        for row in itertools.islice(table, 3):
            path = reverse(f"admin:{label}_change", args=[row[name]])
            answer = browser.get(upgraded.stack.url + path, timeout=30)
            assert answer.status_code == 200, (path, type(model_admin))
            seen += 1
    assert seen >= 15


FIND = """
from deliveries.models import Event
from deliveries.search.search_keys import events_with
print(*Event.objects.filter(pk__in=events_with("order-2")).values_list("message_id", flat=True))
"""


def test_the_search_finds_an_order_of_then(upgraded: Upgraded) -> None:
    printed = upgraded.stack.manage("shell", "--verbosity", "0", "-c", FIND)
    assert printed.split() == ["m-2"]
