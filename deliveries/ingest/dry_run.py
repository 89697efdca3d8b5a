"""What a body would become if it were sent: the rules of the wire, and then the transform.

Nothing is stored or sent. The preview in the browser and ``manage.py preview`` both ask here, so
that neither can say anything else of an event than ingest and the worker will.
"""

from __future__ import annotations

from typing import NamedTuple

from deliveries.identity.reading import People
from deliveries.ingest.body import read_json
from deliveries.ingest.envelope import Arrival
from deliveries.ingest.judging import judge_body, read_batch
from deliveries.ingest.refusals import RefusedEvent
from destinations.pinterest.preview import Answer, preview_event
from destinations.pinterest.transform import TransformConfig


class EventPreview(NamedTuple):
    """``answer`` is that of ``preview_event``; its status is error for an event that is refused."""

    name: str
    answer: Answer


class BodyPreview(NamedTuple):
    """One entry for each event, in the order of the body."""

    events: list[EventPreview]
    is_batch: bool


def preview_body(
    body: bytes, config: TransformConfig, arrival: Arrival, space: str | None = None
) -> BodyPreview:
    """What becomes of a body in any form that the wire accepts.

    ``space``: the identity space of the source that sent it, whose memory completes its events.
    Raises RequestRefused for one that is refused whole.
    """
    parsed = read_json(body)
    now = arrival.received_at.timestamp()
    events = []
    for one in judge_body(parsed, arrival):
        if isinstance(one, RefusedEvent):
            events.append(EventPreview("", _refusal(one)))
        else:
            recalled = People().of(space, one.event)
            memory = recalled.memory if recalled else None
            answer = preview_event(one.event, config, now, memory)
            events.append(EventPreview(one.name or one.type, answer))
    return BodyPreview(events, read_batch(parsed.value) is not None)


def _refusal(refused: RefusedEvent) -> Answer:
    error = {"code": refused.code, "field": refused.field, "message": refused.message}
    return {"status": "error", "error": error}
