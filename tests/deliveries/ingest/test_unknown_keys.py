"""A wrong write key leaves a trace: bounded, cheap, and without the key or the sender's address."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.ingest import unknown_keys
from deliveries.tasks import prune
from destinations.models import FormerWriteKey, UnknownWriteKey
from tests.deliveries.ingest.sender import basic
from tests.factories import make_source

pytestmark = pytest.mark.django_db

SOURCES = "/admin/destinations/source/"


def send(write_key: str, **meta: Any) -> int:
    response = Client().post(
        "/v1/track",
        {"event": "A", "userId": "u"},
        content_type="application/json",
        headers={"authorization": basic(write_key)},
        **meta,
    )
    return response.status_code


def write_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unknown_keys, "WRITTEN_EVERY_SECONDS", 0.0)


def test_a_wrong_key_is_counted_with_its_beginning_and_the_network(
    monkeypatch: pytest.MonkeyPatch, admin_client: Client
) -> None:
    write_at_once(monkeypatch)
    for _ in range(3):
        assert send("mistyped-key", REMOTE_ADDR="203.0.113.77") == 401
    assert send("abcd", REMOTE_ADDR="2001:db8:1:2::3") == 401
    rows = UnknownWriteKey.objects.values_list("beginning", "count", "address")
    assert sorted(rows) == [("ab", 1, "2001:db8:1::/48"), ("mist", 3, "203.0.113.0/24")]
    page = unescape(admin_client.get(SOURCES).content.decode())
    assert "Requests with unknown write keys" in page
    assert "<code>mist…</code>" in page
    assert "203.0.113.0/24" in page
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM destinations_unknownwritekey")
        stored = str(cursor.fetchall())
    for secret in ("mistyped", "203.0.113.77", "abcd"):
        assert secret not in page
        assert secret not in stored


def test_a_right_key_and_no_key_leave_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    write_at_once(monkeypatch)
    source = make_source(enabled=False)
    assert send(source.write_key) == 404
    assert Client().post("/v1/track", {}, content_type="application/json").status_code == 401
    assert not UnknownWriteKey.objects.exists()


def test_what_no_column_can_hold_is_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    write_at_once(monkeypatch)
    for key in ("\x00\x01ab" * 3, "ключ-ключ", "k" * 5000, "\ud800x\ud800x\ud800x"):
        unknown_keys.note(key, {"REMOTE_ADDR": ""})
    beginnings = UnknownWriteKey.objects.values_list("beginning", flat=True)
    assert sorted(beginnings) == sorted(["??ab", "????", "kkkk", "?x?"])


def test_between_two_writes_a_request_asks_only_for_its_key() -> None:
    send("first-key")
    with CaptureQueriesContext(connection) as queries:
        for number in range(50):
            send(f"other-key-{number}")
    assert not any("unknownwritekey" in one["sql"] for one in queries)
    assert len(unknown_keys._counted.keys) == unknown_keys.MAX_AT_ONCE


def test_counts_add_up_over_several_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        send("wrong-key")
    write_at_once(monkeypatch)
    send("wrong-key")
    row = UnknownWriteKey.objects.get()
    assert row.count == 5
    assert row.first_seen_at < row.last_seen_at


def test_a_flood_of_keys_pushes_out_no_key_that_comes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_at_once(monkeypatch)
    monkeypatch.setattr(unknown_keys, "MAX_KEPT", 5)
    for _ in range(2):
        send("shop-with-an-old-key")
    for number in range(30):
        send(f"guess-{number}-abcdef")
    assert UnknownWriteKey.objects.count() == 5
    assert UnknownWriteKey.objects.filter(beginning="shop", count=2).exists()


def test_a_database_that_fails_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise DatabaseError

    monkeypatch.setattr(unknown_keys, "_write", fail)
    assert send("wrong-key") == 401


def test_an_old_key_that_is_still_used_is_recognised(
    monkeypatch: pytest.MonkeyPatch, admin_client: Client
) -> None:
    write_at_once(monkeypatch)
    source = make_source(name="Web shop", write_key="the-first-key")
    admin_client.post(f"{SOURCES}{source.pk}/rotate-key/", {"keep": "1"})
    FormerWriteKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert send("the-first-key") == 401
    assert "an old key of “Web shop”" in unescape(admin_client.get(SOURCES).content.decode())


def test_they_are_forgotten_after_a_month(monkeypatch: pytest.MonkeyPatch) -> None:
    write_at_once(monkeypatch)
    send("old-wrong-key")
    UnknownWriteKey.objects.update(last_seen_at=timezone.now() - timedelta(days=31))
    send("new-wrong-key")
    prune()
    assert UnknownWriteKey.objects.get().beginning == "new-"
