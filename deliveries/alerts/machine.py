"""ok → firing → resolved, for each condition and subject, kept as rows.

A problem that goes on is one alert, however many events it costs. One that's gone for a moment and
comes back is still the same: it's over only once it hasn't been true for a while.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from deliveries.alerts.conditions import CONDITIONS, Rules
from deliveries.alerts.evaluators import UNKNOWN, Finding, Verdict
from deliveries.alerts.models import Alert

CHANGING = (
    *("seen_at", "since", "clear_since", "resolved_at", "figures"),
    *("error_code", "error_status", "severity"),
)


@dataclass(slots=True)
class Changes:
    """What one run changed, and what stays open."""

    fired: list[Alert] = field(default_factory=list)
    resolved: list[Alert] = field(default_factory=list)
    lasting: list[Alert] = field(default_factory=list)


def open_alerts() -> list[Alert]:
    """The open ones, worst and newest first, with their destination, source, and who acknowledged
    them; one query. For every page that shows them."""
    rows = Alert.objects.filter(resolved_at__isnull=True).select_related(
        "destination", "source", "acknowledged_by"
    )
    return sorted(rows, key=lambda one: (one.severity != "critical", -one.fired_at.timestamp()))


def apply(verdicts: Iterable[tuple[str, str, Verdict]], rules: Rules, now: datetime) -> Changes:
    """Store what the verdicts change, in three queries; call it under the lock of the alerts.

    An open alert of which nothing is said (its subject is gone, its rule is off) is resolved.
    """
    known = {(one.condition, one.subject): one for one in open_alerts()}
    changes = Changes()
    changed: list[Alert] = []
    for condition, subject, verdict in verdicts:
        alert = known.pop((condition, subject), None)
        if isinstance(verdict, Finding):
            if alert is None:
                changes.fired.append(_new(condition, subject, verdict, rules, now))
                continue
            _note(alert, verdict, rules, now)
            changed.append(alert)
            changes.lasting.append(alert)
        elif alert is not None and verdict != UNKNOWN:
            _note_clear(alert, now)
            changed.append(alert)
            (changes.lasting if alert.is_open else changes.resolved).append(alert)
    for alert in known.values():
        if alert.condition in CONDITIONS and _is_watched(alert):
            continue  # judged every five minutes, and not now
        alert.resolved_at = now
        alert.clear_since = alert.clear_since or now
        changed.append(alert)
        changes.resolved.append(alert)
    Alert.objects.bulk_create(changes.fired)
    Alert.objects.bulk_update(changed, CHANGING, batch_size=500)
    return changes


def _is_watched(alert: Alert) -> bool:
    """Whether its subject is still there and not archived."""
    row = alert.destination or alert.source
    return row is None or row.archived_at is None


def _new(condition: str, subject: str, finding: Finding, rules: Rules, now: datetime) -> Alert:
    kind, _, number = subject.partition(":")
    return Alert(
        condition=condition,
        subject=subject,
        destination_id=int(number) if kind == "destination" else None,
        source_id=int(number) if kind == "source" else None,
        severity=rules.of(condition, subject).severity,
        since=min(finding.since, now),
        fired_at=now,
        seen_at=now,
        figures=dict(finding.figures),
        error_code=finding.error_code,
        error_status=finding.error_status,
    )


def _note(alert: Alert, finding: Finding, rules: Rules, now: datetime) -> None:
    alert.seen_at, alert.clear_since = now, None
    alert.since = min(alert.since, finding.since)
    alert.figures = dict(finding.figures)
    alert.error_code = finding.error_code or alert.error_code
    alert.error_status = finding.error_status or alert.error_status
    alert.severity = rules.of(alert.condition, alert.subject).severity


def _note_clear(alert: Alert, now: datetime) -> None:
    alert.clear_since = alert.clear_since or now
    patience = timedelta(seconds=CONDITIONS[alert.condition].resolves_after)
    if now - alert.clear_since >= patience:
        alert.resolved_at = now
