"""From moments to ids: a log's ids grow with time, so a time range is a range of the primary
key."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models

CLOCK_SLACK = timedelta(minutes=10)
"""How far rows written at the same time may be out of the order of their ids."""


def first_id_since(model: type[models.Model], field: str, moment: datetime) -> int:
    """The least id from which on ``field`` is not before ``moment``; past the end if there is none.

    One query that halves the primary key some thirty times. Rows written at the same moment may
    be a little out of order: take a moment somewhat earlier (later), see CLOCK_SLACK, and keep
    the exact condition on ``field`` too.
    """
    quote = connection.ops.quote_name
    table, column = quote(model._meta.db_table), quote(column_of(model, field))
    is_before = (
        f"(SELECT {column} FROM {table} WHERE id >= (low + high) / 2 ORDER BY id LIMIT 1) < %s"
    )
    sql = f"""
        WITH RECURSIVE halved(low, high) AS (
            SELECT COALESCE(MIN(id), 0), COALESCE(MAX(id) + 1, 0) FROM {table}
            UNION ALL
            SELECT CASE WHEN {is_before} THEN (low + high) / 2 + 1 ELSE low END,
                   CASE WHEN {is_before} THEN high ELSE (low + high) / 2 END
            FROM halved WHERE low < high
        )
        SELECT MAX(low) FROM halved
    """
    bound = connection.ops.adapt_datetimefield_value(moment)
    with connection.cursor() as cursor:
        cursor.execute(sql, [bound, bound])
        return int(cursor.fetchone()[0])


def id_range(
    model: type[models.Model], field: str, since: datetime | None, until: datetime | None
) -> tuple[int, int]:
    """``(before, last)``: rows with ``since <= field < until`` have ``before < id <= last``.

    Without ``until`` the range ends with the newest row there is now.
    """
    before = first_id_since(model, field, since - CLOCK_SLACK) - 1 if since else 0
    if until is not None:
        return before, first_id_since(model, field, until + CLOCK_SLACK) - 1
    newest = model._default_manager.order_by("-pk").values_list("pk", flat=True).first()
    return before, newest or 0


def column_of(model: type[models.Model], field: str) -> str:
    """The column of a field of a table's own."""
    found = model._meta.get_field(field)
    assert isinstance(found, models.Field)
    return str(found.column)


def within(
    queryset: models.QuerySet[Any], field: str, start: datetime, end: datetime | None = None
) -> models.QuerySet[Any]:
    """Rows with ``start <= field < end``, found through their ids (see first_id_since)."""
    model = queryset.model
    conditions: dict[str, object] = {
        "pk__gte": first_id_since(model, field, start - CLOCK_SLACK),
        f"{field}__gte": start,
    }
    if end is not None:
        conditions["pk__lt"] = first_id_since(model, field, end + CLOCK_SLACK)
        conditions[f"{field}__lt"] = end
    return queryset.filter(**conditions)
