"""How many deliveries of each status a log holds under its other filters: a single, short query.

Of each status only the newest MAX_COUNTED are looked at, in an index that holds all that a
condition may ask for. The delivered millions aren't counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from django.db import connection

from deliveries.models import Delivery
from deliveries.search.scan import id_bounds
from deliveries.search.selection import CLOSED_WITHIN, Selection
from deliveries.statuses import OPEN, RETRYABLE_BY_A_PERSON

MAX_COUNTED = 10_000
_COUNTABLE = frozenset(
    {"statuses", "destination_ids", "conversion_name", "error_code"}
    | {"since", "until", "settled_since"}
)
"""Fields of a selection that the index of failures knows."""


def count_statuses(selection: Selection) -> dict[str, tuple[int, bool]]:
    """Status → (how many, whether that is all) for what isn't delivered.

    The status of ``selection`` is left out of it. Empty for a filter that would have to read
    events.
    """
    if any(getattr(selection, name) for name in _names() - _COUNTABLE):
        return {}
    selection = replace(selection, statuses=())
    first, last = id_bounds(selection)
    condition, values = _condition(selection)
    parts: list[str] = []
    parameters: list[Any] = []
    table = connection.ops.quote_name(Delivery._meta.db_table)
    columns = "destination_id, conversion_name, created_at, settled_at, error_code, status"
    for status in sorted(RETRYABLE_BY_A_PERSON):
        parts.append(
            f"SELECT {columns} FROM (SELECT {columns} FROM {table} "
            f"WHERE status = %s AND id >= %s AND id <= %s ORDER BY id DESC "
            f"LIMIT {MAX_COUNTED + 1}) AS of_{status.value}"
        )
        parameters += [status.value, first, last]
    # What is open has an index of its own, in this order.
    within, owners = "", list[int]()
    if selection.destination_ids:
        within = f" AND destination_id IN ({_places(selection.destination_ids)})"
        owners = list(selection.destination_ids)
    parts.append(
        f"SELECT {columns} FROM (SELECT {columns} FROM {table} "
        f"WHERE due_at IS NOT NULL{within} ORDER BY destination_id, due_at "
        f"LIMIT {MAX_COUNTED + 1}) AS of_open"
    )
    parameters += owners
    statement = (
        f"SELECT status, COUNT(*), SUM(CASE WHEN {condition} THEN 1 ELSE 0 END) "
        f"FROM ({' UNION ALL '.join(parts)}) AS counted GROUP BY status"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*values, *parameters])
        rows = cursor.fetchall()
    found = {status: (int(seen), int(count)) for status, seen, count in rows}
    open_seen = sum(seen for status, (seen, _) in found.items() if status in OPEN)
    counts = {}
    for status in sorted(RETRYABLE_BY_A_PERSON | OPEN):
        seen, count = found.get(status.value, (0, 0))
        is_all = (open_seen if status in OPEN else seen) <= MAX_COUNTED
        counts[status.value] = (min(count, MAX_COUNTED), is_all)
    return counts


def _names() -> frozenset[str]:
    return frozenset(field.name for field in fields(Selection))


def _condition(selection: Selection) -> tuple[str, list[Any]]:
    """SQL for the filters that are set, and its parameters."""
    found = list(_conditions(selection))
    if not found:
        return "1 = 1", []
    return " AND ".join(text for text, _ in found), [one for _, values in found for one in values]


def _conditions(selection: Selection) -> Iterator[tuple[str, list[Any]]]:
    if selection.destination_ids:
        places = _places(selection.destination_ids)
        yield f"destination_id IN ({places})", list(selection.destination_ids)
    if selection.conversion_name:
        yield "conversion_name = %s", [selection.conversion_name]
    if selection.error_code:
        yield "error_code = %s", [selection.error_code]
    if selection.since is not None:
        yield "created_at >= %s", [_adapted(selection.since)]
    if selection.until is not None:
        yield "created_at < %s", [_adapted(selection.until)]
    if selection.settled_since is not None:
        yield "settled_at >= %s", [_adapted(selection.settled_since)]
        yield "created_at >= %s", [_adapted(selection.settled_since - CLOSED_WITHIN)]


def _places(values: tuple[int, ...]) -> str:
    return ", ".join(["%s"] * len(values))


def _adapted(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)
