"""Databases that answer and take nothing, the real ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def full_disk() -> Iterator[None]:
    """SQLite: the file may not grow. PostgreSQL: its own words for a full disk, from a trigger."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA page_count")
            cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0]}")
            undo = ["PRAGMA max_page_count = 1073741823"]
        else:
            cursor.execute(
                "CREATE FUNCTION disk_is_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
            )
            cursor.execute(
                "CREATE TRIGGER disk_is_full AFTER INSERT ON deliveries_delivery "
                "FOR EACH STATEMENT EXECUTE FUNCTION disk_is_full()"
            )
            undo = ["DROP FUNCTION disk_is_full CASCADE"]
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for statement in undo:
                cursor.execute(statement)


@contextmanager
def read_only() -> Iterator[None]:
    """A database that answers and takes nothing, as a standby does."""
    statements = (
        ("PRAGMA query_only = ON", "PRAGMA query_only = OFF")
        if connection.vendor == "sqlite"
        else tuple(
            f"SET SESSION CHARACTERISTICS AS TRANSACTION READ {w}" for w in ("ONLY", "WRITE")
        )
    )
    with connection.cursor() as cursor:
        cursor.execute(statements[0])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(statements[1])
