"""What is watched: each condition with whom it is about, how bad it is, and its limits.

To add one: an entry here, its judgment in ``evaluators.py``, its words in ``wording.py``, and a row
in docs/alerts.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from django.utils.translation import gettext_lazy

from deliveries.alerts.models import AlertRule, Severity

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

DESTINATION, SOURCE, SYSTEM = "destination", "source", "system"
"""Kinds of subjects."""

MAX_WINDOW_MINUTES = 150
"""Tallies of five minutes are kept for three hours."""


class Limit(NamedTuple):
    """A number of a rule that people can set: ``default``, and from ``least`` to ``most``."""

    key: str
    label: StrOrPromise
    default: int
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Condition:
    """``resolves_after``: so many seconds it must not be true before it's over.

    ``is_slow``: judged every five minutes, because its figures cost more.
    """

    key: str
    title: StrOrPromise
    meaning: StrOrPromise
    subjects: tuple[str, ...]
    severity: str
    limits: tuple[Limit, ...] = ()
    resolves_after: int = 120
    is_slow: bool = False


_MINUTES = gettext_lazy("Time range (minutes)")
_AT_LEAST = gettext_lazy("At least this many events in that time")

CONDITIONS: dict[str, Condition] = {
    one.key: one
    for one in (
        Condition(
            "paused",
            gettext_lazy("Destination paused or not connected"),
            gettext_lazy(
                "The destination is paused, or its connection check failed, so its deliveries wait."
            ),
            (DESTINATION,),
            Severity.CRITICAL,
            (
                Limit(
                    "hours_by_hand",
                    gettext_lazy("If a person paused it: after this many hours"),
                    24,
                    0,
                    24 * 30,
                ),
            ),
            resolves_after=0,
        ),
        Condition(
            "failing",
            gettext_lazy("Destination failing"),
            gettext_lazy("Pinterest accepted no request for some time while deliveries wait."),
            (DESTINATION,),
            Severity.CRITICAL,
            (Limit("minutes", gettext_lazy("Minutes without an accepted request"), 10, 1, 1440),),
        ),
        Condition(
            "undelivered",
            gettext_lazy("Many conversions not delivered"),
            gettext_lazy("The share of conversions that end as rejected or failed is high."),
            (DESTINATION,),
            Severity.WARNING,
            (
                Limit("percent", gettext_lazy("More than this percentage"), 10, 1, 100),
                Limit("minutes", _MINUTES, 30, 5, MAX_WINDOW_MINUTES),
                Limit("at_least", _AT_LEAST, 50, 1, 1_000_000),
            ),
        ),
        Condition(
            "oldest_waiting",
            gettext_lazy("Deliveries wait too long"),
            gettext_lazy("The oldest delivery that isn't finished was received long ago."),
            (DESTINATION,),
            Severity.WARNING,
            (Limit("minutes", gettext_lazy("Longer than (minutes)"), 30, 1, 10_080),),
        ),
        Condition(
            "dead",
            gettext_lazy("Failed deliveries"),
            gettext_lazy("Deliveries used up all attempts. They stay failed until you retry them."),
            (DESTINATION,),
            Severity.WARNING,
            (Limit("at_least", gettext_lazy("At least this many"), 1, 1, 10_000),),
        ),
        Condition(
            "volume",
            gettext_lazy("Unusual volume"),
            gettext_lazy(
                "Far fewer or far more events than at the same time on the same weekday of the "
                "last eight weeks."
            ),
            (SOURCE, DESTINATION),
            Severity.WARNING,
            (
                Limit("less_percent", gettext_lazy("Fewer by (percent; 0: never)"), 50, 0, 100),
                Limit("more_percent", gettext_lazy("More by (percent; 0: never)"), 300, 0, 100_000),
                Limit(
                    "at_least",
                    gettext_lazy("Only if at least this many are usual in 20, 60, or 150 minutes"),
                    200,
                    20,
                    1_000_000,
                ),
            ),
            resolves_after=600,
            is_slow=True,
        ),
        Condition(
            "invalid",
            gettext_lazy("Many invalid events"),
            gettext_lazy("The share of a source's events that can't be accepted is high."),
            (SOURCE,),
            Severity.WARNING,
            (
                Limit("percent", gettext_lazy("More than this percentage"), 5, 1, 100),
                Limit("minutes", _MINUTES, 30, 5, MAX_WINDOW_MINUTES),
                Limit("at_least", _AT_LEAST, 20, 1, 1_000_000),
            ),
        ),
        Condition(
            "match_quality",
            gettext_lazy("Match quality fell"),
            gettext_lazy(
                "The share of conversions with a hashed email in the last 24 hours is lower than "
                "in the week before."
            ),
            (DESTINATION,),
            Severity.WARNING,
            (
                Limit("points", gettext_lazy("By more than (percentage points)"), 15, 1, 100),
                Limit(
                    "at_least",
                    gettext_lazy("At least this many conversions in 24 hours"),
                    200,
                    1,
                    1_000_000,
                ),
            ),
            resolves_after=600,
            is_slow=True,
        ),
        Condition(
            "worker",
            gettext_lazy("No worker is running"),
            gettext_lazy("The worker, beat, or broker is away, so nothing is delivered."),
            (SYSTEM,),
            Severity.CRITICAL,
            (Limit("minutes", gettext_lazy("Minutes without a sign of life"), 2, 1, 1440),),
            resolves_after=30,
        ),
        Condition(
            "disk",
            gettext_lazy("Disk nearly full"),
            gettext_lazy("Little room is left in the data folder. On a full disk, ingest stops."),
            (SYSTEM,),
            Severity.CRITICAL,
            (Limit("percent", gettext_lazy("Less free than (percent)"), 10, 1, 90),),
            is_slow=True,
        ),
        Condition(
            "retention",
            gettext_lazy("Retention isn't running"),
            gettext_lazy("Old events and personal data haven't been pruned for some time."),
            (SYSTEM,),
            Severity.WARNING,
            (Limit("hours", gettext_lazy("Hours since the last run"), 6, 1, 720),),
            is_slow=True,
        ),
        Condition(
            "key_expiring",
            gettext_lazy("Old key in use expires"),
            gettext_lazy("A sender still uses an old write key that stops working soon."),
            (SOURCE,),
            Severity.WARNING,
            (Limit("days", gettext_lazy("Days before it expires"), 3, 1, 90),),
            is_slow=True,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for one condition and subject."""

    enabled: bool
    severity: str
    limits: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules: ``of`` a subject are its own, else those for all, else the defaults."""

    stored: Mapping[tuple[str, str], Rule] = field(default_factory=dict)

    def of(self, condition: str, subject: str) -> Rule:
        found = self.stored.get((condition, subject)) or self.stored.get((condition, ""))
        return found or default_rule(condition)


def default_rule(condition: str) -> Rule:
    one = CONDITIONS[condition]
    return Rule(True, one.severity, {limit.key: limit.default for limit in one.limits})


def read_rules() -> Rules:
    """One query. A limit that a row does not have yet is the default."""
    return Rules(
        {
            (row.condition, row.subject): Rule(
                row.enabled,
                row.severity,
                {**default_rule(row.condition).limits, **row.limits},
            )
            for row in AlertRule.objects.all()
            if row.condition in CONDITIONS
        }
    )
