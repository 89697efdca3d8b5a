"""Events of a source without a destination that is on: counted, shown, sent once there is one."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from typing import Any

import orjson
import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deliveries.actions.bulk import run_step
from deliveries.actions.replay import replay_events
from deliveries.identity.writing import NO_PEOPLE
from deliveries.ingest import statements
from deliveries.ingest.statements import EventRow, OwedRow, Rows, write_rows
from deliveries.models import BulkAction, Delivery, Event, Tally
from deliveries.stats.compaction import merge_tallies
from deliveries.stats.tallies import UNROUTED, append
from deliveries.stats.unrouted import newest_unrouted, read_unrouted
from destinations.models import Destination, Source
from destinations.routing import forget_routes
from tests.deliveries.ingest.sender import basic
from tests.factories import make_destination, make_event, make_source

pytestmark = pytest.mark.django_db(transaction=True)

SOURCES = "/admin/destinations/source/"


def send(source: Source, *events: dict[str, Any]) -> None:
    response = Client().post(
        "/v1/batch",
        orjson.dumps({"batch": events}),
        content_type="application/json",
        headers={"authorization": basic(source.write_key)},
    )
    assert response.status_code == 200
    forget_routes()


def count_of(source: Source) -> int:
    found = read_unrouted(timezone.now()).get(source.pk)
    return found.count if found else 0


def connect(source: Source, **fields: Any) -> Destination:
    destination = make_destination(sources=[source], **fields)
    forget_routes()
    return destination


def page_of(client: Client, url: str) -> str:
    return unescape(client.get(url).content.decode())


def test_only_events_that_no_destination_gets_are_counted_and_each_once() -> None:
    loose, off, routed = make_source(), make_source(), make_source()
    connect(off, enabled=False)
    connect(routed)
    repeated = make_event()
    for source in (loose, off, routed):
        send(source, repeated, make_event(), {"type": "alias", "userId": "u", "previousId": "x"})
        send(source, repeated)
    assert [count_of(one) for one in (loose, off, routed)] == [3, 3, 0]
    assert Event.objects.filter(source=loose, body__isnull=False).count() == 3
    found = read_unrouted(timezone.now())[loose.pk]
    assert found.sendable_count == 3
    assert timezone.now() - found.since < timedelta(minutes=11)


def test_in_one_write_of_several_requests_each_source_has_its_own_count() -> None:
    """Some events of a group are routed and others are not."""
    loose, routed = make_source(), make_source()
    destination = connect(routed)
    now = timezone.now()
    events = [
        EventRow(source.pk, f"m{number}", "track", "A", now, b"{}")
        for source in (loose, routed)
        for number in range(2)
    ]
    owed = [OwedRow(place, destination.pk, "a", "pending", "", "", "", "") for place in (3, 4)]
    for _ in range(2):  # the second time all are known
        write_rows(Rows(events, owed, []))
    assert (count_of(loose), count_of(routed)) == (2, 0)


@pytest.mark.postgres
def test_a_write_without_unrouted_events_runs_the_statement_it_always_ran() -> None:
    plain = statements._statement(with_people=False, with_unrouted=False)
    assert UNROUTED not in plain
    source = make_source()
    destination = connect(source)
    row = EventRow(source.pk, "m", "track", "A", timezone.now(), b"{}")
    owed = OwedRow(1, destination.pk, "a", "pending", "", "", "", "")
    with CaptureQueriesContext(connection) as queries:
        statements._write_at_once(Rows([row], [owed], []), NO_PEOPLE)
    assert len(queries) <= 1
    assert not Tally.objects.filter(metric=UNROUTED).exists()


def test_a_replay_sends_them_and_takes_them_off_the_count(admin_client: Client) -> None:
    source = make_source(name="Web shop")
    send(source, make_event(), make_event(), {"type": "alias", "userId": "u", "previousId": "x"})
    first, second = connect(source), connect(source)
    url = f"{SOURCES}{source.pk}/change/"
    page = page_of(admin_client, url)
    assert "3 events of the last 30 days weren't sent anywhere." in page
    replay = page.partition("/admin/deliveries/bulkaction/new/replay/?")[2].partition('"')[0]
    assert admin_client.get(f"/admin/deliveries/bulkaction/new/replay/?{replay}").context["preview"]
    posted = QueryDict(replay).dict()
    response = admin_client.post("/admin/deliveries/bulkaction/new/replay/", posted)
    assert response.status_code == 302
    action = BulkAction.objects.get()
    for _ in range(3):
        run_step(action.pk)
    assert count_of(source) == 0
    rows = Delivery.objects.values_list("destination_id", "status", "error_code")
    assert sorted(rows) == sorted(
        [
            *[(one.pk, "pending", "") for one in (first, second) for _ in range(2)],
            # What isn't for Pinterest is said once, so that nothing is left that nobody explains.
            (first.pk, "filtered", "unsupported_type"),
        ]
    )
    assert "weren't sent anywhere" not in page_of(admin_client, url)


def test_a_replay_of_events_that_a_destination_got_counts_nothing() -> None:
    source = make_source()
    connect(source)
    send(source, make_event(), make_event())
    other = connect(source)
    replay_events(list(Event.objects.values_list("pk", flat=True)), other, timezone.now())
    assert not Tally.objects.filter(metric=UNROUTED).exists()
    assert Delivery.objects.filter(destination=other, status="pending").count() == 2


def test_the_count_stays_right_when_tallies_are_merged() -> None:
    source = make_source()
    now = timezone.now()
    for hours in (2, 30, 24 * 10):
        append({UNROUTED: 4}, now - timedelta(hours=hours), source_id=source.pk)
    merge_tallies(now)
    append({UNROUTED: -3}, now - timedelta(hours=30), source_id=source.pk)
    append({UNROUTED: -4}, now - timedelta(hours=24 * 10), source_id=source.pk)
    for _ in range(2):
        found = read_unrouted(now)[source.pk]
        assert (found.count, found.sendable_count) == (5, 5)
        merge_tallies(now)


def test_the_source_its_list_and_home_warn(admin_client: Client) -> None:
    source = make_source(name="Web shop")
    list_says, page_says = SOURCES, f"{SOURCES}{source.pk}/change/"
    assert "No destination" in page_of(admin_client, list_says)
    assert "Its events would be stored, but not sent anywhere." in page_of(admin_client, page_says)
    assert "has no destination that is on" not in page_of(admin_client, "/admin/")
    send(source, make_event())
    sentence = "1 event of the last 30 days wasn't sent anywhere."
    for url in (list_says, page_says, "/admin/"):
        assert sentence in page_of(admin_client, url), url
    assert "“Web shop” has no destination that is on." in page_of(admin_client, "/admin/")
    step = "These sources have none that's on: “Web shop”."
    assert step in page_of(admin_client, "/admin/")
    connect(source)
    home = page_of(admin_client, "/admin/")
    assert step not in home
    assert "has no destination that is on" not in home


def test_the_unrouted_events_are_listed_newest_first(admin_client: Client) -> None:
    source, other = make_source(), make_source()
    connect(other)
    send(source, make_event(event="First", messageId="m1"))
    send(other, make_event(event="Routed"))
    send(source, make_event(event="Second", messageId="m2"))
    page = page_of(admin_client, f"{SOURCES}{source.pk}/unrouted/")
    assert page.index("Second") < page.index("First")
    assert "Routed" not in page
    assert "alex" not in page  # nothing of the person
    page = page_of(admin_client, f"{SOURCES}{other.pk}/unrouted/")
    assert "No unrouted events" in page


def test_the_list_ends_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deliveries.stats.unrouted.WIDTH", 2)
    source = make_source()
    send(source, *(make_event() for _ in range(5)))
    since = timezone.now() - timedelta(days=1)
    events, lowest = newest_unrouted(source.pk, since, 50, lambda: False)
    assert len(events) == 2
    assert lowest == min(one.pk for one in events)
    assert len(newest_unrouted(source.pk, since, 50, lambda: True)[0]) == 5
    assert len(newest_unrouted(source.pk, since, 3, lambda: True)[0]) == 3


def test_who_may_not_send_is_offered_no_replay(client: Client) -> None:
    source = make_source()
    send(source, make_event())
    connect(source)
    viewer = User.objects.create_user("v", is_staff=True)

    viewer.user_permissions.set(Permission.objects.filter(codename="view_source"))
    client.force_login(viewer)
    page = page_of(client, f"{SOURCES}{source.pk}/change/")
    assert "wasn't sent anywhere" in page
    assert "/replay/" not in page


def test_what_is_too_old_for_pinterest_is_not_offered(admin_client: Client) -> None:
    source = make_source()
    connect(source)
    append({UNROUTED: 4}, timezone.now() - timedelta(days=8), source_id=source.pk)
    page = page_of(admin_client, f"{SOURCES}{source.pk}/change/")
    assert "Pinterest no longer accepts them" in page
    assert "/replay/" not in page


def test_the_list_of_sources_takes_the_same_queries_however_many_there_are(
    admin_client: Client,
) -> None:
    counts = []
    for _ in range(2):
        for _ in range(3):
            source = make_source()
            append({UNROUTED: 4}, timezone.now(), source_id=source.pk)
        with CaptureQueriesContext(connection) as queries:
            admin_client.get(SOURCES)
        counts.append(len(queries))
    assert counts[0] == counts[1]
