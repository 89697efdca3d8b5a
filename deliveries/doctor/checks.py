"""The checks, one function each. None raises: what can't be looked at is a finding as well."""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import django
from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext

from deliveries.alerts.models import Channel
from deliveries.doctor.findings import Finding, Level
from deliveries.doctor.seen import Unreachable, ask
from deliveries.models import Heartbeat, Tally
from deliveries.phrases import group_digits
from deliveries.privacy.retention import behind
from deliveries.stats.health import BEAT_OF_PRUNE, SWEEP, oldest_due_at, reaches_broker
from deliveries.stats.storage import write_all
from deliveries.stats.tallies import RECEIVED
from destinations.models import Destination
from destinations.secrets import SecretUnreadable

SLOW_WRITE_MS, VERY_SLOW_WRITE_MS = 50.0, 500.0
SKEW_SECONDS, BAD_SKEW_SECONDS = 2.0, 30.0
LITTLE_DISK, NO_DISK = 0.10, 0.03
PING_SECONDS = 1.5
BUSY_SQLITE_EVENTS = 200_000
"""Events a day from which on SQLite's single writer is what everything waits for."""
LARGE_WAL_BYTES = 200_000_000
_SAMPLES = 5

Findings = Iterator[Finding]


def run_checks() -> list[Finding]:
    """All of them, in the order in which to read them; some seconds at most."""
    now = timezone.now()
    found: list[Finding] = list(versions())
    try:
        found += database()
    except (DatabaseError, OSError) as error:
        return [*found, *_no_database(error), *disk(), *files(), *https()]
    for check in _NEED_A_DATABASE:
        found += check(now)
    for own in (files, disk, clocks, https, public_url):
        found += own()
    return found


def versions() -> Findings:
    """What is installed. A Python or Django that is too old doesn't get here."""
    text = f"CAPI Relay {settings.VERSION}, Python {platform.python_version()}, "
    text += f"Django {django.get_version()}"
    title = gettext("Versions")
    if settings.DEBUG:
        yield Finding(
            "debug", title, Level.ERROR, gettext("DEBUG is on. Error pages show source code."),
            gettext("Remove DEBUG from the environment."),
        )  # fmt: skip
    yield Finding("versions", title, Level.OK, text)


def _no_database(error: Exception) -> Findings:
    yield Finding(
        "database", gettext("Database"), Level.ERROR,
        gettext("The database doesn't respond (%(error)s).") % {"error": type(error).__name__},
        gettext("Start the database, and check DATABASE_URL."),
    )  # fmt: skip


def database() -> Findings:
    """Raises the database's error when it doesn't respond."""
    with connection.cursor() as cursor:
        started = time.monotonic()
        cursor.execute("SELECT 1")
        cursor.fetchone()
        milliseconds = (time.monotonic() - started) * 1000
        if connection.vendor == "postgresql":
            cursor.execute("SHOW server_version")
        else:
            cursor.execute("SELECT sqlite_version()")
        version = str(cursor.fetchone()[0]).split()[0]
    name = "PostgreSQL" if connection.vendor == "postgresql" else "SQLite"
    text = f"{name} {version}, {milliseconds:.1f} ms"
    is_old = name == "PostgreSQL" and int(version.split(".")[0]) < 14
    yield Finding(
        "database", gettext("Database"), Level.ERROR if is_old else Level.OK, text,
        gettext("Upgrade to PostgreSQL 14 or newer.") if is_old else "",
    )  # fmt: skip


def migrations(now: datetime) -> Findings:
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    yield Finding(
        "migrations", gettext("Migrations"), Level.ERROR if pending else Level.OK,
        gettext("%(count)s not applied") % {"count": len(pending)}
        if pending else gettext("All applied"),
        gettext("Run manage.py migrate.") if pending else "",
    )  # fmt: skip


