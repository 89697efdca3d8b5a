"""Takes the snapshot that a scrape hands out: sums of tallies, and narrow looks at what is now.

All of it costs some dozen queries, whatever the log's size: sums are kept up (``totals``), what
waits is counted up to a limit, and every other look goes by a key.
"""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.models import Count, OuterRef, Subquery

from deliveries.alerts.conditions import CONDITIONS
from deliveries.alerts.models import Alert
from deliveries.engine.circuit import CIRCUIT_OPENS_AT
from deliveries.error_codes import ERROR_CODES, REFUSAL_CODES
from deliveries.metrics.families import MAX_SUBJECTS, Exposition
from deliveries.metrics.totals import Totals, forget_others, read_totals
from deliveries.models import Claim, Delivery, Heartbeat, Snapshot, locked_cursor
from deliveries.privacy.retention import behind
from deliveries.stats.tallies import (
    DELIVERED,
    LATENCY,
    LEASE_EXPIRED,
    RECEIVED,
    REFUSAL,
    REQUEST,
    REQUEST_MS,
    REQUEST_TIME,
    RESENT,
    SENT,
    SIZE,
    SIZES,
    WAITED_MS,
    WARNING,
    longest_of_step,
)
from destinations.models import ConnectionCheck, Destination, Source

NAME = "metrics"
OTHER = "other"
MAX_COUNTED = 100_000
"""What waits is counted up to here for a destination ..."""
MAX_COUNTED_OF_ALL = 500_000
"""... and up to here for all of them together."""

_WITH_CODE = {
    "rejected:": "rejected",
    "dead:": "failed",
    "filtered:": "filtered",
    "retryable:": "retryable",
    WARNING: "warnings",
    REQUEST: "requests",
}
"""Beginning of a tally's metric → the metric with its code as a label."""
_ALONE = {
    DELIVERED: "delivered",
    RESENT: "conversions_resent",
    LEASE_EXPIRED: "leases_expired",
}
_LATENCY_BOUNDS = tuple(longest_of_step(step) for step in range(10, 46, 2))
_REQUEST_BOUNDS = tuple(longest_of_step(step) for step in range(10, 34, 2))


def take_snapshot(now: datetime) -> bool:
    """Collect and store; False while another worker does."""
    with locked_cursor(NAME, now) as cursor:
        if cursor is None:
            return False
        known = Snapshot.objects.filter(name=NAME).values_list("state", flat=True).first() or {}
        totals = read_totals(known, now)
        text = _write(totals, now)
        Snapshot.objects.update_or_create(
            name=NAME, defaults={"taken_at": now, "text": text, "state": totals.to_state()}
        )
    return True


def _write(totals: Totals, now: datetime) -> str:
    found = Exposition()
    found.add("build_info", 1, settings.VERSION, settings.COMMIT[:10], connection.vendor)
    found.add("snapshot_timestamp_seconds", now.timestamp())
    destinations = list(
        Destination.objects.select_related("circuit", "connection_check").order_by("pk")
    )
    sources = list(Source.objects.order_by("pk").values_list("pk", "name"))
    forget_others(totals, {one.pk for one in destinations}, {pk for pk, _ in sources})
    own = destinations[:MAX_SUBJECTS]
    for destination in own:
        found.add("destination_info", 1, str(destination.pk), destination.name)
    for pk, name in sources[:MAX_SUBJECTS]:
        found.add("source_info", 1, str(pk), name)
    _add_sources(found, totals, [pk for pk, _ in sources])
    _add_destinations(found, totals, [one.pk for one in destinations])
    _add_waiting(found, own, now)
    for destination in own:
        _add_state(found, destination, now)
    claims = Claim.objects.filter(expires_at__gt=now).values_list("destination_id")
    in_flight = dict(claims.order_by().annotate(Count("token")))
    for destination in own:
        found.add("in_flight_claims", in_flight.get(destination.pk, 0), str(destination.pk))
    alerts = Alert.objects.filter(resolved_at=None).values_list("condition")
    open_alerts = dict(alerts.order_by().annotate(Count("id")))
    for condition in CONDITIONS:
        found.add("alerts_open", open_alerts.get(condition, 0), condition)
    for part, seen_at in Heartbeat.objects.order_by("name").values_list("name", "seen_at"):
        found.add("heartbeat_timestamp_seconds", seen_at.timestamp(), part.replace(" ", "_"))
    late = behind(now, body_days=settings.BODY_RETENTION_DAYS, log_days=settings.LOG_RETENTION_DAYS)
    for job, delay in late.items():
        found.add("retention_behind_seconds", delay.total_seconds(), job.replace(" ", "_"))
    found.add("database_size_bytes", database_bytes())
    found.add("disk_free_bytes", shutil.disk_usage(settings.DATA_DIR).free)
    return found.render()


def _labels(ids: Sequence[int]) -> dict[int, str]:
    return {pk: str(pk) if place < MAX_SUBJECTS else OTHER for place, pk in enumerate(ids)}


def _grouped(totals: Totals, kind: str, ids: Sequence[int]) -> dict[str, Counter[str]]:
    """Label of a destination or source → tally's metric → count; a row for each of them."""
    labels = _labels(ids)
    groups: dict[str, Counter[str]] = {label: Counter() for label in labels.values()}
    for (of, pk, metric), count in totals.counts.items():
        if of == kind:
            groups[labels[pk]][metric] += count
    return groups


