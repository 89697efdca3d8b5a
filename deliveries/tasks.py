"""Celery's entry points: thin, and safe to lose, to repeat and to run side by side."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

from celery import shared_task
from celery.signals import worker_shutting_down
from django.conf import settings
from django.utils import timezone

from deliveries.actions.archiving import discard_left_over
from deliveries.actions.bulk import StepResult, run_step, unfinished_bulk_actions
from deliveries.catalog.counting import catalog_events as catalog_in_steps
from deliveries.engine.claims import destinations_with_due_deliveries, forget_ended_claims
from deliveries.engine.dispatch import deliver_batch
from deliveries.engine.wakeups import wake, wake_for_bulk, wake_for_prune
from deliveries.identity.second_chance import look_again
from deliveries.metrics.collecting import take_snapshot
from deliveries.privacy.retention import prune as prune_in_steps
from deliveries.search.block_index import list_contents as list_in_steps
from deliveries.search.search_keys import index_events as index_in_steps
from deliveries.stats.compaction import merge_tallies as merge_in_steps
from deliveries.stats.health import note_prune, note_sweep
from destinations.connection_check import check_all_connections
from destinations.write_keys import forget_keys

RUN_SECONDS = 10
"""A run hands over to other destinations after this long, and queues up again."""

PRUNE_SECONDS = 15
"""A run of the retention ends after this long, and queues up again when more is old."""

MERGE_SECONDS = 20
"""The same for the merging of tallies."""

INDEX_SECONDS = 20
"""A run that writes search keys ends after this long; the next one goes on."""

LIST_SECONDS = 20
"""The same for the table of contents of the log."""

CATALOG_SECONDS = 20
"""The same for the catalog of events."""

CHANCE_SECONDS = 20
"""The same for second looks at deliveries that wait for their person."""

CHECK_SECONDS = 45
"""A run of connection checks begins no other one after this long; the next run goes on."""

_stopping = threading.Event()


@worker_shutting_down.connect
def _note_shutdown(**_: object) -> None:
    """A worker that was told to stop finishes its request and gives back the rest."""
    _stopping.set()


@shared_task
def sweep() -> int:
    """Start a run for every destination with something due; finds whatever no wake-up announced.

    Also clears away the claims of workers that died.
    """
    now = timezone.now()
    forget_ended_claims(now)
    destination_ids = list(destinations_with_due_deliveries(now).values_list("pk", flat=True))
    wake(destination_ids, at_once=True)
    wake_for_bulk(unfinished_bulk_actions())
    note_sweep(now)
    return len(destination_ids)


@shared_task
def deliver(destination_id: int) -> int:
    """Send what is due for one destination, batch by batch; returns how many were claimed."""
    started = time.monotonic()
    count = 0
    while not _stopping.is_set():
        claimed_count = deliver_batch(destination_id, is_stopping=_stopping.is_set)
        count += claimed_count
        if not claimed_count:
            break
        if time.monotonic() - started > RUN_SECONDS:
            wake([destination_id], at_once=True)
            break
    return count


@shared_task
def run_bulk_action(action_id: int) -> int:
    """Do steps of a bulk action while there is room for them; returns how many."""
    started = time.monotonic()
    count = 0
    while not _stopping.is_set() and time.monotonic() - started < RUN_SECONDS:
        result = run_step(action_id)
        count += result is StepResult.MORE
        if result is not StepResult.MORE:
            break
    return count


@shared_task
def prune() -> int:
    """Remove bodies and log rows whose time is over, for a while; returns how many rows changed."""
    started = time.monotonic()
    now = timezone.now()
    counts, may_go_on = prune_in_steps(
        bodies_before=now - timedelta(days=settings.BODY_RETENTION_DAYS),
        log_before=now - timedelta(days=settings.LOG_RETENTION_DAYS),
        people_before=now - timedelta(days=settings.IDENTITY_RETENTION_DAYS),
        now=now,
        is_over=lambda: _stopping.is_set() or time.monotonic() - started > PRUNE_SECONDS,
    )
    discard_left_over(now)
    forget_keys(now)
    note_prune(now)
    if may_go_on and not _stopping.is_set():
        wake_for_prune()
    return sum(counts.values())


@shared_task
def merge_tallies() -> int:
    """Replace tallies by their sums, for a while; returns how many rows went away."""
    started = time.monotonic()
    return merge_in_steps(
        timezone.now(),
        lambda: _stopping.is_set() or time.monotonic() - started > MERGE_SECONDS,
    )


@shared_task
def check_connections() -> int:
    """Check token and account of destinations not checked for a day; returns how many."""
    started = time.monotonic()
    counts = check_all_connections(
        timezone.now(), lambda: _stopping.is_set() or time.monotonic() - started > CHECK_SECONDS
    )
    return sum(counts.values())


@shared_task
def index_events() -> int:
    """Write the search keys of new events, for a while; returns how many events."""
    if not settings.SEARCH_KEYS:
        return 0
    started = time.monotonic()
    return index_in_steps(
        timezone.now(), lambda: _stopping.is_set() or time.monotonic() - started > INDEX_SECONDS
    )


@shared_task
def list_contents() -> int:
    """Write the table of contents of what is new in the log, for a while; returns how many
    blocks."""
    started = time.monotonic()
    return list_in_steps(
        timezone.now(), lambda: _stopping.is_set() or time.monotonic() - started > LIST_SECONDS
    )


@shared_task
def catalog_events() -> int:
    """Take what came in into the catalog of events, for a while; returns how many IDs."""
    started = time.monotonic()
    return catalog_in_steps(
        timezone.now(), lambda: _stopping.is_set() or time.monotonic() - started > CATALOG_SECONDS
    )


@shared_task
def second_chances() -> int:
    """Look again at deliveries that were rejected while their person was being identified."""
    started = time.monotonic()
    count = 0
    while not _stopping.is_set() and time.monotonic() - started < CHANCE_SECONDS:
        looked_at, destination_ids = look_again(timezone.now())
        wake(destination_ids, at_once=True)
        count += looked_at
        if not looked_at:
            break
    return count


@shared_task
def collect_metrics() -> int:
    """Take the snapshot that /metrics hands out; returns whether it was taken."""
    return int(settings.METRICS_ON and take_snapshot(timezone.now()))