def writes(now: datetime) -> Findings:
    """How long a commit takes; every event waits for one."""
    times = []
    try:
        for _ in range(_SAMPLES):
            started = time.monotonic()
            write_all()
            times.append((time.monotonic() - started) * 1000)
    except (DatabaseError, OSError) as error:
        yield Finding(
            "writes", gettext("Writing"), Level.ERROR,
            gettext("Nothing can be stored (%(error)s).") % {"error": type(error).__name__},
            gettext("Free some disk space, and check the permissions of the data folder."),
        )  # fmt: skip
        return
    yield _speed("writes", gettext("Writing"), statistics.median(times))


def files() -> Findings:
    """How fast the disk of the data folder really writes."""
    times = []
    try:
        for _ in range(_SAMPLES):
            with tempfile.TemporaryFile(dir=settings.DATA_DIR) as file:
                started = time.monotonic()
                file.write(os.urandom(4096))
                file.flush()
                os.fsync(file.fileno())
                times.append((time.monotonic() - started) * 1000)
    except OSError as error:
        yield Finding(
            "fsync", gettext("Disk speed"), Level.ERROR,
            gettext("The data folder can't be written to (%(error)s).")
            % {"error": error.strerror},
            gettext("Free some disk space, and check the permissions of the data folder."),
        )  # fmt: skip
        return
    yield _speed("fsync", gettext("Disk speed"), statistics.median(times))


def _speed(check: str, title: str, milliseconds: float) -> Finding:
    level = Level.OK
    if milliseconds > SLOW_WRITE_MS:
        level = Level.ERROR if milliseconds > VERY_SLOW_WRITE_MS else Level.WARNING
    return Finding(
        check, title, level,
        gettext("%(count)s ms for a write that survives a power cut")
        % {"count": f"{milliseconds:.1f}"},
        gettext("Use a faster disk, not a network drive. Every event waits for such a write.")
        if level is not Level.OK else "",
    )  # fmt: skip


def disk() -> Findings:
    usage = shutil.disk_usage(settings.DATA_DIR)
    share = usage.free / usage.total
    level = Level.OK
    if share < LITTLE_DISK:
        level = Level.ERROR if share < NO_DISK else Level.WARNING
    yield Finding(
        "disk", gettext("Disk space"), level,
        gettext("%(size)s GB free (%(percent)s%%)")
        % {"size": f"{usage.free / 1e9:.1f}", "percent": f"{share * 100:.0f}"},
        gettext("Free some disk space, or shorten BODY_RETENTION_DAYS and LOG_RETENTION_DAYS.")
        if level is not Level.OK else "",
    )  # fmt: skip


def workers(now: datetime) -> Findings:
    """A sweep needs broker, beat, and a worker; if it's late, which of them is it?"""
    is_reached = reaches_broker()
    yield Finding(
        "broker", gettext("Broker"), Level.OK if is_reached else Level.ERROR,
        gettext("Reachable") if is_reached else gettext("Not reachable"),
        "" if is_reached
        else gettext("Start the broker, and check REDIS_URL and CELERY_BROKER_URL."),
    )  # fmt: skip
    title = gettext("Worker and beat")
    seen_at = Heartbeat.objects.filter(name=SWEEP).values_list("seen_at", flat=True).first()
    limit = timedelta(seconds=settings.READY_WORKER_SECONDS)
    if seen_at is not None and now - seen_at <= limit:
        seconds = max(0, round((now - seen_at).total_seconds()))
        yield Finding(
            "workers", title, Level.OK, gettext("Last seen %(count)s s ago") % {"count": seconds}
        )
        return
    fix = gettext("Start a worker and beat. bin/run starts both.")
    if is_reached and app_can_ping() and (count := _count_workers()):
        fix = gettext("Start beat: %(count)s workers respond, but nobody gives them work.") % {
            "count": count
        }
    message = (
        gettext("Never seen") if seen_at is None
        else gettext("Last seen %(moment)s") % {"moment": f"{seen_at:%Y-%m-%d %H:%M:%S} UTC"}
    )  # fmt: skip
    yield Finding("workers", title, Level.ERROR, message, fix)


