"""Many rows in one statement: the two writes on which the speed of ingest and settling hangs.

Django's ``bulk_create`` cannot say which rows a conflict left out, and ``bulk_update`` builds a
CASE expression for every row and column. Both statements here take one array for each column, so
their text, and what the database must parse, does not grow with the number of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    if returning:
        statement += " RETURNING " + ", ".join(map(_column, _fields(model, returning)))
    return _run(statement, fields, rows, [], fetch=bool(returning))


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
        statement += f" AND {table}.{_column(field)} = %s"
        parameters.append(field.get_db_prep_value(value, connection))
    if returning:
        columns_back = (f"{table}.{_column(field)}" for field in _fields(model, returning))
        statement += " RETURNING " + ", ".join(columns_back)
    return _run(statement, fields, rows, parameters, fetch=bool(returning))


def _run(
    statement: str, fields: list[Any], rows: Sequence[Row], parameters: list[Any], *, fetch: bool
) -> list[tuple[Any, ...]]:
    """Run ``statement`` over a table expression ``changed`` that yields ``rows``."""
    names = ", ".join(map(_column, fields))
    returned: list[tuple[Any, ...]] = []
    step = len(rows) if connection.vendor == "postgresql" else SQLITE_PARAMETERS // len(fields)
    with connection.cursor() as cursor:
        for start in range(0, len(rows), step or 1):
            part = rows[start : start + step]
            if connection.vendor == "postgresql":
                expression = f"SELECT * FROM unnest({_typed_arrays(fields)})"
                values: list[Any] = [
                    [_prepared(field, row[position]) for row in part]
                    for position, field in enumerate(fields)
                ]
            else:
                one_row = "(" + ", ".join(["%s"] * len(fields)) + ")"
                expression = "VALUES " + ", ".join([one_row] * len(part))
                values = [
                    field.get_db_prep_value(value, connection)
                    for row in part
                    for field, value in zip(fields, row, strict=True)
                ]
            cursor.execute(
                f"WITH changed({names}) AS ({expression}) {statement}", [*values, *parameters]
            )
            if fetch:
                returned += cursor.fetchall()
    return returned


def _prepared(field: Any, value: Any) -> Any:
    """A value for an array of PostgreSQL: psycopg adapts all but JSON by itself."""
    if isinstance(field, models.JSONField) and value is not None:
        return orjson.dumps(value).decode()
    return value


def _typed_arrays(fields: list[Any]) -> str:
    # "varchar(100)" is no name for an array's type: lengths are checked on insertion anyway.
    types = (
        field.rel_db_type(connection) if field.is_relation else field.db_type(connection)
        for field in fields
    )
    return ", ".join(f"%s::{kind.partition('(')[0]}[]" for kind in types)


def _fields(model: type[models.Model], names: Sequence[str]) -> list[Any]:
    """Fields by attname (``event_id``), which for a foreign key is not the field's name."""
    by_attname = {field.attname: field for field in model._meta.concrete_fields}
    return [by_attname[name] for name in names]


def _table(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _column(field: Any) -> str:
    return connection.ops.quote_name(field.column)
