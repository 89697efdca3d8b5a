"""The log as a file: all that a filter finds, page by page, in constant memory."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
from django.db.models import QuerySet

from deliveries.db.compression import unpack
from deliveries.models import Delivery, Event
from deliveries.privacy.event_ids import with_readable_event_ids
from deliveries.privacy.masking import HIDDEN, mask, mask_text, personal_values
from deliveries.querysets import body_size, small_body
from destinations.models import Destination, Source
from destinations.pinterest.config import TransformConfig
from destinations.pinterest.identity import read_completed
from destinations.pinterest.summary import MATCH_KEYS, Summary, lenient, summarise

COLUMNS = (
    "delivery",
    "received_at",
    "source",
    "source_event",
    "type",
    "message_id",
    "pinterest_event",
    "event_id",
    "order_id",
    "value",
    "currency",
    "event_time",
    "match_keys",
    "destination",
    "status",
    "warnings",
    "attempts",
    "settled_at",
    "error_stage",
    "error_code",
    "error_field",
    "error_message",
    "batch",
)
"""Nothing here names a person: of what an event says of one, only the names of the fields."""

STEP = 500
"""Events of a page whose bodies are in memory at once."""

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
    "completed",
    "warnings",
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
    """Two queries for a page of STEP; with ``masks`` free texts are shown without values."""
    destinations = list(Destination.objects.all())
    about = About(
        {one.pk: one.name for one in destinations},
        {one.pk: lenient(one.transform_config((), ())) for one in destinations},
        dict(Source.objects.values_list("pk", "name")),
        with_readable_event_ids() if masks else None,
    )
    for deliveries in pages:
        rows = list(deliveries.values(*_FIELDS))
        for start in range(0, len(rows), STEP):
            step = rows[start : start + STEP]
            found = Event.objects.filter(pk__any_of=list({row["event_id"] for row in step}))
            events = {
                event["id"]: event
                for event in found.values(
                    *("id", "source_id", "name", "type", "message_id", "received_at"),
                    stored=small_body(),
                    size=body_size(),
                )
            }
            yield [_row(row, events.get(row["event_id"], {}), about) for row in step]


class About(NamedTuple):
    """What rows are written with: names and settings by ID.

    ``readable``: the destinations whose event IDs may be seen; None: nothing is masked.
    """

    destinations: Mapping[int, str]
    configs: Mapping[int, TransformConfig]
    sources: Mapping[int, str]
    readable: frozenset[int] | None


def _row(row: dict[str, Any], event: Mapping[str, Any], about: About) -> tuple[Any, ...]:
    message_id = event.get("message_id", "")
    message = row["error_message"]
    said = _summarise(row, event, about)
    keys = {*said.match_keys, *(one.field for one in read_completed(row["completed"]))}
    return (
        row["id"],
        # A replay adds deliveries later than their event came.
        event.get("received_at", row["created_at"]).isoformat(),
        about.sources.get(event.get("source_id", 0), ""),
        event.get("name", ""),
        event.get("type", ""),
        message_id,
        row["conversion_name"],
        _event_id(row, about.readable) or message_id,
        said.order_id,
        said.value,
        said.currency,
        _iso(said.event_time),
        " ".join(sorted(keys & MATCH_KEYS)),
        about.destinations.get(row["destination_id"], f"deleted (no. {row['destination_id']})"),
        row["status"],
        " ".join(dict.fromkeys(one["code"] for one in row["warnings"])),
        row["attempt_count"],
        row["settled_at"].isoformat() if row["settled_at"] else None,
        row["error_stage"],
        row["error_code"],
        row["error_field"],
        message if about.readable is None else mask_text(message),
        row["batch_id"],
    )


def _summarise(row: dict[str, Any], stored: Mapping[str, Any], about: About) -> Summary:
    """Nothing of an event whose body, or whose destination, is gone."""
    config = about.configs.get(row["destination_id"])
    body = stored.get("stored")
    if body is None and stored.get("size") is not None:
        body = Event.objects.body_of(row["event_id"])
    if body is None or config is None:
        return Summary()
    event = orjson.loads(unpack(body))
    said = summarise(event, config)
    if about.readable is None:
        return said
    shown = mask({"order_id": said.order_id, "value": said.value}, personal_values(event))
    return said._replace(**shown)


def _iso(seconds: int | None) -> str:
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


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
