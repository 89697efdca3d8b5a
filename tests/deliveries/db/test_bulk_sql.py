"""Bulk writes mean the same on PostgreSQL and SQLite."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from benchmarks.log_filling import fill_due
from deliveries.db.bulk_sql import insert_rows, update_rows
from deliveries.db.compression import COMPRESSED_FROM_BYTES, pack, pack_event, unpack
from deliveries.models import Delivery, Event
from deliveries.statuses import DeliveryStatus
from tests.deliveries.plans import explained
from tests.factories import make_deliveries, make_destination, make_source

EVENT_COLUMNS = ("source_id", "message_id", "type", "name", "received_at", "body")


def event_row(source_id: int, message_id: str, body: bytes | None = b"{}") -> tuple[Any, ...]:
    return (source_id, message_id, "track", "Grüße 'x' %s", timezone.now(), body)


@pytest.mark.django_db
def test_inserted_rows_hold_exactly_what_was_given() -> None:
    source = make_source()
    row = event_row(source.pk, "m-1", b"\x00\xff bytes")
    ((event_id, message_id),) = insert_rows(
        Event, EVENT_COLUMNS, [row], returning=("id", "message_id")
    )
    event = Event.objects.get(pk=event_id)
    assert message_id == "m-1"
    assert (event.source_id, event.name, bytes(event.body)) == (source.pk, row[3], row[5])
    assert event.received_at == row[4]


@pytest.mark.django_db
def test_rows_that_are_there_already_are_left_out_and_not_returned() -> None:
    source = make_source()
    insert_rows(Event, EVENT_COLUMNS, [event_row(source.pk, "old")])
    rows = [event_row(source.pk, name) for name in ("old", "new", "new")]
    returned = insert_rows(
        Event, EVENT_COLUMNS, rows, returning=("message_id",), ignore_conflicts=True
    )
    assert returned == [("new",)]
    assert Event.objects.count() == 2


@pytest.mark.django_db
def test_nulls_among_values_stay_nulls() -> None:
    source = make_source()
    insert_rows(
        Event,
        EVENT_COLUMNS,
        [event_row(source.pk, "with"), event_row(source.pk, "without", None)],
    )
    bodies = dict(Event.objects.values_list("message_id", "body"))
    assert bodies["without"] is None
    assert bytes(bodies["with"]) == b"{}"


@pytest.mark.django_db
def test_no_rows_means_no_statement(django_assert_num_queries: Callable[..., Any]) -> None:
    with django_assert_num_queries(0):
        assert insert_rows(Event, EVENT_COLUMNS, [], returning=("id",)) == []
        assert update_rows(Delivery, "id", ("status",), []) == []


@pytest.mark.django_db
def test_an_update_changes_the_guarded_rows_only() -> None:
    destination = make_destination()
    ours, theirs = make_deliveries(destination, 2)
    token, due_at = uuid.uuid4(), timezone.now()
    for delivery, its_token in ((ours, token), (theirs, uuid.uuid4())):
        Delivery.objects.filter(pk=delivery.pk).update(
            status=DeliveryStatus.SENDING, claim_token=its_token, due_at=due_at
        )
    warnings = [{"code": "c", "field": "f", "message": "it's 100 %"}]

    changed = update_rows(
        Delivery,
        "id",
        ("status", "due_at", "claim_token", "attempt_count", "warnings"),
        [
            (ours.pk, "delivered", None, None, 3, warnings),
            (theirs.pk, "delivered", None, None, 4, []),
        ],
        guard={"claim_token": token},
        returning=("id",),
    )

    assert changed == [(ours.pk,)]
    ours.refresh_from_db()
    theirs.refresh_from_db()
    assert (ours.status, ours.due_at, ours.attempt_count) == ("delivered", None, 3)
    assert ours.warnings == warnings
    assert (theirs.status, theirs.attempt_count) == ("sending", 0)


@pytest.mark.django_db
def test_more_rows_than_one_statement_of_sqlite_takes() -> None:
    source = make_source()
    rows = [event_row(source.pk, f"m-{number}") for number in range(6000)]
    returned = insert_rows(Event, EVENT_COLUMNS, rows, returning=("id",), ignore_conflicts=True)
    assert len(returned) == 6000


@pytest.mark.postgres
@pytest.mark.django_db
def test_one_statement_on_postgresql_whatever_the_number_of_rows(
    django_assert_num_queries: Callable[..., Any],
) -> None:
    source = make_source()
    with django_assert_num_queries(1):
        insert_rows(
            Event, EVENT_COLUMNS, [event_row(source.pk, f"m-{number}") for number in range(6000)]
        )


@pytest.mark.parametrize("size", [0, 1, COMPRESSED_FROM_BYTES - 1, COMPRESSED_FROM_BYTES, 100_000])
def test_a_body_comes_back_as_it_was(size: int) -> None:
    body = b"x" * size
    packed = pack(body)
    assert unpack(memoryview(packed)) == body
    assert len(packed) <= size + 1
    assert unpack(pack_event(body)) == body


def test_bodies_that_the_version_before_wrote_can_be_read() -> None:
    body = b'{"data":[]}' * 5_000
    assert unpack(zlib.compress(body, 1)) == body
    assert pack(body)[:4] == b"\x28\xb5\x2f\xfd"


def test_the_version_before_can_read_events_written_now() -> None:
    body = b'{"type":"track"}' * 5_000
    assert zlib.decompress(pack_event(body)) == body


@pytest.mark.parametrize("stored", [b"", b"x", b"\x28\xb5\x2f\xfdbroken", b"\x78\x01broken"])
def test_what_is_no_stored_body_is_an_error(stored: bytes) -> None:
    with pytest.raises(ValueError, match="stored body"):
        unpack(stored)


@pytest.mark.postgres
@pytest.mark.django_db
def test_new_event_bodies_are_compressed_with_lz4() -> None:
    source = make_source()
    insert_rows(Event, EVENT_COLUMNS, [event_row(source.pk, "m-1", b"\0" + b"word " * 2_000)])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 'lz4' = ANY (s.enumvals), pg_column_compression(e.body)"
            " FROM deliveries_event e, pg_settings s WHERE s.name = 'default_toast_compression'"
        )
        has_lz4, method = cursor.fetchone()
    assert method == ("lz4" if has_lz4 else "pglz")


@pytest.mark.postgres
@pytest.mark.django_db
def test_settling_in_a_young_log_does_not_compare_every_row_with_every_row() -> None:
    """When ANALYZE last looked, nothing was claimed: no row seems to have the token."""
    destination = make_destination()
    fill_due(destination.sources.get().pk, [destination.pk], 12_000, timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE deliveries_delivery")
    ids = list(Delivery.objects.order_by("-pk").values_list("pk", flat=True))
    for attempt in (1, 2, 3, 4):  # what was claimed and settled since then
        Delivery.objects.filter(pk__in=ids[:10_000]).update(attempt_count=attempt)
    token, claimed = uuid.uuid4(), ids[10_000:11_000]
    Delivery.objects.filter(pk__in=claimed).update(status="sending", claim_token=token)
    columns = ("status", "due_at", "claim_token", "batch_position", "warnings")
    rows = [(pk, "delivered", None, None, place, []) for place, pk in enumerate(claimed)]
    with explained() as plans:
        changed = update_rows(
            Delivery, "id", columns, rows, guard={"claim_token": token}, returning=("id",)
        )
    assert len(changed) == 1000
    inner = [n["Plans"][1]["Node Type"] for n in plans.nodes if n["Node Type"] == "Nested Loop"]
    assert "Function Scan" not in inner
