"""How people are found: by their keys, however many there are."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection

from deliveries.identity.keys import key_of, uuid_of
from deliveries.identity.rows import read_people, statement
from deliveries.models import Person
from destinations.pinterest.identity import DEVICE, USER

pytestmark = pytest.mark.django_db


def store(count: int) -> list[bytes]:
    """Users, and for each the device that leads to them; returns the keys."""
    users = [key_of("#1", USER, f"u{number}") for number in range(count)]
    devices = [key_of("#1", DEVICE, f"d{number}") for number in range(count)]
    common = {"is_shared": False, "seen_on": date(2026, 11, 20), "version": 1}
    Person.objects.bulk_create(
        [Person(key=uuid_of(key), entries=key * 4, is_device=False, **common) for key in users]
        + [
            Person(key=uuid_of(key), entries=b"", user_id=uuid_of(user), is_device=True, **common)
            for key, user in zip(devices, users, strict=True)
        ]
    )
    return [*users, *devices]


def test_people_come_with_the_users_they_lead_to() -> None:
    user, device = store(1)
    stranger = key_of("#1", USER, "stranger")
    people = read_people([user, device, stranger], with_users=True)
    assert people.keys() == {user, device}
    assert people[user][:3] == (user * 4, None, False)
    assert people[user].entries_of_user is None
    assert people[device][:3] == (b"", user, False)
    assert people[device].entries_of_user == user * 4
    assert people[device].seen_on == date(2026, 11, 20)
    assert read_people([device])[device].entries_of_user is None
    assert read_people([]) == {}


def test_a_claim_looks_people_up_and_reads_nobody_else() -> None:
    """Also where PostgreSQL thinks that reading all of them is cheaper."""
    if connection.vendor != "postgresql":
        pytest.skip("The plan of PostgreSQL.")
    keys = store(2000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE deliveries_person")
        cursor.execute(
            f"EXPLAIN {statement(True, with_users=True)}",
            ["{" + ",".join(key.hex() for key in keys[::4]) + "}"],
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan" not in plan
    assert plan.count("Index Scan using deliveries_person_pkey") == 2
