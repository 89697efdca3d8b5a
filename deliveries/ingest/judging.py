"""From what a body holds to events that are accepted and events that are refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings

from deliveries.ingest import responses
from deliveries.ingest.defaults import NO_DEFAULTS, BatchDefaults, read_defaults, with_defaults
from deliveries.ingest.envelope import AcceptedEvent, Arrival, accept_event, require_size
from deliveries.ingest.refusals import (
    MAX_REFUSALS,
    EventRefused,
    RefusedEvent,
    count_others,
    refuse_event,
)
from deliveries.ingest.repairs import repair_event
from deliveries.ingest.responses import RequestRefused
from deliveries.ingest.strict_json import ParsedJSON, find_flaw
from deliveries.ingest.texts import is_blank
from destinations.pinterest.findings import Finding

MAX_EVENTS = 20_000
"""In one request; a body within the size limit could hold a million tiny ones."""
MAX_TIMES_REPEATED = 2
"""What a batch says once is stored with each event: all together at most so many largest bodies."""


def judge_events(
    events: Sequence[Any],
    path_type: str,
    arrival: Arrival,
    is_flawless: bool,
    defaults: BatchDefaults = NO_DEFAULTS,
) -> tuple[list[AcceptedEvent], list[RefusedEvent]]:
    """Each event separately: one that cannot be accepted does not stop its neighbors.

    Of the refusals, at most ``MAX_REFUSALS`` are made; the last of them counts the others. Raises
    RequestRefused 413 for more of them than one request may hold.
    """
    check_amount(events, defaults)
    accepted: list[AcceptedEvent] = []
    refused: list[RefusedEvent] = []
    others = 0
    for event in events:
        judged = _judge(event, path_type, arrival, is_flawless, defaults)
        if isinstance(judged, AcceptedEvent):
            accepted.append(judged)
        elif len(refused) < MAX_REFUSALS:
            refused.append(refuse_event(*judged))
        else:
            others += 1
    if others:
        refused[-1] = count_others(others + 1)
    return accepted, refused


def judge_body(parsed: ParsedJSON, arrival: Arrival) -> Iterator[AcceptedEvent | RefusedEvent]:
    """A batch as /v1/batch has it, one event as the path of its type has it; /v1/track without one.

    Raises RequestRefused for a batch without events, or with too many.
    """
    value = parsed.value
    if isinstance(value, dict) and "batch" in value:
        events = read_batch(value)
        if events is None:
            raise RequestRefused(400, responses.EMPTY_BATCH)
        path_type, defaults = "", read_defaults(value)
    else:
        has_type = isinstance(value, dict) and not is_blank(value.get("type"))
        events, path_type, defaults = [value], "" if has_type else "track", NO_DEFAULTS
    check_amount(events, defaults)
    judged = (_judge(event, path_type, arrival, parsed.is_flawless, defaults) for event in events)
    return (one if isinstance(one, AcceptedEvent) else refuse_event(*one) for one in judged)


def read_batch(value: Any) -> list[Any] | None:
    """The list of events of a batch; None without one, or with an empty one."""
    events = value.get("batch") if isinstance(value, dict) else None
    return events if isinstance(events, list) and events else None


def check_amount(events: Sequence[Any], defaults: BatchDefaults) -> None:
    """Raises RequestRefused 413 for more than one request may bring, its defaults in each event."""
    if len(events) > MAX_EVENTS:
        raise RequestRefused(413, responses.TOO_LARGE)
    if defaults.objects:
        repeated = defaults.size() * len(events)
        if repeated > MAX_TIMES_REPEATED * settings.MAX_REQUEST_BYTES:
            raise RequestRefused(413, responses.TOO_LARGE)


def _judge(
    event: Any, path_type: str, arrival: Arrival, is_flawless: bool, defaults: BatchDefaults
) -> AcceptedEvent | tuple[Finding, Any]:
    """The event accepted, or why it is refused, and the event."""
    if defaults is not NO_DEFAULTS and isinstance(event, dict):
        event = with_defaults(event, defaults)
    try:
        if not is_flawless:
            require_size(event)
            flaw = find_flaw(event)
            if flaw is not None:
                return flaw, event
            if isinstance(event, dict):
                event = repair_event(event)
        return accept_event(event, path_type, arrival)
    except EventRefused as refused:
        return refused.finding, event
