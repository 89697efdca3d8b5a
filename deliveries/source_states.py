"""How a source is doing, in a word and a sentence: the same wherever it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from deliveries.phrases import group_digits
from deliveries.stats.unrouted import Unrouted, read_unrouted
from destinations.badges import show_badge
from destinations.models import Source

ATTENTION = frozenset({"unrouted"})
"""The keys of those that a person should do something about."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """``key`` is for programs; ``word`` and ``sentence`` are for a person, with what to do.

    ``unrouted``: its events that no destination got; None when there are none.
    """

    key: str
    look: str
    icon: str
    word: str
    sentence: str = ""
    remedy: str = ""
    unrouted: Unrouted | None = None

    @property
    def badge(self) -> SafeString:
        return show_badge(self.look, self.icon, self.word)

    @property
    def needs_attention(self) -> bool:
        return self.key in ATTENTION


def read_source_states(sources: Sequence[Source], now: datetime) -> dict[int, SourceState]:
    """The state of each source by its ID; one query if their destinations are prefetched."""
    unrouted: Mapping[int, Unrouted] = read_unrouted(now) if sources else {}
    return {one.pk: _state_of(one, unrouted.get(one.pk)) for one in sources}


def has_route(source: Source) -> bool:
    """Whether a destination gets its events."""
    return any(one.enabled for one in source.destinations.all())


def _state_of(source: Source, unrouted: Unrouted | None) -> SourceState:
    if source.archived_at is not None:
        return SourceState("archived", "discarded", "inventory_2", gettext("Archived"))
    if not source.enabled:
        sentence = gettext("Its events are rejected with a 404.")
        return SourceState(
            "off", "discarded", "power_settings_new", gettext("Off"), sentence, "", unrouted
        )
    if has_route(source):
        return _routed(unrouted)
    remedy = gettext("Select a destination that is on.")
    if unrouted is None:
        return SourceState(
            "unconnected",
            "pending",
            "link_off",
            gettext("No destination"),
            gettext("Its events would be stored, but not sent anywhere."),
            remedy,
        )
    return SourceState(
        "unrouted",
        "dead",
        "link_off",
        gettext("No destination"),
        say_unrouted(unrouted),
        remedy,
        unrouted,
    )


def _routed(unrouted: Unrouted | None) -> SourceState:
    if unrouted is None:
        return SourceState("on", "delivered", "check_circle", gettext("On"))
    remedy = gettext("If they should count, send them now.") if unrouted.sendable_count else ""
    sentence = say_unrouted(unrouted)
    return SourceState("on", "delivered", "check_circle", gettext("On"), sentence, remedy, unrouted)


def say_unrouted(unrouted: Unrouted) -> str:
    return ngettext(
        "%(number)s event of the last 30 days wasn't sent anywhere.",
        "%(number)s events of the last 30 days weren't sent anywhere.",
        unrouted.count,
    ) % {"number": group_digits(unrouted.count)}
