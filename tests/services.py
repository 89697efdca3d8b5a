"""Which real services can the tests use here? Looked at once, at the usual local addresses."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

LOCAL_POSTGRES = "postgres://postgres@127.0.0.1:5432/postgres"
LOCAL_REDIS = "redis://127.0.0.1:6379/15"
LOCAL_RABBITMQ = "amqp://guest:guest@127.0.0.1:5672//"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@cache
def postgres_url() -> str:
    """A PostgreSQL server on which databases may be made, or ''."""
    import psycopg

    url = os.environ.get("TEST_DATABASE_URL", "") or LOCAL_POSTGRES
    try:
        with psycopg.connect(url, connect_timeout=3) as connection:
            allowed = connection.execute(
                "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
    except psycopg.OperationalError:
        return ""
    return url if allowed and allowed[0] else ""


@cache
def redis_url() -> str:
    """A Redis server, or ''."""
    import redis

    url = os.environ.get("TEST_REDIS_URL", "") or LOCAL_REDIS
    try:
        redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3).ping()
    except (redis.RedisError, OSError):
        return ""
    return url


@cache
def rabbitmq_url() -> str:
    """A RabbitMQ server whose port answers, or ''."""
    url = os.environ.get("TEST_RABBITMQ_URL", "") or LOCAL_RABBITMQ
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 5672), 3).close()
    except OSError:
        return ""
    return url


@cache
def browser_path() -> str:
    """A Chromium that Playwright can drive, or ''."""
    if importlib.util.find_spec("playwright") is None:
        return ""
    if chosen := os.environ.get("CHROMIUM", ""):
        return chosen
    return next((found for name in BROWSERS if (found := shutil.which(name))), "")


@cache
def npm_path() -> str:
    """npm, with node beside it, or ''."""
    return (shutil.which("npm") or "") if shutil.which("node") else ""


@cache
def pgbouncer_path() -> str:
    """PgBouncer, or ''. Debian puts it where only root looks."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin") or ""


@cache
def nginx_path() -> str:
    """nginx, or ''. Debian puts it where only root looks."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin") or ""


@cache
def caddy_path() -> str:
    """Caddy, or ''."""
    return shutil.which("caddy") or ""


@cache
def prometheus_path() -> str:
    """Prometheus, with promtool beside it, or ''."""
    return (shutil.which("prometheus") or "") if shutil.which("promtool") else ""


@cache
def shared_folder() -> str:
    """The folder with larger samples that some machines have beside the repository, or ''."""
    chosen = os.environ.get("CAPI_SHARED_DIR", "")
    folder = Path(chosen) if chosen else Path(__file__).resolve().parent.parent.parent / "shared"
    return str(folder) if (folder / "data").is_dir() else ""


def drop_leftover_databases() -> None:
    """Drop the test databases of runs on this machine that were killed."""
    import psycopg
    from psycopg import sql

    url = postgres_url()
    if not url or urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1"):
        return
    with psycopg.connect(url, autocommit=True) as connection:
        names = connection.execute(
            r"SELECT datname FROM pg_database WHERE datname ~ '^(test_capi_relay|capi_stack)_\d+'"
        ).fetchall()
        for (name,) in names:
            pid = int(
                name.removeprefix("test_capi_relay_").removeprefix("capi_stack_").split("_")[0]
            )
            if not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
                connection.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
                )
