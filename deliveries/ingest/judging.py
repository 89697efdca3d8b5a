"""From what a body holds to events that are accepted and events that are refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deliveries.ingest.defaults import NO_DEFAULTS, BatchDefaults, with_defaults
from deliveries.ingest.envelope import AcceptedEvent, Arrival, accept_event
from deliveries.ingest.refusals import EventRefused, RefusedEvent, refuse_event
from deliveries.ingest.repairs import repair_event
from deliveries.ingest.strict_json import find_flaw


def judge_events(
    events: Sequence[Any],
    path_type: str,
    arrival: Arrival,
    is_flawless: bool,
    defaults: BatchDefaults = NO_DEFAULTS,
) -> tuple[list[AcceptedEvent], list[RefusedEvent]]:
    """Each event by itself: one that cannot be accepted does not stop its neighbors."""
    accepted = []
    refused = []
    for event in events:
        if defaults is not NO_DEFAULTS and isinstance(event, dict):
            event = with_defaults(event, defaults)
        flaw = None if is_flawless else find_flaw(event)
        if flaw is None:
            try:
                if not is_flawless and isinstance(event, dict):
                    event = repair_event(event)
                accepted.append(accept_event(event, path_type, arrival))
                continue
            except EventRefused as event_refused:
                flaw = event_refused.finding
        refused.append(refuse_event(flaw, event))
    return accepted, refused
