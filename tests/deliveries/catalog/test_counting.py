"""The upkeep of the catalog of events: what it counts, what it bounds, and what it keeps."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.catalog import counting
from deliveries.catalog.counting import BEYOND, catalog_events, catalog_step
from deliveries.models import Event, JobCursor, SeenEvent
from deliveries.tasks import catalog_events as task
from tests.deliveries.catalog.events import store, take_in
from tests.deliveries.whole_database import places_of
from tests.factories import make_destination, make_source

pytestmark = pytest.mark.django_db


def row_of(name: str, kind: str = "track") -> SeenEvent:
    return SeenEvent.objects.get(name=name, type=kind)


def test_each_name_is_counted_by_hour_and_day_with_its_first_and_last_moment() -> None:
    source, now = make_source(), timezone.now().replace(minute=30)
    early, late = now - timedelta(days=3), now - timedelta(minutes=10)
    store(source, "Signed Up", 3, at=early)
    store(source, "Signed Up", 2, at=late)
    store(source, "Order Completed", 4, at=late)
    take_in()
    row = row_of("Signed Up")
    assert (row.count, row.first_seen_at, row.last_seen_at) == (5, early, late)
    hours = {str(int(moment.timestamp()) // 3600): count for moment, count in ((late, 2),)}
    assert row.hours == hours  # the other hour is more than a day before
    assert row.days == {
        str(int(early.timestamp()) // 86400): 3,
        str(int(late.timestamp()) // 86400): 2,
    }
    assert row_of("Order Completed").count == 4


def test_what_was_taken_in_is_added_to_and_never_counted_twice() -> None:
    source = make_source()
    store(source, "Signed Up", 3)
    take_in()
    take_in(timezone.now() + timedelta(minutes=2))
    store(source, "Signed Up", 2)
    take_in(timezone.now() + timedelta(minutes=4))
    assert row_of("Signed Up").count == 5
    assert SeenEvent.objects.count() == 1


def test_an_event_is_taken_in_once_all_with_lower_ids_must_be_committed() -> None:
    store(make_source(), "Signed Up")
    now = timezone.now()
    assert catalog_step(now) == 0
    assert catalog_step(now + timedelta(seconds=19)) == 0
    assert catalog_step(now + timedelta(seconds=31)) == 1


def test_calls_without_a_name_of_their_own_are_one_row_each() -> None:
    source = make_source()
    for title in ("Home", "Shoes", "Sale"):
        store(source, title, kind="page")
    store(source, "Home", kind="screen")
    store(source, "", kind="identify")
    store(source, "x", kind="made up")
    take_in()
    rows = SeenEvent.objects.values_list("type", "name", "count")
    assert set(rows) == {
        ("page", "", 3),
        ("screen", "Home", 1),
        ("identify", "", 1),
        ("other", "", 1),
    }


def test_shares_and_types_of_properties_are_those_pinterest_would_get() -> None:
    source = make_source()
    store(source, "Order Completed", 2, properties={"total": 5, "currency": "EUR"})
    nobody = {"context": {"traits": {}}, "properties": {"total": "12.50", "gift": True}}
    store(source, "Order Completed", **nobody)
    listed = {"products": [{"product_id": "p", "price": 2}], "note": None}
    store(source, "Order Completed", properties=listed)
    take_in()
    row = row_of("Order Completed")
    assert row.looked_at_count == 4
    assert row.shares == {"email": 3, "value": 3, "currency": 2, "products": 1}
    assert row.properties == {
        "total": {"number": 2, "text": 1},
        "currency": {"text": 2},
        "gift": {"boolean": 1},
        "products": {"list": 1},
        "note": {"null": 1},
    }


def test_no_value_and_no_key_that_may_be_personal_is_kept() -> None:
    source = make_source()
    properties = {"anna@example.com": 1, "4915112345678": "x", "note": "call Anna Schmidt"}
    traits = {"traits": {"email": "anna@example.com"}}
    store(source, "Message from anna@example.com", properties=properties, context=traits)
    store(source, "Order 20251128-4711 paid", properties={"id": "Anna Schmidt"})
    take_in()
    assert set(SeenEvent.objects.values_list("name", flat=True)) == {
        "Message from •••",
        "Order ••• paid",
    }
    assert row_of("Message from •••").properties == {"note": {"text": 1}}
    places = places_of(["anna@example.com", "Anna Schmidt", "4915112345678", "20251128"])
    assert not [place for place in places if "seenevent" in place]


def test_names_that_differ_in_numbers_are_one_name() -> None:
    store_many = [f"Order {number} paid" for number in range(10_000_000, 10_000_040)]
    source = make_source()
    for name in store_many:
        store(source, name)
    take_in()
    assert row_of("Order ••• paid").count == 40
    assert SeenEvent.objects.count() == 1


def test_made_up_names_never_push_out_what_is_real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MAX_NAMES", 20)
    source = make_source()
    make_destination(sources=[source], event_map={"Quiz Finished": "lead"})
    store(source, "Newsletter Signed", 5)
    store(source, "Quiz Finished")
    store(source, "Order Completed")
    take_in()
    for turn in range(4):
        for number in range(60):
            store(source, f"made up {turn} {number}")
        take_in(timezone.now() + timedelta(minutes=2 * turn + 2))
    names = set(SeenEvent.objects.exclude(type=BEYOND).values_list("name", flat=True))
    assert {"Newsletter Signed", "Quiz Finished", "Order Completed"} <= names
    assert len(names) == 20
    rest = SeenEvent.objects.get(type=BEYOND)
    assert rest.count + len(names) + 4 == Event.objects.count()
    store(source, "Wishlist Shared", 2)
    take_in(timezone.now() + timedelta(minutes=20))
    assert row_of("Wishlist Shared").count == 2  # real names come again, so they get in
    assert SeenEvent.objects.exclude(type=BEYOND).count() == 20


def test_a_step_reads_a_bounded_number_of_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MAX_GROUPS", 10)
    source = make_source()
    for number in range(30):
        store(source, f"made up {number}")
    store(source, "Signed Up", 7)
    take_in()
    assert row_of("Signed Up").count == 7
    assert SeenEvent.objects.get(type=BEYOND).count == 21
    assert SeenEvent.objects.count() == 11


def test_the_rarest_names_are_looked_into_as_well() -> None:
    source = make_source()
    store(source, "Product Viewed", 300)
    store(source, "Signed Up")
    store(source, "Product Viewed", 300)
    take_in()
    assert row_of("Signed Up").looked_at_count == 1
    frequent = row_of("Product Viewed")
    assert 0 < frequent.looked_at_count <= 2 * counting.SAMPLES
    assert frequent.sample_id == Event.objects.order_by("-pk")[0].pk


def test_shares_are_about_what_was_sent_lately(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "FADING", 20)
    source = make_source()
    store(source, "Order Completed", 60, properties={"old": 1})
    take_in()
    for turn in range(5):
        store(source, "Order Completed", 60, properties={"total": 9, "currency": "EUR"})
        take_in(timezone.now() + timedelta(minutes=2 * turn + 2))
    row = row_of("Order Completed")
    assert row.looked_at_count < 20
    assert row.shares["value"] == row.looked_at_count
    assert "old" not in row.properties


def test_a_name_keeps_a_bounded_number_of_properties() -> None:
    source = make_source()
    for turn in range(3):
        properties = {f"p{turn}_{number}": 1 for number in range(300)}
        store(source, "Order Completed", properties={"total": 1, **properties})
    take_in()
    row = row_of("Order Completed")
    assert len(row.properties) == counting.MAX_PROPERTIES
    assert row.properties["total"] == {"number": 3}


def test_names_nobody_sent_for_as_long_as_the_log_is_kept_are_forgotten(settings: object) -> None:
    settings.LOG_RETENTION_DAYS = 90  # type: ignore[attr-defined]
    now = timezone.now()
    store(make_source(), "Old", at=now - timedelta(days=89))
    store(make_source(), "New", at=now)
    take_in()
    assert SeenEvent.objects.count() == 2
    catalog_events(now + timedelta(days=2))
    assert list(SeenEvent.objects.values_list("name", flat=True)) == ["New"]


def test_an_event_whose_body_is_gone_is_counted_and_not_looked_at() -> None:
    store(make_source(), "Signed Up", 2)
    Event.objects.update(body=None)
    take_in()
    row = row_of("Signed Up")
    assert (row.count, row.looked_at_count, row.sample_id) == (2, 0, None)


def test_a_step_takes_as_many_queries_for_many_names_as_for_few() -> None:
    source, counts = make_source(), []
    for turn, known, new in ((0, 40, 0), (1, 2, 1), (2, 40, 20)):
        for number in range(known):
            store(source, f"name {number}")
        for number in range(new):
            store(source, f"new {turn} {number}")
        now = timezone.now() + timedelta(minutes=2 * turn)
        catalog_step(now)
        with CaptureQueriesContext(connection) as queries:
            assert catalog_step(now + timedelta(seconds=31))
        counts.append(len(queries))
    assert counts[1] == counts[2] <= 22


def test_the_task_takes_in_what_is_there() -> None:
    store(make_source(), "Signed Up")
    assert task() == 0
    catalog_step(timezone.now() - timedelta(minutes=1))
    JobCursor.objects.update(round_started_at=timezone.now() - timedelta(minutes=1))
    assert task() == 1


def test_of_two_workers_that_read_the_same_events_one_counts_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store(make_source(), "Signed Up", 3)
    now = timezone.now()
    catalog_step(now)
    later, work_out = now + timedelta(seconds=31), counting._work_out
    others: list[int] = []

    def work_out_late(first: int, last: int, moment: object) -> counting.Changes:
        found = work_out(first, last, later)
        if not others:
            others.append(-1)
            others.append(catalog_step(later))  # another worker, meanwhile
        return found

    monkeypatch.setattr(counting, "_work_out", work_out_late)
    assert catalog_step(later) == 0
    assert others == [-1, 3]
    assert row_of("Signed Up").count == 3


def test_a_step_that_fails_counts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    store(make_source(), "Signed Up", 3)
    now = timezone.now()
    catalog_step(now)

    def fail(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(counting, "insert_rows", fail)
        with pytest.raises(RuntimeError):
            catalog_step(now + timedelta(seconds=31))
    assert not SeenEvent.objects.exists()
    assert catalog_step(now + timedelta(seconds=31)) == 3
    assert row_of("Signed Up").count == 3
