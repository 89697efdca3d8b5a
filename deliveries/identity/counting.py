"""How many people are remembered: counts, never a list."""

from __future__ import annotations

from django.db import connection

from deliveries.models import Person

MAX_COUNTED = 100_000
"""Counted exactly up to here; beyond it PostgreSQL's own estimate is good enough."""


def count_people() -> tuple[int, bool]:
    """How many users and devices are known, and whether that is exact.

    At most MAX_COUNTED rows are looked at.
    """
    table = connection.ops.quote_name(Person._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {MAX_COUNTED + 1}) AS counted"
        )
        (count,) = cursor.fetchone()
        if count <= MAX_COUNTED:
            return count, True
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(%s)",
                [Person._meta.db_table],
            )
        else:
            cursor.execute(f"SELECT max(rowid) FROM {table}")
        (estimate,) = cursor.fetchone()
        return max(count, estimate or 0), False
