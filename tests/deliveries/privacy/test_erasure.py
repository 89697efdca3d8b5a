"""After the retention of bodies no table says whose event it was, wherever that stood before."""

from __future__ import annotations

import hashlib
import threading
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.db.compression import pack
from deliveries.models import Attempt, Batch, Delivery, Event, JobCursor, Refusal, SearchKey
from deliveries.privacy import retention
from deliveries.privacy.masking import HIDDEN
from deliveries.privacy.retention import prune
from deliveries.search import search_keys
from deliveries.search.search_keys import events_with, index_events
from tests.deliveries.searching import found_ids
from tests.deliveries.whole_database import places_of
from tests.factories import make_deliveries, make_destination, make_event

pytestmark = pytest.mark.django_db
NOW = timezone.now()
DAY = timedelta(days=1)
ADDRESS = "rosalind.franklin@kings.example"
HASH = hashlib.sha256(ADDRESS.encode()).hexdigest()
PHONE = "+44 20 7946 0018"
SECRETS = (ADDRESS, HASH, PHONE)
SAID = f"Invalid value '{HASH}' of {ADDRESS}, {PHONE}"
FIELD = f"properties.{ADDRESS}"


def everywhere(age_days: float = 31, **fields: Any) -> Delivery:
    """A rejected delivery, its event, attempt, batch and a refusal, with the address wherever it
    fits."""
    moment = NOW - age_days * DAY
    destination = make_destination(dedup_key="context.traits.email")
    event = make_event(
        userId=ADDRESS, context={"traits": {"email": ADDRESS, "phone": PHONE}}, note=HASH
    )
    (delivery,) = make_deliveries(
        destination, events=[event], age_seconds=(timezone.now() - moment).total_seconds()
    )
    said = {"error_code": "rejected", "error_field": FIELD, "error_message": SAID}
    batch = Batch.objects.create(
        destination=destination,
        sent_at=moment,
        api_version="v5",
        conversion_count=1,
        error_code="http_400",
        error_message=SAID,
        request_body=pack(orjson.dumps({"data": [{"user_data": {"em": [HASH]}}]})),
        response_body=pack(SAID.encode()),
    )
    Delivery.objects.filter(pk=delivery.pk).update(
        **{
            "status": "rejected",
            "due_at": None,
            "settled_at": moment,
            "batch": batch,
            "conversion_event_id": ADDRESS,
            "error_stage": "response",
            "warnings": [
                {"code": "phone_invalid", "field": FIELD, "message": SAID},
                {"code": "value_invalid", "field": "properties.value", "message": SAID},
            ],
            **said,
            **fields,
        }
    )
    Attempt.objects.create(
        delivery=delivery, number=1, batch=batch, outcome="rejected", ended_at=moment, **said
    )
    Refusal.objects.create(
        source=destination.sources.get(),
        received_at=moment,
        code="event_invalid",
        field=FIELD,
        message=SAID,
        excerpt=SAID,
    )
    delivery.refresh_from_db()
    return delivery


def run(now: datetime = NOW) -> dict[str, int]:
    counts, may_go_on = prune(
        bodies_before=now - 30 * DAY,
        log_before=now - 90 * DAY,
        people_before=now - 180 * DAY,
        now=now,
    )
    assert may_go_on is False
    return counts


def places() -> set[str]:
    return places_of(SECRETS)


def test_a_known_address_stands_in_no_table_after_its_time() -> None:
    delivery = everywhere()
    index_events(NOW)
    assert places() == {
        "event.body",
        "batch.request_body",
        "batch.response_body",
        "batch.error_message",
        "delivery.conversion_event_id",
        "delivery.error_field",
        "delivery.error_message",
        "delivery.warnings",
        "attempt.error_field",
        "attempt.error_message",
        "refusal.field",
        "refusal.message",
        "refusal.excerpt",
    }
    assert set(events_with(ADDRESS)) == {delivery.event_id}
    assert SearchKey.objects.count() == 3

    counts = run()

    assert places() == set()
    assert not SearchKey.objects.exists()
    assert [counts[f"personal data of {of}"] for of in ("events", "batches", "refusals")] == [1] * 3


def test_codes_and_the_names_of_fields_stay() -> None:
    delivery = everywhere(error_field="user_data.em[0]")
    run()
    delivery.refresh_from_db()
    assert (delivery.error_stage, delivery.error_code) == ("response", "rejected")
    assert (delivery.error_field, delivery.error_message) == ("user_data.em[0]", "")
    assert delivery.warnings == [
        {"code": "phone_invalid", "field": "", "message": ""},
        {"code": "value_invalid", "field": "properties.value", "message": ""},
    ]
    assert Attempt.objects.get().error_code == "rejected"
    assert Batch.objects.get().error_code == "http_400"
    assert Refusal.objects.get().code == "event_invalid"
    assert Event.objects.get().message_id.startswith("message-")
    assert delivery.conversion_event_id == HIDDEN


