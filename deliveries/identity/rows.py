"""People as rows, many in one query.

Each batch of events and each claim reads some hundred. Django's objects for that many keys take
longer than the database takes to find them, so this is SQL, and keys are bytes.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import NamedTuple

import orjson
from django.db import connection


class StoredPerson(NamedTuple):
    """A person as stored; ``entries_of_user``: of the user whom a device leads to, if asked for."""

    entries: bytes
    user: bytes | None
    is_shared: bool
    seen_on: date
    version: int
    entries_of_user: bytes | None


def read_people(keys: Collection[bytes], *, with_users: bool = False) -> dict[bytes, StoredPerson]:
    """The people with these keys (each once), as far as they are known. One query."""
    if not keys:
        return {}
    on_postgresql = connection.vendor == "postgresql"
    names = [key.hex() for key in keys]
    with connection.cursor() as cursor:
        cursor.execute(
            _STATEMENTS[on_postgresql, with_users],
            ["{" + ",".join(names) + "}" if on_postgresql else orjson.dumps(names).decode()],
        )
        rows = cursor.fetchall()
    if on_postgresql:
        return {row[0]: StoredPerson(*row[1:]) for row in rows}
    return {
        bytes.fromhex(key): StoredPerson(
            entries, bytes.fromhex(user) if user else None, bool(is_shared), *rest
        )
        for key, entries, user, is_shared, *rest in rows
    }


def statement(on_postgresql: bool, *, with_users: bool) -> str:
    """The SQL that reads people; its parameter are their keys."""
    if not on_postgresql:
        of_user, join = "NULL", ""
        if with_users:
            of_user = "of_user.entries"
            join = "LEFT JOIN deliveries_person AS of_user ON of_user.key = person.user_id"
        return (
            f"SELECT {_COLUMNS.format('person.key', 'person.user_id', of_user)} "
            f"FROM deliveries_person AS person {join} "
            "WHERE person.key IN (SELECT value FROM json_each(%s))"
        )
    # OFFSET 0 keeps the look-ups apart. PostgreSQL would rather read a table of a hundred
    # thousand people from one end to the other than look for five hundred of them.
    of_user, join = "NULL::bytea", ""
    if with_users:
        of_user = "of_user.entries"
        join = (
            "LEFT JOIN LATERAL (SELECT entries FROM deliveries_person "
            "WHERE key = person.user_id OFFSET 0) AS of_user ON true"
        )
    return (
        f"SELECT {_COLUMNS.format('uuid_send(person.key)', 'uuid_send(person.user_id)', of_user)} "
        "FROM unnest(%s::uuid[]) AS wanted(key) CROSS JOIN LATERAL "
        f"(SELECT * FROM deliveries_person WHERE key = wanted.key OFFSET 0) AS person {join}"
    )


_COLUMNS = "{}, person.entries, {}, person.is_shared, person.seen_on, person.version, {}"
_STATEMENTS = {
    (on_postgresql, with_users): statement(on_postgresql, with_users=with_users)
    for on_postgresql in (True, False)
    for with_users in (True, False)
}
