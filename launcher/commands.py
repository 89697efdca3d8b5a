"""The parts of a running CAPI Relay: their options, their commands, their environment."""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from capi_project.environment import Environment

QUEUES = "live,bulk,maintenance"


@dataclass(frozen=True, slots=True)
class Options:
    """What to start, and where."""

    host: str
    port: int
    web_workers: int
    web_threads: int
    sandbox_port: int
    worker_processes: int
    worker_threads: int
    log_level: str


def read_options(variables: Mapping[str, str]) -> Options:
    """Options from the environment. Raises ImproperlyConfigured with every mistake."""
    env = Environment(variables)
    on_postgres = env.text("DATABASE_URL").startswith("postgres")
    options = Options(
        host=env.text("HOST", "127.0.0.1"),
        port=env.integer("PORT", 8000, least=1, most=65535),
        web_workers=env.integer("WEB_WORKERS", 2, least=1, most=256),
        web_threads=env.integer("WEB_THREADS", 8, least=1, most=256),
        sandbox_port=env.integer("SANDBOX_PORT", 8100, least=1, most=65535),
        # SQLite has one writer: a second process would only wait for it.
        worker_processes=env.integer("WORKER_PROCESSES", 2 if on_postgres else 1, least=1, most=64),
        # Most of a delivery run is waiting for Pinterest: many threads, so that a slow
        # destination (see DESTINATION_CONCURRENCY) leaves room for the others.
        worker_threads=env.integer("WORKER_THREADS", 16 if on_postgres else 6, least=1, most=256),
        log_level=env.text("LOG_LEVEL", "INFO").upper(),
    )
    env.finish()
    return options


def commands(options: Options, python: str = sys.executable) -> dict[str, list[str]]:
    """The command of each part, by its name, run by the interpreter ``python``."""
    celery = [python, "-m", "capi_project.celery_parts"]
    return {
        "sandbox": [python, "manage.py", "pinterest_sandbox", "--port", str(options.sandbox_port)],
        "web": [
            *(python, "-m", "capi_project.web"),
            *("--host", options.host, "--port", str(options.port)),
            *("--workers", str(options.web_workers), "--threads", str(options.web_threads)),
        ],
        **{
            name: [
                *(*celery, "worker", "--queues", QUEUES, "--loglevel", options.log_level),
                *("--pool", "threads", "--concurrency", str(options.worker_threads)),
                *("--hostname", f"{name}@%h"),
                *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            ]
            for name in worker_names(options)
        },
        # A pid file would outlive a kill -9 and then keep beat from starting.
        "beat": [*celery, "beat", "--pidfile", "", "--loglevel", options.log_level],
    }


def worker_names(options: Options) -> list[str]:
    """One name for each worker process."""
    if options.worker_processes == 1:
        return ["worker"]
    return [f"worker-{number}" for number in range(1, options.worker_processes + 1)]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server on ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_private(options: Options, settings: Any) -> bool:
    """Whether only this machine can send events, as far as the configuration tells.

    A server on loopback that answers to other names, or believes a proxy, has one before it.
    """
    return (
        is_loopback(options.host)
        and not settings.TRUSTED_PROXY_COUNT
        and all(is_loopback(name.strip("[]")) for name in settings.ALLOWED_HOSTS)
    )


def allowed_hosts(host: str) -> list[str]:
    """The names a server on ``host`` answers to when ALLOWED_HOSTS does not say so.

    On every address (0.0.0.0 or ::): this machine's name and addresses. Never "*": a forged Host
    header must not reach a link.
    """
    names = ["localhost", "127.0.0.1", "[::1]"]
    if is_loopback(host):
        return names
    if host not in ("0.0.0.0", "::"):
        return [*names, f"[{host}]" if ":" in host else host]
    own = socket.gethostname()
    names += [own, socket.getfqdn()]
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(own, None)}
    except socket.gaierror:
        found = set()  # a name that leads nowhere: it alone is allowed, then
    names += sorted(f"[{address}]" if ":" in str(address) else str(address) for address in found)
    return list(dict.fromkeys(names))


def children_environment(options: Options, variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of the parts: the supervisor's own, completed."""
    # glibc gives each thread a heap of its own and keeps there what was freed: with many threads
    # that is twice the memory.
    environment = {"PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2", **variables}
    if not environment.get("SANDBOX_URL"):
        environment["SANDBOX_URL"] = f"http://127.0.0.1:{options.sandbox_port}"
    if not environment.get("ALLOWED_HOSTS") and not environment.get("ALLOWED_HOSTS_FILE"):
        environment["ALLOWED_HOSTS"] = ",".join(allowed_hosts(options.host))
    return environment


def part_environment(name: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of the part ``name``: the one of all parts, and what only it needs.

    A worker holds some megabytes for each batch in flight and then for a while none. With one heap
    for its threads, and every large body in a piece of its own, they go back to the system between
    batches; glibc's own thresholds rise with the bodies it has seen, and then it keeps them.
    """
    if not name.startswith("worker"):
        return dict(environment)
    return {
        **environment,
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_MMAP_THRESHOLD_": "262144",
        "MALLOC_TRIM_THRESHOLD_": "262144",
    }
