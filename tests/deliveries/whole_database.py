"""Where in the database something stands, whatever the table is called. Independent of
its models."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.db import connection

from deliveries.db.compression import unpack


def places_of(secrets: Sequence[str]) -> set[str]:
    """``table.column`` of whatever says one of ``secrets``; the tables of the log by their short
    names."""
    found = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            columns = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for column, value in zip(columns, row, strict=True):
                    if any(secret in _text_of(value) for secret in secrets):
                        found.add(f"{table.removeprefix('deliveries_')}.{column}")
    return found


def _text_of(value: Any) -> str:
    if not isinstance(value, bytes | memoryview):
        return str(value)
    raw = bytes(value)
    with suppress(ValueError):  # most are stored as they are
        raw = unpack(raw)
    return raw.decode("utf-8", "replace")
