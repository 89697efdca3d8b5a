"""Many rows in one statement: the two writes on which the speed of ingest and settling hangs.

Django's ``bulk_create`` cannot say which rows a conflict left out, and ``bulk_update`` builds a
CASE expression for every row and column. Both statements here take one array for each column, so
their text, and what the database must parse, does not grow with the number of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any

import orjson
from django.db import connection, models

Row = Sequence[Any]
SQLITE_PARAMETERS = 30_000
"""SQLite takes at most 32,766 parameters in a statement."""


def insert_rows(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Sequence[Row],
    *,
    returning: Sequence[str] = (),
    ignore_conflicts: bool = False,
) -> list[tuple[Any, ...]]:
    """Insert ``rows`` (values in the order of ``columns``, which are field attnames).

    Returns the ``returning`` columns of the rows that were really inserted, in no promised order.
    With ``ignore_conflicts`` rows that break a unique constraint are left out. A column that is
    not named becomes NULL: Django's defaults do not reach the database.
    """
    fields = _fields(model, columns)
    names = ", ".join(_column(field) for field in fields)
    statement = f"INSERT INTO {_table(model)} ({names}) SELECT {names} FROM changed WHERE true"
    if ignore_conflicts:
        statement += " ON CONFLICT DO NOTHING"
    fields_back = _fields(model, returning)
    if returning:
        statement += " RETURNING " + ", ".join(map(_column, fields_back))
    return _run(statement, fields, rows, [], fields_back)


def update_rows(
    model: type[models.Model],
    key: str,
    columns: Sequence[str],
    rows: Sequence[Row],
    *,
    guard: dict[str, Any] | None = None,
    returning: Sequence[str] = (),
) -> list[tuple[Any, ...]]:
    """Set ``columns`` of the row whose ``key`` is each row's first value to its other values.

    Only rows for which every column in ``guard`` still has the given value are changed.
    Returns the ``returning`` columns of those.
    """
    table = _table(model)
    fields = _fields(model, (key, *columns))
    changes = ", ".join(f"{_column(field)} = changed.{_column(field)}" for field in fields[1:])
    statement = (
        f"UPDATE {table} SET {changes} FROM changed "
        f"WHERE {table}.{_column(fields[0])} = changed.{_column(fields[0])}"
    )
    parameters = []
    for name, value in (guard or {}).items():
        (field,) = _fields(model, (name,))
        # As an expression, of which PostgreSQL has no statistics: a column that was empty at the
        # last
        # ANALYZE promises a single row, and the join becomes a thousand times a thousand
        # comparisons.
        statement += f" AND CAST({table}.{_column(field)} AS text) = CAST(%s AS text)"
        parameters.append(field.get_db_prep_value(value, connection))
    fields_back = _fields(model, returning)
    if returning:
        statement += " RETURNING " + ", ".join(f"{table}.{_column(field)}" for field in fields_back)
    return _run(statement, fields, rows, parameters, fields_back)


def upsert_rows(
    model: type[models.Model],
    key: str,
    columns: Sequence[str],
    rows: Sequence[Row],
    *,
    version: str,
) -> set[Any]:
    """Insert ``rows``, or replace the row that has the same ``key``; returns the keys written.

    A row is replaced only if its ``version`` is one less than the new one: whoever has read an
    older row writes nothing. ``rows`` are in the order of their keys, each key once: two writers
    of the same rows then wait for each other and cannot deadlock.
    """
    fields = _fields(model, columns)
    table, names = _table(model), ", ".join(map(_column, fields))
    (key_field, version_field) = _fields(model, (key, version))
    changes = ", ".join(
        f"{_column(field)} = excluded.{_column(field)}" for field in fields if field != key_field
    )
    statement = (
        f"INSERT INTO {table} ({names}) SELECT {names} FROM changed WHERE true "
        f"ORDER BY {_column(key_field)} "
        f"ON CONFLICT ({_column(key_field)}) DO UPDATE SET {changes} "
        f"WHERE {table}.{_column(version_field)} = excluded.{_column(version_field)} - 1 "
        f"RETURNING {_column(key_field)}"
    )
    return {found for (found,) in _run(statement, fields, rows, [], [key_field])}


def _run(
    statement: str,
    fields: list[Any],
    rows: Sequence[Row],
    parameters: list[Any],
    fields_back: list[Any],
) -> list[tuple[Any, ...]]:
    """Run ``statement`` over a table expression ``changed`` that yields ``rows``."""
    returned: list[tuple[Any, ...]] = []
    expression_of = _rows_on_postgresql if connection.vendor == "postgresql" else _rows_on_sqlite
    step = len(rows) if connection.vendor == "postgresql" else SQLITE_PARAMETERS // len(fields)
    names = ", ".join(map(_column, fields))
    with connection.cursor() as cursor:
        for start in range(0, len(rows), step or 1):
            expression, values = expression_of(fields, rows[start : start + step])
            cursor.execute(
                f"WITH changed({names}) AS ({expression}) {statement}", [*values, *parameters]
            )
            if fields_back:
                returned += cursor.fetchall()
    if connection.vendor != "postgresql" and any(map(_is_moment, fields_back)):
        return [tuple(map(_read_moment, fields_back, row)) for row in returned]
    return returned


def _is_moment(field: Any) -> bool:
    return isinstance(field, models.DateTimeField)


def _read_moment(field: Any, value: Any) -> Any:
    """SQLite keeps UTC without saying so."""
    return value.replace(tzinfo=UTC) if _is_moment(field) and value is not None else value


def _rows_on_postgresql(fields: list[Any], rows: Sequence[Row]) -> tuple[str, list[Any]]:
    """One array for each column; a column with the same value in every row travels once."""
    selected, arrays, array_values, values = [], [], [], []
    for position, field in enumerate(fields):
        # "varchar(100)" is no name for an array's type: lengths are checked on insertion anyway.
        kind = (field.rel_db_type if field.is_relation else field.db_type)(connection)
        kind = kind.partition("(")[0]
        column = [row[position] for row in rows]
        first = column[0]
        if position and all(value == first for value in column):
            selected.append(f"%s::{kind}")
            values.append(_for_psycopg(field, first))
        else:
            name = f"c{position}"
            selected.append(name)
            arrays.append((name, kind))
            array_values.append([_for_psycopg(field, value) for value in column])
    unnested = ", ".join(f"%s::{kind}[]" for _, kind in arrays)
    aliases = ", ".join(name for name, _ in arrays)
    return (
        f"SELECT {', '.join(selected)} FROM unnest({unnested}) AS arrays({aliases})",
        [*values, *array_values],
    )


def _rows_on_sqlite(fields: list[Any], rows: Sequence[Row]) -> tuple[str, list[Any]]:
    one_row = "(" + ", ".join(["%s"] * len(fields)) + ")"
    return "VALUES " + ", ".join([one_row] * len(rows)), [
        field.get_db_prep_value(value, connection)
        for row in rows
        for field, value in zip(fields, row, strict=True)
    ]


def _for_psycopg(field: Any, value: Any) -> Any:
    """psycopg adapts all but JSON automatically."""
    if isinstance(field, models.JSONField) and value is not None:
        return orjson.dumps(value).decode()
    return value


def _fields(model: type[models.Model], names: Sequence[str]) -> list[Any]:
    """Fields by attname (``event_id``), which for a foreign key is not the field's name."""
    by_attname = {field.attname: field for field in model._meta.concrete_fields}
    return [by_attname[name] for name in names]


def _table(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _column(field: Any) -> str:
    return connection.ops.quote_name(field.column)
