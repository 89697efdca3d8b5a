"""What an event becomes at a destination, by its type and name alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from destinations.event_suggestions import suggest_event
from destinations.pinterest.findings import EventFiltered, EventRejected
from destinations.pinterest.rule_gate import RuleGate, fold_event_name
from destinations.pinterest.transform import TransformConfig, conversion_names


class How(StrEnum):
    """Who decided what it becomes, in the order of the page: what needs a look comes first."""

    UNMAPPED = "unmapped"
    MAPPED = "mapped"
    BUILT_IN = "built_in"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Becomes:
    """``names``: the Pinterest events, none if it isn't sent; ``is_listed``: because of the list
    of event names."""

    how: How
    names: tuple[str, ...] = ()
    is_listed: bool = False
    suggestion: str = ""


class Outlook:
    """One destination's settings, prepared once for all names of a page."""

    def __init__(self, config: TransformConfig) -> None:
        # Without what depends on more than the name.
        self.config = replace(
            config,
            consent_mode="off",
            us_privacy="ignore",
            event_rules=(),
            event_list="off",
            bots="send",
        )
        self.filters_all = replace(self.config, unmapped_events="filter", event_map=())
        self.event_list = (
            RuleGate((), "send", config.event_list, config.listed_events)
            if config.event_list != "off"
            else None
        )

    def becomes(self, kind: str, name: str) -> Becomes:
        """What a call of this type and name becomes."""
        if kind == "page":
            return Becomes(How.BUILT_IN, ("page_visit", "view_category"))
        event = {"type": kind, "event": name}
        try:
            names = conversion_names(event, self.config)
        except EventRejected:
            return Becomes(How.NEVER)
        except EventFiltered as filtered:
            if filtered.code != "unmapped_event":
                return Becomes(How.NEVER)
            names = ()
        how = self._how(event, name)
        return Becomes(
            how,
            () if (is_out := self._is_listed_out(event)) else names,
            is_out,
            suggest_event(name) if how is How.UNMAPPED else "",
        )

    def _how(self, event: dict[str, str], name: str) -> How:
        if fold_event_name(name) in self.config.targets:
            return How.MAPPED
        try:
            conversion_names(event, self.filters_all)
        except EventFiltered:
            return How.UNMAPPED
        return How.BUILT_IN

    def _is_listed_out(self, event: dict[str, str]) -> bool:
        if self.event_list is None:
            return False
        try:
            self.event_list.check(event)
        except EventFiltered:
            return True
        return False
