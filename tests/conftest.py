"""What every test gets: clean caches, markers with honest skips, a word on real services."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import services
from tests.environment import use_test_settings

use_test_settings()

DATABASE_FIXTURES = frozenset(
    {"db", "transactional_db", "live_server", "admin_user", "admin_client", "stack", "own_stack"}
)
NEEDS = {
    "postgres": ("TEST_DATABASE_URL", "PostgreSQL (TEST_DATABASE_URL; bin/test finds it)"),
    "redis": ("TEST_REDIS_URL", "Redis (TEST_REDIS_URL; bin/test finds it)"),
    "product": ("TEST_PRODUCT_PYTHON", "an environment with requirements.txt alone (bin/test)"),
}
PROBES = {
    "rabbitmq": (services.rabbitmq_url, "RabbitMQ (TEST_RABBITMQ_URL or 127.0.0.1:5672)"),
    "browser": (services.browser_path, "Chromium and the playwright package"),
    "npm": (services.npm_path, "node and npm"),
    "pgbouncer": (services.pgbouncer_path, "PgBouncer"),
    "nginx": (services.nginx_path, "nginx"),
    "caddy": (services.caddy_path, "Caddy"),
    "prometheus": (services.prometheus_path, "Prometheus and promtool"),
    "shared": (services.shared_folder, "the folder with larger samples (CAPI_SHARED_DIR)"),
}
lacking: Counter[str] = Counter()
used: Counter[str] = Counter()


def pytest_configure(config: pytest.Config) -> None:
    for marker, (_, what) in {**NEEDS, **PROBES}.items():
        config.addinivalue_line("markers", f"{marker}: needs {what}")
    config.addinivalue_line("markers", "database: touches the database (set automatically)")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & DATABASE_FIXTURES or item.get_closest_marker("django_db"):
            item.add_marker("database")
    if os.environ.get("TEST_PASS") == "embedded":  # the other pass of bin/test runs these
        items[:] = [item for item in items if not any(map(item.get_closest_marker, NEEDS))]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip for lack of a service, or fail when REQUIRE_SERVICES says that none may lack."""
    for marker, what in _missing(item):
        lacking[marker] += 1
        reason = f"needs {what}"
        if os.environ.get("REQUIRE_SERVICES") == "1" and marker != "shared":
            pytest.fail(f"REQUIRE_SERVICES=1, but this test {reason}", pytrace=False)
        pytest.skip(reason)
    used.update(marker for marker in (*NEEDS, *PROBES) if item.get_closest_marker(marker))


def _missing(item: pytest.Item) -> Iterator[tuple[str, str]]:
    for marker, (variable, what) in NEEDS.items():
        if item.get_closest_marker(marker) and not os.environ.get(variable):
            yield marker, what
    for marker, (probe, what) in PROBES.items():
        if item.get_closest_marker(marker) and not probe():
            yield marker, what


def pytest_terminal_summary(terminalreporter: Any) -> None:
    database = "PostgreSQL" if os.environ.get("TEST_DATABASE_URL") else "SQLite"
    cache = "Redis" if os.environ.get("TEST_REDIS_URL") else "files"
    terminalreporter.write_line(f"Ran on {database} and {cache}.")
    for marker, count in sorted(lacking.items()):
        what = {**NEEDS, **PROBES}[marker][1]
        terminalreporter.write_line(f"NOT RUN: {count} test(s) that need {what}.", yellow=True)


def pytest_sessionfinish() -> None:
    """Tell bin/test, which sums up several passes."""
    if path := os.environ.get("CAPI_TEST_SUMMARY"):
        counts = {"lacking": lacking, "used": used}
        Path(path).write_text(json.dumps(counts), encoding="utf-8")


@pytest.fixture(autouse=True)
def clean_caches() -> Iterator[None]:
    """No test sees what another left in the cache or in the memory of routes."""
    yield
    _forget()


def _forget() -> None:
    if routing := sys.modules.get("destinations.routing"):
        routing.forget_routes()
    if unknown_keys := sys.modules.get("deliveries.ingest.unknown_keys"):
        unknown_keys.forget_counted()
    from django.conf import settings
    from django.core.cache import cache, caches

    if settings.REDIS_URL:
        # Not cache.clear(): that empties the Redis database, and other runs may share it.
        client = cache._cache.get_client(None, write=True)
        if keys := list(client.scan_iter(f"{cache.key_prefix}:*", count=1000)):
            client.delete(*keys)
    else:
        cache.clear()
        caches["logins"].clear()
        (settings.DATA_DIR / "cache" / "rate-limits").unlink(missing_ok=True)


@pytest.fixture
def sandbox() -> Iterator[Any]:
    """A stand-in Pinterest on a real socket, to which SANDBOX_URL points."""
    from django.test import override_settings

    from pinterest_sandbox import Sandbox

    with Sandbox() as running, override_settings(SANDBOX_URL=running.url):
        yield running


@pytest.fixture(scope="session")
def stack() -> Iterator[Any]:
    """The whole of CAPI Relay as real processes, shared: use ``stack.add_shop()``."""
    with _new_stack() as running:
        yield running


@pytest.fixture
def own_stack() -> Iterator[Any]:
    """The same for one test alone, which may kill what it likes."""
    with _new_stack() as running:
        yield running


def _new_stack(**options: Any) -> Any:
    from tests.stack import Stack

    return Stack(
        database_url=os.environ.get("TEST_DATABASE_URL", ""),
        redis_url=os.environ.get("TEST_REDIS_URL", ""),
        **options,
    )


@pytest.fixture
def viewer(client: Any) -> Any:
    """A client of somebody who may see the log and the set-up, and not change anything."""
    from django.contrib.auth.models import Permission, User

    user = User.objects.create_user("viewer", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(user)
    return client