def app_can_ping() -> bool:
    """Whether the broker carries commands to workers; files don't."""
    return not settings.CELERY_BROKER_URL.startswith("filesystem")


def _count_workers() -> int:
    try:
        return len(current_app.control.ping(timeout=PING_SECONDS) or ())
    except Exception:  # whatever the broker's library raises: then none responds
        return 0


def queue(now: datetime) -> Findings:
    title = gettext("Oldest due delivery")
    due_at = oldest_due_at(now)
    if due_at is None:
        yield Finding("queue", title, Level.OK, gettext("None waits"))
        return
    seconds = max(0, round((now - due_at).total_seconds()))
    is_late = seconds > settings.READY_OLDEST_DUE_SECONDS
    yield Finding(
        "queue", title, Level.ERROR if is_late else Level.OK,
        gettext("%(count)s s") % {"count": seconds},
        gettext("Add workers, or see whether Pinterest is slow: docs/operations.md.")
        if is_late else "",
    )  # fmt: skip


def paused(now: datetime) -> Findings:
    names = list(
        Destination.objects.filter(enabled=True, paused_at__isnull=False)
        .order_by("name").values_list("name", flat=True)[:10]
    )  # fmt: skip
    yield Finding(
        "paused", gettext("Destinations"), Level.WARNING if names else Level.OK,
        gettext("Paused: %(names)s") % {"names": ", ".join(names)}
        if names else gettext("None is paused"),
        gettext("The destination's page says why. Fix it, then resume.") if names else "",
    )  # fmt: skip


def keys(now: datetime) -> Findings:
    """Whether TOKEN_ENCRYPTION_KEYS opens what is stored."""
    secrets = [
        *((one.name, one.conversion_token) for one in Destination.objects.order_by("name")),
        *((one.name, one.secrets) for one in Channel.objects.order_by("name")),
    ]
    unreadable = []
    for name, secret in secrets:
        try:
            secret.reveal()
        except SecretUnreadable:
            unreadable.append(name)
    yield Finding(
        "keys", gettext("Encryption keys"), Level.ERROR if unreadable else Level.OK,
        gettext("Can't decrypt: %(names)s") % {"names": ", ".join(unreadable[:10])}
        if unreadable else gettext("All tokens can be decrypted"),
        gettext("Restore the old key at the end of TOKEN_ENCRYPTION_KEYS, or enter them again.")
        if unreadable else "",
    )  # fmt: skip


def retention(now: datetime) -> Findings:
    late = max(
        behind(
            now, body_days=settings.BODY_RETENTION_DAYS, log_days=settings.LOG_RETENTION_DAYS
        ).values()
    )
    ran_at = Heartbeat.objects.filter(name=BEAT_OF_PRUNE).values_list("seen_at", flat=True).first()
    is_idle = ran_at is not None and now - ran_at > timedelta(hours=1)
    level = Level.WARNING if is_idle or late > timedelta(days=1) else Level.OK
    if late > timedelta(days=3):
        level = Level.ERROR
    yield Finding(
        "retention", gettext("Retention"), level,
        gettext("%(count)s hours behind") % {"count": round(late.total_seconds() / 3600)}
        if level is not Level.OK else gettext("Up to date"),
        gettext("Start a worker for the queue “maintenance”, or run manage.py prune.")
        if level is not Level.OK else "",
    )  # fmt: skip


def sqlite(now: datetime) -> Findings:
    """SQLite has one writer, and it's the whole installation's limit."""
    if connection.vendor != "sqlite":
        return
    day = int((now - timedelta(days=1)).timestamp())
    count = (
        Tally.objects.filter(level__in=Tally.Level.values, bucket__gte=day, metric=RECEIVED)
        .aggregate(total=Sum("count"))["total"] or 0
    )  # fmt: skip
    wal = Path(f"{connection.settings_dict['NAME']}-wal")
    is_large = wal.exists() and wal.stat().st_size > LARGE_WAL_BYTES
    is_busy = count > BUSY_SQLITE_EVENTS or is_large
    yield Finding(
        "sqlite", "SQLite", Level.WARNING if is_busy else Level.OK,
        gettext("%(count)s events in 24 hours") % {"count": group_digits(count)},
        gettext("Move to PostgreSQL (DATABASE_URL).") if is_busy else "",
    )  # fmt: skip


