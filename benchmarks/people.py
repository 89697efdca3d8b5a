"""Who visits the shop of the benchmarks, and whom identity memory knows beforehand.

Of ten visits seven are of devices that nobody has signed in on (one of them comes from a Pinterest
ad), two of people who are known and were last here weeks ago, and one of somebody who
signs up, also from an ad. Events of people who are signed in carry their traits, as RudderStack's
SDKs send them.
"""

from __future__ import annotations

from typing import Any

EVENTS_OF_A_VISIT = 6
KINDS = ("new", "known", "known", "ad", *("anonymous",) * 6)
"""Of ten visits in turn."""
VISITORS = 100_000
"""How many of the people who are known come again."""
SEEN_ON = "2026-11-01"


def identify(event: dict[str, Any], kind: str, visit: str) -> dict[str, Any]:
    """``event`` as one of a visit of this kind; ``visit``: who it is."""
    event["anonymousId"] = f"device-of-{visit}"
    context = event["context"]
    context["page"] = {**context.get("page", {}), "url": "https://shop.example/checkout/thanks"}
    if kind in ("new", "ad"):
        context["page"]["url"] += "?epik=dj0yJnU9" + visit[-15:]
    if kind in ("new", "known"):
        event["userId"] = f"user-{visit}"
        context["traits"] = {"email": f"alex.{visit}@example.com", "firstName": "Alex"}
    else:
        event.pop("userId", None)
        context.pop("traits", None)
    return event


def visitor(number: int) -> str:
    """Who comes on a visit of somebody known: fifteen digits."""
    return f"{number % VISITORS:015d}"


def store_people(write_key: str, count: int) -> float:
    """``count`` users and devices whom the source knows; returns the bytes of each on disk.

    Half are users with an email and a phone number, half their devices; the visitors are among
    them.
    """
    from django.db import connection

    from deliveries.identity.writing import forget_noted

    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH crowd AS (
                SELECT gen_random_uuid() AS user_key, gen_random_uuid() AS device_key,
                    sha256(number::text::bytea) AS email, sha256((-number)::text::bytea) AS phone
                FROM generate_series(1, %s) AS number
            ), users AS (
                INSERT INTO deliveries_person (key, entries, is_device, is_shared, seen_on, version)
                SELECT user_key, '\\x000769234a000020'::bytea || email
                    || '\\x010769234a000020'::bytea || phone,
                    false, false, %s::date, 1
                FROM crowd
            )
            INSERT INTO deliveries_person
                (key, entries, user_id, is_device, is_shared, seen_on, version)
            SELECT device_key, ''::bytea, user_key, true, false, %s::date, 1 FROM crowd
            """,
            [max(count // 2 - VISITORS, 0), SEEN_ON, SEEN_ON],
        )
    _store_visitors(write_key, min(VISITORS, count // 2))
    forget_noted()
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE deliveries_person SET seen_on = %s WHERE seen_on <> %s", [SEEN_ON] * 2
        )
        cursor.execute("VACUUM ANALYZE deliveries_person")
        cursor.execute(
            "SELECT pg_total_relation_size('deliveries_person')::float / "
            "greatest((SELECT count(*) FROM deliveries_person), 1)"
        )
        (size,) = cursor.fetchone()
    return float(size)


def _store_visitors(write_key: str, count: int) -> None:
    """As their first events did."""
    from django.utils import timezone

    from deliveries.identity.writing import NoteTaker, draft_people, write_people
    from destinations.routing import routes_for

    routes = routes_for(write_key)
    assert routes is not None
    if routes.identity_space is None:
        return  # nobody is remembered
    now = timezone.now()
    taker = NoteTaker(routes, routes.identity_space, now)
    for start in range(0, count, 1000):
        notes = []
        for number in range(start, min(start + 1000, count)):
            event = identify({"type": "identify", "context": {}}, "known", visitor(number))
            note = taker.note(event)
            assert note is not None
            notes.append(note)
        write_people(draft_people(notes, now))
