"""How a destination is doing, in a word and a sentence: the same wherever it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Min
from django.utils import dateformat, timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from deliveries.engine.circuit import CIRCUIT_OPENS_AT
from deliveries.error_codes import remedy_of
from deliveries.models import Circuit, Delivery, Event
from deliveries.phrases import LATE_AFTER, say_ago, say_duration
from deliveries.stats.figures import Waiting, read_waiting
from destinations.badges import show_badge
from destinations.connection_check import advise
from destinations.models import ConnectionCheck, Destination

IDLE_AFTER = timedelta(minutes=15)

ONLINE_FOR = timedelta(hours=1)
"""Pinterest counts a web or app event that comes later as an offline conversion."""

ACCEPTED_FOR = timedelta(days=7)
"""Pinterest accepts no older events."""


ORDER = (
    "paused",
    "failing",
    "unconnected",
    "held",
    "behind",
    "delivering",
    "idle",
    "test",
    "off",
    "archived",
)
"""The keys of states; what needs a person comes first."""

ATTENTION = frozenset({"paused", "failing", "unconnected", "behind"})
"""The keys of those that a person should do something about."""

HOLDING = frozenset({"paused", "off", "failing", "unconnected", "behind"})
"""The keys of those that keep deliveries from being sent."""


@dataclass(frozen=True, slots=True)
class State:
    """``key`` is for programs; ``word`` and ``sentence`` are for a person, with what to do."""

    key: str
    look: str
    icon: str
    word: str
    sentence: str
    remedy: str = ""
    limit: str = ""
    """How long what waits may still wait; "" if nothing is held back."""

    @property
    def badge(self) -> SafeString:
        return show_badge(self.look, self.icon, self.word)

    @property
    def needs_attention(self) -> bool:
        return self.key in ATTENTION

    @property
    def rank(self) -> int:
        return ORDER.index(self.key)


def read_states(
    destinations: Sequence[Destination],
    now: datetime,
    waiting: Mapping[int, Waiting] | None = None,
) -> dict[int, State]:
    """The state of each destination by its ID; three queries, two if ``waiting`` is given."""
    ids = [one.pk for one in destinations]
    circuits = Circuit.objects.in_bulk(ids)
    checks = ConnectionCheck.objects.in_bulk(ids)
    if waiting is None:
        waiting = read_waiting(ids)
    found = {}
    for one in destinations:
        its_waiting = waiting.get(one.pk, Waiting())
        state = read_state(one, circuits.get(one.pk), its_waiting, now, checks.get(one.pk))
        if state.key in HOLDING:
            state = replace(state, limit=say_wait_limit(one, its_waiting, now))
        found[one.pk] = state
    return found


def oldest_waiting_event_at(destination_id: int) -> datetime | None:
    """When the oldest event that waits for this destination was received: exactly, if a thousand
    wait at most, else of the thousand that are due soonest. A replay's deliveries are younger than
    their events, so this asks the events."""
    soonest = (
        Delivery.objects.filter(destination_id=destination_id, due_at__isnull=False)
        .order_by("due_at")
        .values_list("event_id", flat=True)[:1000]
    )
    oldest: datetime | None = Event.objects.filter(id__any_of=list(soonest)).aggregate(
        oldest=Min("received_at")
    )["oldest"]
    return oldest


def say_wait_limit(destination: Destination, waiting: Waiting, now: datetime) -> str:
    """Until when what waits can still count, and how; "" if nothing waits."""
    if not waiting.count or waiting.oldest_at is None:
        return ""
    age = now - waiting.oldest_at
    longest = ACCEPTED_FOR
    if destination.max_age_hours:
        longest = min(longest, timedelta(hours=destination.max_age_hours))
    moments = {
        "age": say_duration(age.total_seconds()),
        "hour": say_duration((ONLINE_FOR - age).total_seconds()),
        "rest": say_duration((longest - age).total_seconds()),
        "until": dateformat.format(
            timezone.localtime(waiting.oldest_at + longest), gettext("d M H:i")
        ),
    }
    oldest = gettext("The oldest event was received %(age)s ago.") % moments
    if age >= longest:
        gone = (
            gettext("It's past the age limit of the destination, and is filtered when it's sent.")
            if longest < ACCEPTED_FOR
            else gettext("Pinterest accepts events for 7 days, so it's too late for the oldest.")
        )
        return f"{oldest} {gone}"
    last = (
        gettext("The destination's age limit filters it from %(until)s (in %(rest)s).")
        if longest < ACCEPTED_FOR
        else gettext("Pinterest accepts it until %(until)s (in %(rest)s): 7 days.")
    ) % moments
    if age < ONLINE_FOR < longest:
        hour = gettext(
            "Send within %(hour)s: after an hour, Pinterest counts web and app events as offline."
        )
    elif age >= ONLINE_FOR:
        hour = gettext("Web and app events that wait for over an hour count as offline.")
    else:
        hour = ""
    return " ".join(part for part in (oldest, hour % moments, last) if part)


def read_state(
    destination: Destination,
    circuit: Circuit | None,
    waiting: Waiting,
    now: datetime,
    check: ConnectionCheck | None = None,
) -> State:
    """The first of these that is true, worst first."""
    if destination.archived_at is not None:
        return _state(
            "archived",
            "discarded",
            "inventory_2",
            gettext("Archived"),
            gettext("It's off and hidden from lists and forms. Its log is kept."),
        )
    if destination.paused_at is not None:
        return _paused(destination, destination.paused_at, now)
    if not destination.enabled:
        off = gettext("New events aren't queued for this destination.")
        left = gettext("Deliveries already queued are sent once you turn it on.")
        return _state(
            "off",
            "discarded",
            "power_settings_new",
            gettext("Off"),
            f"{off} {left}" if waiting.count else off,
        )
    if circuit is not None and circuit.hold_until is not None and circuit.hold_until > now:
        return _held(circuit, circuit.hold_until, now)
    if circuit is not None and circuit.failure_count:
        return _state(
            "failing",
            "pending",
            "warning",
            gettext("Failing"),
            gettext("%(failures)s The next attempt is due.")
            % {"failures": _say_failures(circuit.failure_count)},
        )
    if check is not None and _is_unconnected(circuit, check):
        meaning, remedy = advise(check.verdict)
        return _state(
            "unconnected",
            "dead",
            "link_off",
            gettext("Not connected"),
            gettext("The connection check failed %(ago)s. %(meaning)s")
            % {"ago": say_ago(check.checked_at, now), "meaning": meaning},
            remedy,
        )
    if waiting.due_at is not None and now - waiting.due_at > LATE_AFTER:
        late = say_duration((now - waiting.due_at).total_seconds())
        return _state(
            "behind",
            "pending",
            "schedule",
            gettext("Behind"),
            gettext("The oldest delivery is %(late)s overdue.") % {"late": late},
            gettext(
                "If this keeps growing, check that a worker is running (see /readyz) or "
                "add workers."
            ),
        )
    return _flowing(destination, circuit, waiting, now)


def _is_unconnected(circuit: Circuit | None, check: ConnectionCheck) -> bool:
    """Whether the last connection check failed, and no request has gone well since."""
    if check.verdict == ConnectionCheck.Verdict.FINE:
        return False
    last = circuit.last_success_at if circuit is not None else None
    return last is None or last <= check.checked_at


def _paused(destination: Destination, paused_at: datetime, now: datetime) -> State:
    since = timezone.localtime(paused_at)
    reason = destination.paused_reason or gettext("no reason given.")
    return _state(
        "paused",
        "dead",
        "pause_circle",
        gettext("Paused"),
        gettext("Since %(since)s (%(duration)s). Reason: %(reason)s")
        % {
            "since": dateformat.format(since, gettext("d M H:i")),
            "duration": say_duration((now - paused_at).total_seconds()),
            "reason": reason,
        },
        remedy_of(destination.paused_code),
    )


def _held(circuit: Circuit, until: datetime, now: datetime) -> State:
    rest = say_duration((until - now).total_seconds())
    clock = f"{timezone.localtime(until):%H:%M:%S}"
    if circuit.failure_count >= CIRCUIT_OPENS_AT:
        return _state(
            "failing",
            "pending",
            "warning",
            gettext("Failing"),
            gettext("%(failures)s Next attempt in %(rest)s, at %(clock)s.")
            % {"failures": _say_failures(circuit.failure_count), "rest": rest, "clock": clock},
            gettext(
                "Nothing is lost: CAPI Relay sends one request at a time until Pinterest "
                "responds again."
            ),
        )
    return _state(
        "held",
        "pending",
        "hourglass_top",
        gettext("Rate limited by Pinterest"),
        gettext("Pinterest asked us to wait until %(clock)s (in %(rest)s).")
        % {"clock": clock, "rest": rest},
    )


def _flowing(
    destination: Destination, circuit: Circuit | None, waiting: Waiting, now: datetime
) -> State:
    last = circuit.last_success_at if circuit is not None else None
    if last is None:
        sentence = gettext("Nothing delivered yet.")
    else:
        sentence = gettext("Last request accepted %(ago)s.") % {"ago": say_ago(last, now)}
    if destination.test_mode:
        return _state(
            "test",
            "sending",
            "science",
            gettext("Test mode"),
            gettext("Pinterest validates events without recording them. %(sentence)s")
            % {"sentence": sentence},
        )
    if waiting.count or (last is not None and now - last < IDLE_AFTER):
        return _state("delivering", "delivered", "check_circle", gettext("Delivering"), sentence)
    return _state(
        "idle",
        "discarded",
        "bedtime",
        gettext("Idle"),
        gettext("No deliveries queued. %(sentence)s") % {"sentence": sentence},
    )


def _say_failures(count: int) -> str:
    if count == 1:
        return gettext("The last request failed.")
    return ngettext(
        "%(count)s request in a row failed.", "%(count)s requests in a row failed.", count
    ) % {"count": count}


def _state(key: str, look: str, icon: str, word: str, sentence: str, remedy: str = "") -> State:
    return State(key, look, icon, word, sentence, remedy)