def _by_code(
    counts: Mapping[str, int], beginning: str, codes: Iterable[str]
) -> dict[str, int]:  # fmt: skip
    """Code → count; a code that the catalog lacks counts as ``other``."""
    found: defaultdict[str, int] = defaultdict(int)
    for metric, count in counts.items():
        if metric.startswith(beginning):
            code = metric.removeprefix(beginning)
            found[code if code in codes else OTHER] += count
    return dict(sorted(found.items()))


def _add_sources(found: Exposition, totals: Totals, ids: Sequence[int]) -> None:
    for label, counts in _grouped(totals, "source", ids).items():
        found.add("events_received", counts[RECEIVED], label)
        for code, count in _by_code(counts, REFUSAL, REFUSAL_CODES).items():
            found.add("events_invalid", count, label, code)


_STATUSES = {str(status) for status in range(100, 600)} | set(ERROR_CODES)


def _add_destinations(found: Exposition, totals: Totals, ids: Sequence[int]) -> None:
    for label, counts in _grouped(totals, "destination", ids).items():
        for metric, name in _ALONE.items():
            found.add(name, counts[metric], label)
        for beginning, name in _WITH_CODE.items():
            known = _STATUSES if beginning == REQUEST else ERROR_CODES
            for code, count in _by_code(counts, beginning, known).items():
                found.add(name, count, label, code)
        found.add_histogram(
            "delivery_latency_seconds", _steps(counts, LATENCY), _LATENCY_BOUNDS,
            counts[WAITED_MS] / 1000, label,
        )  # fmt: skip
        found.add_histogram(
            "request_duration_seconds", _steps(counts, REQUEST_TIME), _REQUEST_BOUNDS,
            counts[REQUEST_MS] / 1000, label,
        )  # fmt: skip
        sizes = {float(size): counts[f"{SIZE}{size}"] for size in SIZES}
        found.add_histogram("request_conversions", sizes, SIZES, counts[SENT], label)


def _steps(counts: Mapping[str, int], beginning: str) -> dict[float, int]:
    return {
        longest_of_step(int(metric.removeprefix(beginning))): count
        for metric, count in counts.items()
        if metric.startswith(beginning)
    }


def _add_waiting(found: Exposition, destinations: Sequence[Destination], now: datetime) -> None:
    limit = min(MAX_COUNTED, MAX_COUNTED_OF_ALL // max(len(destinations), 1))
    found.add("waiting_count_limit", limit)
    ids = [one.pk for one in destinations]
    counts = count_waiting(ids, limit)
    first = (
        Delivery.objects.filter(destination=OuterRef("pk"))
        .due(now)
        .order_by("due_at")
        .values("due_at")[:1]
    )
    oldest = dict(
        Destination.objects.filter(pk__in=ids).order_by().values_list("pk", Subquery(first))
    )
    for pk in ids:
        found.add("waiting_deliveries", counts.get(pk, 0), str(pk))
        due_at = oldest.get(pk)
        seconds = (now - due_at).total_seconds() if due_at is not None else 0.0
        found.add("oldest_due_seconds", round(seconds, 1), str(pk))


def count_waiting(ids: Sequence[int], limit: int) -> dict[int, int]:
    """Destination → its open deliveries, counted up to ``limit``; one query on the index of the
    due."""
    if not ids:
        return {}
    one = f"""
        SELECT %s AS destination, COUNT(*) FROM (
            SELECT 1 FROM {connection.ops.quote_name(Delivery._meta.db_table)}
            WHERE destination_id = %s AND due_at IS NOT NULL LIMIT {limit:d}
        ) AS counted
    """
    counts: dict[int, int] = {}
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join([one] * len(ids)), [pk for pk in ids for _ in "12"])
        for pk, count in cursor.fetchall():
            counts[int(pk)] = int(count)
    return counts


def _add_state(found: Exposition, one: Destination, now: datetime) -> None:
    label = str(one.pk)
    found.add("destination_enabled", one.enabled, label)
    found.add("destination_paused", one.paused_at is not None, label)
    check = getattr(one, "connection_check", None)
    is_bad = check is not None and check.verdict != ConnectionCheck.Verdict.FINE
    found.add("destination_check_failed", is_bad, label)
    circuit = getattr(one, "circuit", None)
    failures = circuit.failure_count if circuit else 0
    found.add("circuit_open", failures >= CIRCUIT_OPENS_AT, label)
    found.add("consecutive_failures", failures, label)
    held = circuit.hold_until - now if circuit and circuit.hold_until else None
    found.add("held_back_seconds", max(held.total_seconds(), 0.0) if held else 0.0, label)
    if circuit and circuit.last_success_at:
        found.add("last_success_timestamp_seconds", circuit.last_success_at.timestamp(), label)
    if circuit and circuit.remaining_requests is not None:
        found.add("rate_limit_remaining", circuit.remaining_requests, label)


def database_bytes() -> int:
    """The size of the database, with SQLite's write-ahead log."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return int(cursor.fetchone()[0])
    path = str(connection.settings_dict["NAME"])
    files = (Path(path), Path(f"{path}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