def clocks() -> Findings:
    """This machine against database and broker: leases and retries compare their times."""
    skews = {}
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            before = time.time()
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
            theirs = float(cursor.fetchone()[0])
            skews[gettext("database")] = theirs - (before + time.time()) / 2
    if settings.REDIS_URL:
        try:
            client = cache._cache.get_client(None)  # type: ignore[attr-defined]  # Django's Redis
            before = time.time()
            seconds, microseconds = client.time()
            skews[gettext("broker")] = seconds + microseconds / 1e6 - (before + time.time()) / 2
        except Exception:  # the finding about the broker says so
            skews.pop(gettext("broker"), None)
    if not skews:
        return
    most = max(map(abs, skews.values()))
    level = Level.OK
    if most > SKEW_SECONDS:
        level = Level.ERROR if most > BAD_SKEW_SECONDS else Level.WARNING
    yield Finding(
        "clocks", gettext("Clocks"), level,
        ", ".join(f"{name}: {skew:+.1f} s" for name, skew in skews.items()),
        gettext("Synchronize the clocks of all machines (NTP).") if level is not Level.OK else "",
    )  # fmt: skip


def https() -> Findings:
    local = {"localhost", "127.0.0.1", "[::1]"}
    is_public = bool(set(settings.ALLOWED_HOSTS) - local)
    is_open = is_public and not settings.HTTPS_ONLY
    yield Finding(
        "https", "HTTPS", Level.WARNING if is_open else Level.OK,
        gettext("Plain HTTP is accepted")
        if not settings.HTTPS_ONLY else gettext("HTTPS only"),
        gettext("Set HTTPS_ONLY=true if clients connect over HTTPS.") if is_open else "",
    )  # fmt: skip


def public_url() -> Findings:
    """A request to the URL that people use, from here, and what arrived of it."""
    url, title = settings.PUBLIC_URL, gettext("Public URL")
    if not url:
        yield Finding(
            "public_url", title, Level.WARNING, gettext("Not set, so it wasn't tried"),
            gettext("Set PUBLIC_URL. Links in messages need it, too."),
        )  # fmt: skip
        return
    try:
        seen = ask(url)
    except Unreachable as error:
        yield Finding(
            "public_url", title, Level.ERROR,
            gettext("Not reachable from here (%(error)s)") % {"error": error},
            gettext("Check DNS, firewall, proxy, ALLOWED_HOSTS, and PUBLIC_URL."),
        )  # fmt: skip
        return
    scheme, wanted = seen.get("scheme", ""), url.partition(":")[0]
    if not scheme:
        yield Finding(
            "public_url", title, Level.ERROR,
            gettext("Another installation responds there (version %(version)s)")
            % {"version": seen["Version"]},
            gettext("Check PUBLIC_URL, and give all servers the same SECRET_KEY."),
        )  # fmt: skip
    elif scheme != wanted:
        yield Finding(
            "public_url", title, Level.ERROR,
            gettext("Asked over %(wanted)s, it saw %(scheme)s")
            % {"wanted": wanted, "scheme": scheme},
            gettext("Let the proxy send X-Forwarded-Proto, and set TRUSTED_PROXY_COUNT."),
        )  # fmt: skip
    else:
        yield Finding(
            "public_url", title, Level.OK,
            gettext("Reachable over %(scheme)s; it saw the address %(address)s")
            % {"scheme": scheme, "address": seen.get("address", "?")},
        )  # fmt: skip


_NEED_A_DATABASE: tuple[Callable[[datetime], Findings], ...] = (
    *(migrations, writes, workers, queue, paused, keys, retention, sqlite),
)