@pytest.mark.parametrize(
    ("dedup_key", "own", "kept"),
    [
        ("properties.order_id", "order-17", True),
        ("properties.order_id", ADDRESS, False),
        ("context.traits.email", "rosalind", False),
        ("", "rosalind", False),
        ("context.traits.email", "", True),
    ],
)
def test_an_event_id_stays_when_everybody_who_sees_the_log_may_read_it(
    dedup_key: str, own: str, kept: bool
) -> None:
    delivery = everywhere(conversion_event_id=own)
    type(delivery.destination).objects.update(dedup_key=dedup_key)
    run()
    delivery.refresh_from_db()
    assert delivery.conversion_event_id == (own if kept else HIDDEN)


def test_what_is_young_or_owed_keeps_all_of_it() -> None:
    everywhere(29)
    before = places()
    run()
    assert places() == before
    Refusal.objects.all().delete()
    Batch.objects.all().delete()
    owed = everywhere(400, status="pending", due_at=NOW, settled_at=None)
    index_events(NOW)
    run()
    assert Event.objects.get(pk=owed.event_id).body is not None
    assert SearchKey.objects.filter(event_id=owed.event_id).count() == 3
    owed.refresh_from_db()
    assert owed.error_message == SAID


def test_what_lost_only_its_body_to_an_older_release_loses_the_rest() -> None:
    everywhere()
    index_events(NOW)
    last = Event.objects.latest("pk").pk
    for name in ("event bodies", "batch bodies", "refusal excerpts"):
        JobCursor.objects.create(name=name, position=last + 1000, round_started_at=NOW)
    Event.objects.update(body=None)
    Batch.objects.update(request_body=None, response_body=None)
    Refusal.objects.update(excerpt="")
    assert places()
    run()
    assert places() == set()
    assert not SearchKey.objects.exists()


def test_a_run_that_ends_early_is_taken_up_where_it_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retention, "STEP", 2)
    for _ in range(5):
        everywhere()
    index_events(NOW)
    left = iter([False, True])
    _, may_go_on = prune(
        bodies_before=NOW - 30 * DAY,
        log_before=NOW - 90 * DAY,
        people_before=NOW - 180 * DAY,
        now=NOW,
        is_over=lambda: next(left),
    )
    assert (may_go_on, SearchKey.objects.count()) == (True, 9)
    run()
    assert (places(), SearchKey.objects.count()) == (set(), 0)


def test_the_statements_of_a_step_do_not_grow_with_its_rows() -> None:
    run()  # makes its cursors
    counts = []
    for size in (2, 12):
        for _ in range(size):
            everywhere()
        index_events(NOW)
        with CaptureQueriesContext(connection) as queries:
            run()
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_log_finds_nobody_by_an_address_then(admin_client: Any) -> None:
    delivery = everywhere()
    index_events(NOW)
    assert found_ids(admin_client, ADDRESS) == [delivery.pk]
    run()
    assert found_ids(admin_client, ADDRESS) == []
    for path in (
        f"deliveries/delivery/{delivery.pk}/change/",
        f"deliveries/batch/{delivery.batch_id}/change/",
        "deliveries/refusal/",
        "deliveries/delivery/",
    ):
        page = admin_client.get(f"/admin/{path}")
        assert page.status_code == 200
        assert ADDRESS not in page.text


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_keys_that_are_being_written_go_with_their_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer of the keys has read the bodies, and commits after the retention came to them."""
    everywhere()
    has_read, may_write = threading.Event(), threading.Event()
    insert = search_keys.insert_rows

    def insert_late(*args: Any, **options: Any) -> Any:
        has_read.set()
        assert may_write.wait(30)
        return insert(*args, **options)

    def write_keys() -> None:
        try:
            index_events(NOW)
        finally:
            connection.close()

    def is_waiting() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            return bool(cursor.fetchone()[0])

    def take() -> None:
        try:
            run()
        finally:
            connection.close()

    monkeypatch.setattr(search_keys, "insert_rows", insert_late)
    writer, taker = threading.Thread(target=write_keys), threading.Thread(target=take)
    writer.start()
    assert has_read.wait(30)
    taker.start()
    try:
        while not is_waiting():
            assert taker.is_alive(), "the retention did not wait for the keys"
    finally:
        may_write.set()
        writer.join()
        taker.join()
    assert not SearchKey.objects.exists()
    assert places() == set()
