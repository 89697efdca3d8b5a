"""How a destination is doing, in a word and a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.safestring import SafeString

from deliveries.error_codes import remedy_of
from deliveries.figures import Waiting
from deliveries.lanes import CIRCUIT_OPENS_AT
from deliveries.models import Lane
from deliveries.phrases import say_ago, say_duration
from destinations.badges import show_badge
from destinations.models import Destination

LATE_AFTER = timedelta(minutes=1)
"""A delivery that has been due for so long is late: a batch lingers for seconds only."""

IDLE_AFTER = timedelta(minutes=15)


ORDER = ("paused", "failing", "held", "behind", "delivering", "idle", "test", "off")
"""The keys of states; what needs a person comes first."""


@dataclass(frozen=True, slots=True)
class State:
    """``key`` is for the code; ``badge`` and ``sentence`` are for a person, with what to do."""

    key: str
    badge: SafeString
    sentence: str
    remedy: str = ""

    @property
    def rank(self) -> int:
        return ORDER.index(self.key)


def read_state(
    destination: Destination, lane: Lane | None, waiting: Waiting, now: datetime
) -> State:
    """The first of these that is true, worst first."""
    if destination.paused_at is not None:
        return _paused(destination, destination.paused_at, now)
    if not destination.enabled:
        left = " What waits already is still sent." if waiting.count else ""
        return _state(
            "off",
            "discarded",
            "power_settings_new",
            "Off",
            "New events make no deliveries here." + left,
        )
    if lane is not None and lane.hold_until is not None and lane.hold_until > now:
        return _held(lane, lane.hold_until, now)
    if lane is not None and lane.failure_count:
        return _state(
            "failing",
            "pending",
            "warning",
            "Failing",
            f"{_say_failures(lane.failure_count)} The next try is due.",
        )
    if waiting.due_at is not None and now - waiting.due_at > LATE_AFTER:
        late = say_duration((now - waiting.due_at).total_seconds())
        return _state(
            "behind",
            "pending",
            "schedule",
            "Behind",
            f"The oldest has been due for {late}.",
            "If this grows, check that a worker is running (/readyz says so) or add workers.",
        )
    return _flowing(destination, lane, waiting, now)


def _paused(destination: Destination, paused_at: datetime, now: datetime) -> State:
    since = timezone.localtime(paused_at)
    reason = destination.paused_reason or "no reason was given."
    return _state(
        "paused",
        "dead",
        "pause_circle",
        "Paused",
        f"Since {since:%d %b %H:%M} ({say_duration((now - paused_at).total_seconds())}), because: "
        f"{reason}",
        remedy_of(destination.paused_code),
    )


def _held(lane: Lane, until: datetime, now: datetime) -> State:
    rest = say_duration((until - now).total_seconds())
    clock = f"{timezone.localtime(until):%H:%M:%S}"
    if lane.failure_count >= CIRCUIT_OPENS_AT:
        return _state(
            "failing",
            "pending",
            "warning",
            "Failing",
            f"{_say_failures(lane.failure_count)} Next probe in {rest}, at {clock}.",
            "Nothing is lost: one request at a time is tried until Pinterest answers again.",
        )
    return _state(
        "held",
        "pending",
        "hourglass_top",
        "Held by Pinterest",
        f"Pinterest asked for a pause until {clock} (in {rest}).",
    )


def _flowing(destination: Destination, lane: Lane | None, waiting: Waiting, now: datetime) -> State:
    last = lane.last_success_at if lane is not None else None
    if last is None:
        sentence = "Nothing has been delivered yet."
    else:
        sentence = f"Pinterest last took a request {say_ago(last, now)}."
    if destination.test_mode:
        return _state(
            "test",
            "sending",
            "science",
            "Test mode",
            f"Pinterest checks the conversions and records nothing. {sentence}",
        )
    if waiting.count or (last is not None and now - last < IDLE_AFTER):
        return _state("delivering", "delivered", "check_circle", "Delivering", sentence)
    return _state("idle", "discarded", "bedtime", "Idle", f"Nothing waits. {sentence}")


def _say_failures(count: int) -> str:
    return f"{count} requests in a row failed." if count > 1 else "The last request failed."


def _state(key: str, look: str, icon: str, word: str, sentence: str, remedy: str = "") -> State:
    return State(key, show_badge(look, icon, word), sentence, remedy)
