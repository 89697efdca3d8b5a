"""People as rows, many in one query.

Each batch of events and each claim reads some hundred. Django's objects for that many keys take
longer than the database takes to find them, so this is SQL, and keys are bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import NamedTuple

import orjson
from django.conf import settings
from django.db import connection, transaction

from deliveries.identity.keys import uuid_of
from deliveries.models import Person


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


SEEN_STEPS = 30
"""Of the retention: somebody of whom nothing new is said is written again after one of them."""


def seen_until(today: date) -> date:
    """Whoever was last written on this day or before is to be written again when seen."""
    return today - timedelta(days=max(1, settings.IDENTITY_RETENTION_DAYS // SEEN_STEPS))


def mark_seen(people: Mapping[bytes, StoredPerson], today: date) -> int:
    """Note that these people were seen today, if that is news; returns how many were written.

    Whom somebody else is just writing is left out. The version stays: what it guards is the same.
    """
    limit = seen_until(today)
    keys = [uuid_of(key) for key, stored in people.items() if stored.seen_on <= limit]
    if not keys:
        return 0
    has_row_locks = connection.features.has_select_for_update_skip_locked
    with transaction.atomic():
        unseen = Person.objects.filter(key__any_of=keys, seen_on__lte=limit).order_by("key")
        locked = list(
            unseen.select_for_update(skip_locked=has_row_locks).values_list("key", flat=True)
        )
        return Person.objects.filter(key__any_of=locked).update(seen_on=today)


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
