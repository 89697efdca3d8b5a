"""Is a condition true of a subject? Pure judgments: figures and limits in, a finding out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from deliveries.alerts.conditions import CONDITIONS, DESTINATION, SYSTEM, Rules
from deliveries.alerts.figures import DEAD, MAX_DEAD, REJECTED, Figures, window_begin
from deliveries.alerts.volume import judge_volume, usual_at, volume_of
from deliveries.stats.tallies import DELIVERED, RECEIVED, REFUSED
from destinations.models import ConnectionCheck

UNKNOWN: Literal["unknown"] = "unknown"
"""Can't be told right now: whatever is open stays open, and nothing fires."""

_TEMPORARY = (ConnectionCheck.Verdict.FINE, ConnectionCheck.Verdict.BUSY)
"""Verdicts of a connection check that need nobody."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition is true: since when, by which numbers, and with which error most often."""

    since: datetime
    figures: Mapping[str, Any] = field(default_factory=dict)
    error_code: str = ""
    error_status: str = ""


Verdict = Finding | Literal["unknown"] | None
"""None: it isn't true."""

Limits = Mapping[str, int]


def judge_all(figures: Figures, rules: Rules) -> Iterator[tuple[str, str, Verdict]]:
    """(condition, subject, verdict) for everything that is watched and can be told.

    What follows from another condition isn't told twice: of a paused destination, or while no
    worker runs, neither that it fails nor that its deliveries wait; of a failing one, not that
    they wait.
    """
    no_worker = isinstance(_judge_one(figures, rules, "worker", SYSTEM, 0), Finding)
    failing: set[str] = set()
    for key, condition in CONDITIONS.items():
        if condition.is_slow and figures.slow is None:
            continue
        for kind in condition.subjects:
            for subject, pk in _subjects(figures, kind):
                verdict = _judge_one(figures, rules, key, subject, pk)
                if key == "failing" and isinstance(verdict, Finding):
                    failing.add(subject)
                if isinstance(verdict, Finding) and (
                    (key in _FOLLOWS and (no_worker or _is_paused(figures, kind, pk)))
                    or (key == "oldest_waiting" and subject in failing)
                ):
                    verdict = UNKNOWN
                yield key, subject, verdict


_FOLLOWS = frozenset({"failing", "oldest_waiting", "volume"})


def _is_paused(figures: Figures, kind: str, pk: int) -> bool:
    return kind == DESTINATION and figures.destinations[pk].paused_at is not None


def _subjects(figures: Figures, kind: str) -> Iterator[tuple[str, int]]:
    if kind == SYSTEM:
        yield SYSTEM, 0
    elif kind == DESTINATION:
        yield from ((f"destination:{pk}", pk) for pk in figures.destinations)
    else:
        yield from ((f"source:{pk}", pk) for pk in figures.sources)


def _judge_one(figures: Figures, rules: Rules, condition: str, subject: str, pk: int) -> Verdict:
    rule = rules.of(condition, subject)
    return JUDGES[condition](figures, subject, pk, rule.limits) if rule.enabled else None


def _paused(figures: Figures, subject: str, pk: int, limits: Limits) -> Verdict:
    destination = figures.destinations[pk]
    waiting = figures.waiting.get(pk)
    count = waiting.count if waiting else 0
    if destination.paused_at is not None:
        code = destination.paused_code
        by_hand = code in ("", "paused_by_a_person")
        told_from = destination.paused_at + timedelta(
            hours=limits["hours_by_hand"] if by_hand else 0
        )
        if figures.now < told_from:
            return None
        return Finding(
            destination.paused_at,
            {"waiting": count, "reason": destination.paused_reason},
            code,
            "pending",
        )
    check, circuit = figures.checks.get(pk), figures.circuits.get(pk)
    if not destination.enabled or check is None or check.verdict in _TEMPORARY:
        return None
    last = circuit.last_success_at if circuit is not None else None
    if last is not None and last > check.checked_at:
        return None
    return Finding(check.checked_at, {"waiting": count, "verdict": check.verdict})


def _failing(figures: Figures, subject: str, pk: int, limits: Limits) -> Verdict:
    destination, waiting = figures.destinations[pk], figures.waiting.get(pk)
    if not destination.enabled or waiting is None or waiting.oldest_at is None:
        return None
    circuit = figures.circuits.get(pk)
    since = waiting.oldest_at
    if circuit is not None and circuit.last_success_at is not None:
        since = max(since, circuit.last_success_at)
    if figures.now - since < timedelta(minutes=limits["minutes"]):
        return None
    # Deliveries that wait for a time of their own were not attempted in vain.
    if circuit is None or not (circuit.failure_count or circuit.hold_until):
        return None
    code, _ = _most_frequent(figures.window(subject, 60), "retryable:")
    return Finding(
        since, {"waiting": waiting.count, "failures": circuit.failure_count}, code, "pending"
    )


def _undelivered(figures: Figures, subject: str, pk: int, limits: Limits) -> Verdict:
    counts = figures.window(subject, limits["minutes"])
    rejected, dead = _with(counts, REJECTED), _with(counts, DEAD)
    ended = counts[DELIVERED] + rejected + dead
    if ended < limits["at_least"] or (rejected + dead) * 100 <= limits["percent"] * ended:
        return None
    status = "rejected" if rejected >= dead else "dead"
    code, count = _most_frequent(counts, f"{status}:")
    return Finding(
        _moment(window_begin(figures.now, limits["minutes"])),
        {
            "percent": round((rejected + dead) * 100 / ended, 1),
            "rejected": rejected,
            "dead": dead,
            "ended": ended,
            "minutes": limits["minutes"],
            "code_count": count,
        },
        code,
        status,
    )


