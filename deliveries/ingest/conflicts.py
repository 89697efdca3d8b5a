"""Message IDs that come again: with the same content a repeat, with other content another event.

SDKs send an event again when in doubt, and it is stored once. But whoever knows a public write key
can send something under the ID that an order will have; and a site may number its events badly.
Such an event is kept as well, under an ID of its own, is delivered, and stands among the refusals,
where people look for what is wrong with a sender. Pinterest still gets the ID that the sender gave,
and counts that once: what it was told by a Pinterest Tag under the same ID is not counted twice.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256
from typing import Any

import orjson
from django.conf import settings

from deliveries.db.compression import unpack
from deliveries.ingest.refusals import RefusedEvent, refuse_event
from deliveries.ingest.statements import EventRow
from deliveries.models import Event
from destinations.pinterest.findings import Finding

CODE = "message_id_conflict"
_MAX_MESSAGE_ID = 255
_DIFFERS_IN_REPEATS = frozenset(
    # When it was sent and came in, by whose clock and from where; what SDKs note of their attempts.
    {"sentAt", "receivedAt", "timestamp", "originalTimestamp", "request_ip", "_metadata"}
)


@dataclass(frozen=True, slots=True)
class Conflict:
    """An event that came under another's message ID: its row with an ID of its own, and its note.

    ``position``: its place among the rows that were looked at.
    """

    position: int
    row: EventRow
    refusal: RefusedEvent


def is_same_event(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two events under one message ID are one event, sent twice."""
    return _content(one) == _content(other)


def find_conflicts(rows: Sequence[EventRow]) -> list[Conflict]:
    """Which of ``rows`` are not what is stored under their message IDs, nor stored already as such.

    One query, and one more if there are any.
    """
    stored = _read({(row.source_id, row.message_id) for row in rows})
    found: dict[tuple[int, str], Conflict] = {}
    for position, row in enumerate(rows):
        kept = stored.get((row.source_id, row.message_id))
        if kept is None or not _is_kept_as(row, *kept):
            conflict = _make_conflict(position, row)
            found.setdefault((row.source_id, conflict.row.message_id), conflict)
    known = _read(found) if found else {}
    return [conflict for key, conflict in found.items() if key not in known]


def _read(keys: Collection[tuple[int, str]]) -> dict[tuple[int, str], tuple[Any, str, str]]:
    """Body, type and name of those events that are there."""
    rows = Event.objects.filter(
        message_id__any_of=[message_id for _, message_id in keys],
        source_id__in={source_id for source_id, _ in keys},
    ).values_list("source_id", "message_id", "body", "type", "name")
    return {
        (source_id, message_id): (body, event_type, name)
        for source_id, message_id, body, event_type, name in rows
    }


def _is_kept_as(row: EventRow, body: bytes | memoryview | None, event_type: str, name: str) -> bool:
    if body is None or row.body is None:  # that is all that is left to compare
        return (row.type, row.name) == (event_type, name)
    return bytes(body) == row.body or is_same_event(_parse(body), _parse(row.body))


def _make_conflict(position: int, row: EventRow) -> Conflict:
    # Of an event without consent, nothing may be kept but these two.
    event = _parse(row.body) if row.body is not None else {"type": row.type, "event": row.name}
    # Keyed: who knows an event's content cannot take this ID as well.
    digest = blake2b(
        orjson.dumps(_content(event), option=orjson.OPT_SORT_KEYS),
        key=sha256(settings.SECRET_KEY.encode()).digest(),
        digest_size=8,
    ).hexdigest()
    own_id = f"{row.message_id[: _MAX_MESSAGE_ID - len(digest) - 1]}#{digest}"
    finding = Finding(
        CODE,
        "messageId",
        "Another event with this message ID but different content was received before. "
        f"This one is stored and delivered; its message ID in the log is {own_id}.",
    )
    return Conflict(position, row._replace(message_id=own_id), refuse_event(finding, event))


def _content(event: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key not in _DIFFERS_IN_REPEATS}


def _parse(body: bytes | memoryview) -> dict[str, Any]:
    event: dict[str, Any] = orjson.loads(unpack(body))
    return event
