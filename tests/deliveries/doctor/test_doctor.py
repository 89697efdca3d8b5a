"""Each check is fine on a healthy installation, and finds its fault."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from typing import Any
from unittest import mock

import pytest
from cryptography.fernet import Fernet
from django.core import signing
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from deliveries.doctor import checks
from deliveries.doctor.checks import run_checks
from deliveries.doctor.findings import Finding, Level, worst
from deliveries.doctor.seen import HEADER, Unreachable, ask
from deliveries.models import Event, Heartbeat, Tally
from deliveries.stats.health import SWEEP
from deliveries.stats.tallies import bucket_of
from destinations.models import Destination
from tests.factories import make_destination, make_source

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def at_work() -> None:
    Heartbeat.objects.update_or_create(name=SWEEP, defaults={"seen_at": timezone.now()})


def find(check: str) -> Finding:
    (found,) = [one for one in run_checks() if one.check == check]
    return found


def is_found(check: str, level: Level) -> bool:
    """Whether the check has that level, and says what to do."""
    found = find(check)
    return found.level is level and bool(found.fix)


def test_a_healthy_installation_has_no_errors() -> None:
    make_destination()
    found = run_checks()
    assert worst(found) is not Level.ERROR, found
    names = {one.check for one in found}
    assert names >= {
        *("versions", "database", "migrations", "writes", "fsync", "broker", "workers", "queue"),
        *("paused", "keys", "retention", "disk", "https", "public_url"),
    }
    assert ("sqlite" in names) == (connection.vendor == "sqlite")
    assert ("clocks" in names) == (connection.vendor == "postgresql")
    assert all(one.fix for one in found if one.level is not Level.OK)


def test_a_database_that_is_away(settings: Any) -> None:
    with mock.patch.object(checks.connection, "cursor", side_effect=OperationalError("secret")):
        found = run_checks()
    assert worst(found) is Level.ERROR
    assert "secret" not in str(found)
    assert {one.check for one in found} >= {"database", "disk", "fsync", "https"}


def test_pending_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = [(mock.Mock(), False)]
    monkeypatch.setattr(checks.MigrationExecutor, "migration_plan", lambda *_: plan)
    assert is_found("migrations", Level.ERROR)


def test_debug(settings: Any) -> None:
    settings.DEBUG = True
    assert is_found("debug", Level.ERROR)


def test_a_slow_disk_and_one_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage("/"))
    for free, level in ((5, Level.WARNING), (1, Level.ERROR)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, n=free: usage(100, 100 - n, n))
        assert is_found("disk", level)
    for milliseconds, level in ((60, Level.WARNING), (600, Level.ERROR)):
        assert checks._speed("fsync", "", milliseconds).level is level
    monkeypatch.setattr(checks, "write_all", mock.Mock(side_effect=OSError))
    assert is_found("writes", Level.ERROR)
    monkeypatch.setattr(checks.os, "fsync", mock.Mock(side_effect=OSError))
    assert is_found("fsync", Level.ERROR)


def test_who_is_away(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Heartbeat.objects.filter(name=SWEEP).update(seen_at=timezone.now() - timedelta(hours=1))
    monkeypatch.setattr(checks, "app_can_ping", lambda: True)
    monkeypatch.setattr(checks, "_count_workers", lambda: 0)
    assert "Start a worker" in str(find("workers").fix)
    monkeypatch.setattr(checks, "_count_workers", lambda: 2)
    assert "Start beat: 2 workers" in str(find("workers").fix)
    monkeypatch.setattr(checks, "reaches_broker", lambda: False)
    assert is_found("broker", Level.ERROR)
    assert is_found("workers", Level.ERROR)
    Heartbeat.objects.filter(name=SWEEP).delete()
    assert "Never" in str(find("workers").message)


def test_a_paused_destination() -> None:
    make_destination(name="Outlet", paused_at=timezone.now(), paused_code="x", paused_reason="y")
    found = find("paused")
    assert (found.level, "Outlet" in str(found.message)) == (Level.WARNING, True)


def test_what_no_key_opens(settings: Any) -> None:
    make_destination(name="Outlet")
    settings.TOKEN_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    found = find("keys")
    assert (found.level, "Outlet" in str(found.message)) == (Level.ERROR, True)


def test_a_retention_that_is_behind(settings: Any) -> None:
    source = make_source()
    late = timezone.now() - timedelta(days=settings.BODY_RETENTION_DAYS)
    for days, level in ((2, Level.WARNING), (5, Level.ERROR)):
        Event.objects.all().delete()
        Event.objects.create(
            source=source, message_id="m", type="track", received_at=late - timedelta(days=days)
        )
        assert is_found("retention", level)


def test_a_queue_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "oldest_due_at", lambda now: now - timedelta(hours=5))
    assert is_found("queue", Level.ERROR)


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_sqlite_under_load() -> None:
    Tally.objects.create(bucket=bucket_of(timezone.now()), metric="received", count=500_000)
    assert is_found("sqlite", Level.WARNING)


@pytest.mark.postgres
def test_a_clock_that_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    real = checks.time.time
    for seconds, level in ((5, Level.WARNING), (-90, Level.ERROR)):
        monkeypatch.setattr(checks.time, "time", lambda n=seconds: real() + n)
        assert is_found("clocks", level)


def test_plain_http_under_a_public_name(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["relay.example.com"]
    assert is_found("https", Level.WARNING)
    settings.HTTPS_ONLY = True
    assert find("https").level is Level.OK


class Relay(BaseHTTPRequestHandler):
    """What a proxy in front of another server says."""

    answer: tuple[int, bytes] = (200, b"")

    def do_GET(self) -> None:
        status, body = self.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def other(settings: Any) -> Iterator[type[Relay]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.PUBLIC_URL = f"http://127.0.0.1:{server.server_port}"
    yield Relay
    server.shutdown()
    server.server_close()


def test_the_public_url(other: type[Relay], settings: Any) -> None:
    def say(seen: dict[str, str] | None, status: int = 200) -> None:
        body = {"Version": "9", **({"Seen": seen} if seen else {})}
        other.answer = (status, json.dumps(body).encode())

    say({"scheme": "http", "address": "203.0.113.7"})
    found = find("public_url")
    assert (found.level, "203.0.113.7" in str(found.message)) == (Level.OK, True)
    say({"scheme": "https"})
    assert "TRUSTED_PROXY_COUNT" in str(find("public_url").fix)
    say(None)
    assert "version 9" in str(find("public_url").message)
    for status in (301, 404, 502):
        say(None, status)
        assert f"HTTP {status}" in str(find("public_url").message)
    other.answer = (200, b"<html>")
    assert is_found("public_url", Level.ERROR)
    settings.PUBLIC_URL = "http://127.0.0.1:1"
    assert is_found("public_url", Level.ERROR)


def test_a_real_request_says_how_it_came(live_server: Any, settings: Any) -> None:
    seen = ask(live_server.url)
    assert (seen["scheme"], seen["address"]) == ("http", "127.0.0.1")
    settings.SECRET_KEY = "another one"
    with pytest.raises(Unreachable):
        ask("http://127.0.0.1:1")


def test_only_this_installation_learns_how_it_was_asked(client: Client) -> None:
    for value in ("", "1", signing.dumps(1, salt="another")):
        assert "Seen" not in client.get("/version", headers={HEADER: value}).json()
    old = mock.patch("time.time", return_value=1.0)
    with old:
        stale = signing.dumps(1, salt="deliveries.doctor")
    assert "Seen" not in client.get("/version", headers={HEADER: stale}).json()


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    out = StringIO()
    call_command("doctor", stdout=out)
    assert "→" in out.getvalue()
    out = StringIO()
    call_command("doctor", "--json", stdout=out)
    report = json.loads(out.getvalue())
    assert report["level"] == "warning"
    assert {"check", "level", "message", "fix"} == set(report["checks"][0])
    Heartbeat.objects.all().delete()
    with pytest.raises(SystemExit) as left:
        call_command("doctor", stdout=StringIO())
    assert left.value.code == 1


def test_the_page(admin_client: Client, viewer: Client) -> None:
    Destination.objects.all().delete()
    page = admin_client.get(reverse("status"))
    assert page.status_code == 200
    assert "System status" in page.text
    assert "Set PUBLIC_URL" in page.text
    assert viewer.get(reverse("status")).status_code == 403
    assert reverse("status") in admin_client.get(reverse("admin:index")).text