def _oldest_waiting(figures: Figures, subject: str, pk: int, limits: Limits) -> Verdict:
    waiting = figures.waiting.get(pk)
    if waiting is None or waiting.oldest_at is None or not figures.destinations[pk].enabled:
        return None
    age = figures.now - waiting.oldest_at
    if age <= timedelta(minutes=limits["minutes"]):
        return None
    return Finding(
        waiting.oldest_at,
        {"waiting": waiting.count, "seconds": round(age.total_seconds())},
        "",
        "pending",
    )


def _dead(figures: Figures, subject: str, pk: int, limits: Limits) -> Verdict:
    dead = figures.dead.get(pk)
    if dead is None or dead.count < limits["at_least"]:
        return None if figures.dead_is_whole else UNKNOWN
    return Finding(
        dead.oldest_at,
        {"count": min(dead.count, MAX_DEAD), "is_more": dead.count > MAX_DEAD},
        dead.error_code,
        "dead",
    )


def _volume(figures: Figures, subject: str, pk: int, limits: Limits) -> Verdict:
    assert figures.slow is not None
    row = (figures.destinations if subject.startswith(DESTINATION) else figures.sources)[pk]
    end = figures.slow.volume_end
    days = figures.slow.volume_days.get(subject, {})
    usual = usual_at(days, end, limits["at_least"]) if row.enabled else None
    if usual is None:
        return None
    count = volume_of(figures.tallies.get(subject, {}), subject, end, usual.seconds)
    direction = judge_volume(
        count,
        usual,
        less_percent=limits["less_percent"],
        more_percent=limits["more_percent"],
    )
    if not direction:
        return None
    return Finding(
        _moment(end - usual.seconds),
        {
            "direction": direction,
            "count": count,
            "usual": round(usual.median),
            "weeks": usual.weeks,
            "minutes": usual.seconds // 60,
        },
    )


def _invalid(figures: Figures, subject: str, pk: int, limits: Limits) -> Verdict:
    counts = figures.window(subject, limits["minutes"])
    total = counts[RECEIVED] + counts[REFUSED]
    if total < limits["at_least"] or counts[REFUSED] * 100 <= limits["percent"] * total:
        return None
    return Finding(
        _moment(window_begin(figures.now, limits["minutes"])),
        {
            "percent": round(counts[REFUSED] * 100 / total, 1),
            "refused": counts[REFUSED],
            "total": total,
            "minutes": limits["minutes"],
        },
    )


def _match_quality(figures: Figures, subject: str, pk: int, limits: Limits) -> Verdict:
    assert figures.slow is not None
    (delivered, with_email), (before, with_email_before) = figures.slow.match.get(
        pk, ((0, 0), (0, 0))
    )
    if delivered < limits["at_least"] or before < limits["at_least"]:
        return None
    share, share_before = with_email * 100 / delivered, with_email_before * 100 / before
    if share_before - share <= limits["points"]:
        return None
    return Finding(
        figures.now - timedelta(days=1),
        {"percent": round(share, 1), "before": round(share_before, 1), "delivered": delivered},
    )


def _worker(figures: Figures, subject: str, pk: int, limits: Limits) -> Verdict:
    if figures.swept_at is None:  # a new installation, where nothing has run yet
        return None
    if figures.now - figures.swept_at <= timedelta(minutes=limits["minutes"]):
        return None
    waiting = sum(one.count for one in figures.waiting.values())
    return Finding(figures.swept_at, {"waiting": waiting, "reaches_broker": figures.reaches_broker})


def _disk(figures: Figures, subject: str, pk: int, limits: Limits) -> Verdict:
    assert figures.slow is not None
    if figures.slow.free_share * 100 >= limits["percent"]:
        return None
    return Finding(
        figures.now,
        {
            "percent": round(figures.slow.free_share * 100, 1),
            "megabytes": figures.slow.free_bytes // 1_000_000,
        },
    )


def _retention(figures: Figures, subject: str, pk: int, limits: Limits) -> Verdict:
    assert figures.slow is not None
    at = figures.slow.pruned_at
    if at is None or figures.now - at <= timedelta(hours=limits["hours"]):
        return None
    return Finding(at)


def _key_expiring(figures: Figures, subject: str, pk: int, limits: Limits) -> Verdict:
    assert figures.slow is not None
    if pk not in figures.slow.keys:
        return None
    expires_at, ending = figures.slow.keys[pk]
    if expires_at - figures.now > timedelta(days=limits["days"]):
        return None
    return Finding(figures.now, {"expires_at": expires_at.isoformat(), "ending": ending})


JUDGES: dict[str, Callable[[Figures, str, int, Limits], Verdict]] = {
    "paused": _paused,
    "failing": _failing,
    "undelivered": _undelivered,
    "oldest_waiting": _oldest_waiting,
    "dead": _dead,
    "volume": _volume,
    "invalid": _invalid,
    "match_quality": _match_quality,
    "worker": _worker,
    "disk": _disk,
    "retention": _retention,
    "key_expiring": _key_expiring,
}


def _with(counts: Counter[str], beginning: str) -> int:
    return sum(count for metric, count in counts.items() if metric.startswith(beginning))


def _most_frequent(counts: Counter[str], beginning: str) -> tuple[str, int]:
    """(error code, how often); ("", 0) without any."""
    found = [
        (metric.removeprefix(beginning), count)
        for metric, count in counts.items()
        if metric.startswith(beginning)
    ]
    return max(found, key=lambda one: one[1], default=("", 0))


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
