"""What a chaos run left behind, held against what got a 200: the table, and every broken
promise."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from deliveries.error_codes import ERROR_CODES
from tests.chaos.senders import Kind, email_of

FATES = """
    SELECT e.message_id, d.status, d.attempt_count, d.error_code,
           coalesce(a.made, 0), coalesce(a.unknown, 0), coalesce(a.highest, 0)
    FROM deliveries_event e
    LEFT JOIN deliveries_delivery d ON d.event_id = e.id
    LEFT JOIN (
        SELECT delivery_id, count(*) AS made, max(number) AS highest,
               count(*) FILTER (WHERE outcome = 'unknown') AS unknown
        FROM deliveries_attempt made
        WHERE id > coalesce((
            SELECT max(id) FROM deliveries_attempt again
            WHERE again.delivery_id = made.delivery_id AND again.outcome = 'requeued'
        ), 0)
        GROUP BY delivery_id
    ) a ON a.delivery_id = d.id
"""
SHOULD_END: dict[Kind, frozenset[str]] = {
    Kind.GOOD: frozenset({"delivered", "dead"}),
    Kind.NOBODY: frozenset({"rejected"}),
    Kind.POISON: frozenset({"rejected", "dead"}),
    Kind.FAILING: frozenset({"rejected", "dead"}),
    Kind.KNOWN: frozenset({"delivered", "dead"}),
    Kind.IDENTIFY: frozenset({"filtered"}),
    Kind.DOOMED: frozenset({"dead"}),
}
COLUMNS = ("accepted", "delivered", "rejected", "dead", "lost", "resent", "kills", "restarts")
SHOWN = 30


@dataclass(frozen=True, slots=True)
class Fate:
    """What the relay's own log says of one event. ``status`` None: no delivery is owed for it."""

    message_id: str
    status: str | None
    attempt_count: int
    error_code: str
    attempts_logged: int
    attempts_unknown: int
    highest_number: int


@dataclass(slots=True)
class Report:
    """The counts of the table, and a sentence for every violation.

    ``dead_codes`` counts the error codes of what is dead.
    """

    counts: dict[str, int]
    dead_codes: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def as_text(self) -> str:
        dead = ", ".join(f"{code} ×{count}" for code, count in sorted(self.dead_codes.items()))
        widths = [max(len(name), len(f"{self.counts[name]:,}")) for name in COLUMNS]
        table = [
            "  ".join(name.rjust(width) for name, width in zip(COLUMNS, widths, strict=True)),
            "  ".join(
                f"{self.counts[name]:,}".rjust(width)
                for name, width in zip(COLUMNS, widths, strict=True)
            ),
        ]
        broken = [f"VIOLATION: {one}" for one in self.violations[:SHOWN]]
        if len(self.violations) > SHOWN:
            broken.append(f"… and {len(self.violations) - SHOWN} more.")
        ending = broken or ["No events were lost, and none was rejected because of another."]
        lines = [*self.lines, f"Failed: {dead or 'none'}."]
        return "\n".join([*lines, "", *table, "", *ending])


def read_fates(rows: Iterable[tuple[Any, ...]]) -> list[Fate]:
    return [Fate(row[0], row[1], row[2] or 0, row[3] or "", *row[4:]) for row in rows]


def judge(
    accepted: dict[str, Kind],
    fates: list[Fate],
    processed_ids: Iterable[str],
    budget_attempts: int,
) -> Report:
    """Compare the senders' record, the relay's log and the sandbox's ledger."""
    by_id = {fate.message_id: fate for fate in fates}
    processed = Counter(processed_ids)
    report = Report(dict.fromkeys(COLUMNS, 0))
    counts, violations = report.counts, report.violations
    counts["accepted"] = len(accepted)
    if len(by_id) != len(fates):
        violations.append(f"{len(fates) - len(by_id)} events are stored or queued more than once")
    for message_id, kind in accepted.items():
        fate = by_id.get(message_id)
        if reason := _loss(fate, processed[message_id]):
            counts["lost"] += 1
            violations.append(f"{message_id} is lost: {reason}")
            continue
        assert fate is not None
        assert fate.status is not None
        counts[fate.status] = counts.get(fate.status, 0) + 1
        if fate.status not in SHOULD_END[kind]:
            violations.append(f"{message_id} ({kind}) ended {fate.status} ({fate.error_code})")
        if fate.status == "dead":
            report.dead_codes[fate.error_code] += 1
        violations += _broken_promises(fate, processed[message_id], budget_attempts)
    counts["resent"] = sum(count - 1 for count in processed.values())
    if strangers := processed.keys() - by_id.keys():
        violations.append(f"{len(strangers)} event IDs in the ledger were never stored")
    return report


def wrong_people(bodies: Iterable[bytes]) -> list[str]:
    """A sentence on each conversion that was sent with the email of somebody else.

    ``bodies``: the requests as they were sent.
    """
    wrong = []
    for body in bodies:
        for conversion in json.loads(body)["data"]:
            event_id = conversion["event_id"]
            expected = [sha256(email_of(event_id).encode()).hexdigest()]
            if event_id.startswith("chaos-") and conversion["user_data"].get("em") != expected:
                wrong.append(f"{event_id} was sent with the email of another person, or without")
    return wrong


def _loss(fate: Fate | None, processed_count: int) -> str:
    """Why an accepted event counts as lost; '' when it is not."""
    if fate is None:
        return "it got a 200 and isn't stored"
    if fate.status is None:
        return "it's stored and has no delivery"
    if fate.status in ("pending", "sending"):
        return f"it's still {fate.status} after {fate.attempt_count} attempts"
    if fate.status == "delivered" and not processed_count:
        return "it's marked delivered, but the ledger doesn't have it"
    return ""


def _broken_promises(fate: Fate, processed_count: int, budget_attempts: int) -> list[str]:
    name = fate.message_id
    broken = []
    used = max(fate.attempt_count, fate.attempts_logged, fate.highest_number, processed_count)
    if used > budget_attempts:
        broken.append(f"{name} was attempted {used} times, but the limit is {budget_attempts}")
    if fate.attempts_logged > fate.attempt_count:
        broken.append(f"{name} has more attempts in its log than were counted")
    if fate.status == "dead" and fate.attempt_count != budget_attempts:
        broken.append(f"{name} is dead after {fate.attempt_count} attempts of {budget_attempts}")
    if fate.status == "dead" and fate.error_code not in ERROR_CODES:
        broken.append(f"{name} is dead, and nothing says why ({fate.error_code!r})")
    # An attempt whose answer was lost is logged as unknown; one that died with its worker, or whose
    # claim ended before it could be settled, is counted and leaves no row.
    answers_lost = fate.attempts_unknown + fate.attempt_count - fate.attempts_logged
    if processed_count - 1 > answers_lost:
        broken.append(
            f"{name} arrived {processed_count} times, but only {answers_lost} responses were lost"
        )
    return broken
