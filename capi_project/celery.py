"""Celery wakes workers up. Every fact about a delivery is in the database, never in the broker."""

from __future__ import annotations

import os
import sys
import time

import kombu.transport
from celery import Celery, Task, states
from celery.signals import task_postrun, task_prerun, worker_init, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "capi_project.settings")

from django.conf import settings
from django.db import connections

from capi_project import error_reports
from capi_project.garbage import collect_less_often
from deliveries.stats import process_metrics, traces

MAINTENANCE = (
    *("prune", "merge_tallies", "check_connections", "index_events", "list_contents"),
    *("catalog_events", "second_chances", "collect_metrics"),
)
"""Tasks that make room for all others."""
SCHEDULE = {
    "sweep": (settings.SWEEP_SECONDS, 10),
    "prune": (60, 50),
    "merge_tallies": (60, 50),
    "index_events": (30, 25),
    "list_contents": (30, 25),
    "catalog_events": (30, 25),
    "second_chances": (30, 25),
    # For what was not checked for a day: most runs find nothing.
    "check_connections": (300, 250),
    **({"collect_metrics": (15, 12)} if settings.METRICS_ON else {}),
}
"""Task → seconds between two runs, and after how many one that still waits is worth nothing: the
next one does its work."""

ALERTS = "deliveries.alerts.tasks.alerts"
ALERTS_EVERY_SECONDS = 30

_started: dict[str, float] = {}
"""Task ID → when it began (monotonic)."""

app = Celery("capi_relay")
app.conf.update(
    broker_url=settings.CELERY_BROKER_URL,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    result_backend=None,
    task_serializer="json",
    accept_content=["json"],
    # A task lives shorter than the lease of what it claimed, and shorter than the time after
    # which Redis would hand it to a second worker.
    task_time_limit=settings.LEASE_SECONDS * 0.9,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # a worker never gives its broker up
    # A thread cannot be cancelled, and need not be: what it settles is fenced by its claim.
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_soft_shutdown_timeout=20,
    worker_hijack_root_logger=False,
    worker_max_memory_per_child=400_000,  # kB
    task_default_queue="live",
    # Each thread keeps its connection from task to task: a new one costs PostgreSQL a process.
    CELERY_DB_REUSE_MAX=sys.maxsize,
    task_routes={
        "deliveries.tasks.run_bulk_action": {"queue": "bulk"},
        **{f"deliveries.tasks.{name}": {"queue": "maintenance"} for name in MAINTENANCE},
        ALERTS: {"queue": "maintenance"},
    },
    timezone="UTC",
    beat_scheduler="capi_project.beat:MemoryScheduler",
    beat_schedule={
        name: {"task": f"deliveries.tasks.{name}", "schedule": every, "options": {"expires": over}}
        for name, (every, over) in SCHEDULE.items()
    }
    | {
        "alerts": {"task": ALERTS, "schedule": ALERTS_EVERY_SECONDS, "options": {"expires": 25}},
    },
)
if app.conf.broker_url.startswith("filesystem"):
    kombu.transport.TRANSPORT_ALIASES["filesystem"] = "brokers.file_transport:Transport"
    # Nobody sends commands to an embedded worker, and each would be a file to look for.
    app.conf.worker_enable_remote_control = False
    folder = settings.DATA_DIR / "broker"
    for name in ("queue", "control"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    app.conf.broker_transport_options = {
        "data_folder_in": str(folder / "queue"),
        "data_folder_out": str(folder / "queue"),
        "control_folder": str(folder / "control"),
        "polling_interval": 0.2,
    }
else:
    for scheme in ("redis", "rediss"):
        kombu.transport.TRANSPORT_ALIASES[scheme] = "brokers.redis_transport:Transport"
    app.conf.broker_transport_options = {
        "visibility_timeout": settings.LEASE_SECONDS,
        "socket_keepalive": True,
        # A Redis that has vanished or hangs is noticed, not waited for.
        "socket_connect_timeout": 5,
        "socket_timeout": 10,
        "health_check_interval": 10,
    }
app.autodiscover_tasks(["deliveries", "deliveries.alerts"])


@worker_init.connect
def _count(**_: object) -> None:
    """Count what this process does, and report its errors, if somebody wants to know."""
    if settings.SENTRY_DSN:
        error_reports.start(settings.SENTRY_DSN, settings.VERSION)
    if settings.OTEL_ON:
        traces.start("worker")
    if settings.METRICS_ON:
        process_metrics.start(settings.METRICS_DIR, "worker")


@task_prerun.connect
def _note_start(task_id: str, **_: object) -> None:
    if settings.METRICS_ON:
        _started[task_id] = time.monotonic()


@task_postrun.connect
def _note_end(task_id: str, task: Task[..., object], state: str | None, **_: object) -> None:
    if (started := _started.pop(task_id, None)) is not None:
        process_metrics.note_task(
            str(task.name), state == states.SUCCESS, time.monotonic() - started
        )


@task_prerun.connect
def _look_at_connections(**_: object) -> None:
    """Replace a connection that died between two tasks, at its first use in this one."""
    for connection in connections.all(initialized_only=True):
        connection.close_if_unusable_or_obsolete()


@worker_ready.connect
def _collect_less_often(**_: object) -> None:
    collect_less_often()
