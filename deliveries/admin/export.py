"""The log as a file: all that a filter finds, page by page, in constant memory."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
from django.db.models import QuerySet

from deliveries.models import Delivery, Event
from deliveries.privacy.event_ids import with_readable_event_ids
from deliveries.privacy.masking import HIDDEN, mask_text
from destinations.models import Destination, Source

COLUMNS = (
    "delivery",
    "received_at",
    "source",
    "source_event",
    "type",
    "message_id",
    "pinterest_event",
    "event_id",
    "destination",
    "status",
    "attempts",
    "settled_at",
    "error_stage",
    "error_code",
    "error_field",
    "error_message",
    "batch",
)
"""Nothing here names a person: what an event or a conversion holds is not exported."""

_FIELDS = (
    "id",
    "created_at",
    "event_id",
    "conversion_name",
    "conversion_event_id",
    "destination_id",
    "status",
    "attempt_count",
    "settled_at",
    "error_stage",
    "error_code",
    "error_field",
    "error_message",
    "batch_id",
)
_FORMULA = re.compile(r"[\s\ufeff\u200b-\u200f\u2060]*[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n]")
"""What a spreadsheet calculates: it drops blanks in front, and some read full-width signs alike."""


def csv_lines(pages: Iterable[QuerySet[Delivery]], *, masks: bool) -> Iterator[str]:
    """CSV (RFC 4180) with a header. A text that a spreadsheet would calculate begins with ``'``."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for page in _pages(pages, masks):
        writer.writerows([_harmless(value) for value in row] for row in page)
        yield _take(buffer)
    yield _take(buffer)


def json_lines(pages: Iterable[QuerySet[Delivery]], *, masks: bool) -> Iterator[bytes]:
    """One JSON object a line."""
    for page in _pages(pages, masks):
        yield b"".join(
            orjson.dumps(dict(zip(COLUMNS, row, strict=True)), option=orjson.OPT_APPEND_NEWLINE)
            for row in page
        )


def _pages(pages: Iterable[QuerySet[Delivery]], masks: bool) -> Iterator[Iterable[tuple[Any, ...]]]:
    """Two queries a page. With ``masks`` free texts are shown without values."""
    destinations = dict(Destination.objects.values_list("pk", "name"))
    sources = dict(Source.objects.values_list("pk", "name"))
    readable = with_readable_event_ids() if masks else None
    for deliveries in pages:
        if rows := list(deliveries.values(*_FIELDS)):
            events = {
                event["id"]: event
                for event in Event.objects.filter(pk__in={row["event_id"] for row in rows}).values(
                    "id", "source_id", "name", "type", "message_id", "received_at"
                )
            }
            yield [_row(row, events, destinations, sources, readable) for row in rows]


def _row(
    row: dict[str, Any],
    events: Mapping[int, Mapping[str, Any]],
    destinations: dict[int, str],
    sources: dict[int, str],
    readable: frozenset[int] | None,
) -> tuple[Any, ...]:
    event = events.get(row["event_id"], {})
    message_id = event.get("message_id", "")
    message = row["error_message"]
    return (
        row["id"],
        # A replay adds deliveries later than their event came.
        event.get("received_at", row["created_at"]).isoformat(),
        sources.get(event.get("source_id", 0), ""),
        event.get("name", ""),
        event.get("type", ""),
        message_id,
        row["conversion_name"],
        _event_id(row, readable) or message_id,
        destinations.get(row["destination_id"], f"deleted (no. {row['destination_id']})"),
        row["status"],
        row["attempt_count"],
        row["settled_at"].isoformat() if row["settled_at"] else None,
        row["error_stage"],
        row["error_code"],
        row["error_field"],
        message if readable is None else mask_text(message),
        row["batch_id"],
    )


def _event_id(row: dict[str, Any], readable: frozenset[int] | None) -> str:
    """An event ID of its own is hidden where it may name somebody."""
    own: str = row["conversion_event_id"]
    is_hidden = own and readable is not None and row["destination_id"] not in readable
    return HIDDEN if is_hidden else own


def _harmless(value: Any) -> Any:
    is_formula = isinstance(value, str) and _FORMULA.match(value)
    return f"'{value}" if is_formula else value


def _take(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
