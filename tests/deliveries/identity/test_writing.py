"""What ingest writes of people: only what is new, in constant statements, whoever writes beside
it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from deliveries.engine.dispatch import deliver_batch
from deliveries.identity import writing
from deliveries.identity.keys import key_of
from deliveries.identity.writing import forget_noted
from deliveries.ingest.envelope import Arrival, accept_event
from deliveries.ingest.store import store_request
from deliveries.models import Event, Person
from destinations.models import Source
from destinations.pinterest.event import CONTEXT
from destinations.pinterest.identity import CLICK_ID, decode
from destinations.pinterest.user_data import (
    CLICK_URLS,
    HASHED_FIELDS,
    PHONE_PATHS,
    PLAIN_FIELDS,
    STATE_PATHS,
)
from destinations.routing import forget_routes, routes_for
from pinterest_sandbox.sandbox import Sandbox
from tests.factories import make_destination, make_event, make_source

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deliveries.ingest.store.wake", lambda ids: None)
    forget_noted()
    forget_routes()


@pytest.fixture
def source() -> Source:
    return make_source()


def receive(source: Source, events: list[dict[str, Any]], at: datetime = NOW) -> None:
    routes = routes_for(source.write_key)
    assert routes is not None
    store_request(routes, [accept_event(one, "", Arrival(at, "")) for one in events], [], at)


def identify(user: str, email: str, **fields: Any) -> dict[str, Any]:
    event = make_event(type="identify", userId=user, context={"traits": {"email": email}}, **fields)
    del event["event"]
    return event


def statements_of(source: Source, events: list[dict[str, Any]], at: datetime = NOW) -> int:
    with CaptureQueriesContext(connection) as captured:
        receive(source, events, at)
    return len(captured)


def test_a_new_source_remembers_and_one_from_before_does_not(source: Source) -> None:
    assert source.identity_memory == Source.IdentityMemory.ON
    with connection.cursor() as cursor:  # as the release before adds one
        cursor.execute(
            "INSERT INTO destinations_source (name, write_key, enabled, allowed_origins, "
            "created_at)"
            " VALUES ('Old', 'old-key', %s, '', %s)",
            [True, NOW],
        )
    assert Source.objects.get(name="Old").space is None
    receive(Source.objects.get(name="Old"), [identify("u1", "ann@example.com")])
    assert not Person.objects.exists()


def test_nothing_is_kept_in_plain_text(source: Source) -> None:
    event = identify("secret-user", "ann@example.com")
    event["context"]["traits"] |= {"firstName": "Ann", "phone": "+49 170 1234567"}
    receive(source, [event])
    person = Person.objects.get()
    kept = bytes(person.entries) + person.key.bytes
    assert set(decode(bytes(person.entries))) == {"em", "fn", "ph"}
    for text in (b"secret", b"ann", b"Ann", b"170"):
        assert text not in kept


def test_what_was_written_lately_costs_no_statement(source: Source) -> None:
    receive(source, [identify("u1", "ann@example.com")])
    bare = statements_of(source, [make_event(userId=None, anonymousId="0")])
    assert statements_of(source, [identify("u1", "ann@example.com")]) == bare
    assert statements_of(source, [identify("u1", "bob@example.com")]) > bare
    assert statements_of(source, [identify("u1", "bob@example.com")]) == bare


def test_what_says_nothing_of_anybody_is_read_once(source: Source) -> None:
    """Parts that could say something, of which nothing is to be kept: no address, no click ID."""
    visit = make_event(userId="u1", context={"device": {"type": "mobile"}, "traits": {"plan": "A"}})
    del visit["properties"]
    receive(source, [make_event(userId="", anonymousId="0")])  # the write key is known now
    bare = statements_of(source, [make_event(userId="", anonymousId="0")])
    assert statements_of(source, [{**visit, "messageId": "m1"}]) == bare + 1
    assert statements_of(source, [{**visit, "messageId": "m2"}]) == bare
    assert not Person.objects.exists()


def test_an_event_that_says_less_costs_nothing_and_hides_nothing(source: Source) -> None:
    """Calls that say all and calls that say little take turns: what was said stays noted."""
    phone = {"device": {"advertisingId": "38400000-8cf0-11bd-b23e-10b96e40000d"}}
    full = identify("u1", "ann@example.com", anonymousId="d1")
    full["context"] |= phone
    receive(source, [full])
    bare = statements_of(source, [make_event(userId="", anonymousId="0")])
    for context in (phone, {}, full["context"], {"traits": {"email": "ann@example.com"}}):
        event = make_event(userId="u1", anonymousId="d1", context=context)
        assert statements_of(source, [event]) == bare


def test_what_was_denied_is_remembered_when_it_is_said_again(source: Source) -> None:
    """The same click before and after a denial, all within a minute."""
    click = {"page": {"url": "https://shop.example/?epik=dj0yJnU9"}}

    def clicked() -> bool:
        return CLICK_ID in decode(bytes(Person.objects.get().entries))

    for context, is_known in (
        (click, True),
        ({"gpc": True}, False),
        ({}, False),
        (click, True),
        ({**click, "gpc": True}, False),
        ({"gpc": True}, False),
        (click, True),
    ):
        receive(source, [make_event(userId=None, anonymousId="d1", context=context)])
        assert clicked() is is_known


def test_a_statement_that_was_taken_back_is_written_again(source: Source) -> None:
    for email in ("ann@example.com", "bob@example.com", "ann@example.com"):
        receive(source, [identify("u1", email)])
    (digest,) = decode(bytes(Person.objects.get().entries))["em"].values
    assert digest == sha256(b"ann@example.com").hexdigest()


def test_what_the_tables_read_of_the_context_is_noted(source: Source) -> None:
    """A path that is mapped and not noted would be remembered only beside one that is."""
    rows = [field.paths for field in HASHED_FIELDS] + [PHONE_PATHS, STATE_PATHS, CLICK_URLS]
    rows += [field.paths for field in PLAIN_FIELDS]
    keys = {path.key for row in rows for path in row if path.section == CONTEXT}
    assert keys - {"userAgent"} == {"dateofbirth", "clickId", "click_id", "epik", "_epik"}
    routes = routes_for(source.write_key)
    assert routes is not None
    taker = writing.NoteTaker(routes, "space", NOW)
    for key in keys:
        note = taker.note({"userId": key, "context": {key: "dj0x"}})
        assert (note is None) is (key == "userAgent")


def test_the_statements_do_not_grow_with_the_people(source: Source) -> None:
    def people(count: int, prefix: str) -> list[dict[str, Any]]:
        return [
            identify(f"{prefix}-{n}", f"{prefix}{n}@example.com", anonymousId=f"{prefix}-d{n}")
            for n in range(count)
        ]

    receive(source, people(1, "first"))  # from now on the write key is known
    few = statements_of(source, people(2, "few"))
    assert statements_of(source, people(300, "many")) == few
    assert Person.objects.filter(is_device=False).count() == 303
    assert Person.objects.filter(is_device=True, user__isnull=False).count() == 303


def test_each_key_stands_once_in_a_statement(source: Source) -> None:
    receive(source, [identify("u1", f"ann{n}@example.com", anonymousId="d1") for n in range(20)])
    assert Person.objects.count() == 2


@pytest.mark.parametrize("says_it_again", [True, False])
def test_who_says_nothing_new_is_written_again_after_a_thirtieth_of_the_retention(
    source: Source, sandbox: Sandbox, settings: Any, says_it_again: bool
) -> None:
    """By ingest when it is said again, by the claim of an event that says nothing."""
    settings.IDENTITY_RETENTION_DAYS = 180
    destination = make_destination(sources=[source])
    now = datetime.now(UTC)
    receive(source, [identify("u1", "ann@example.com")], now)
    first = Person.objects.get()
    for days in (0, 5, 6):
        seen_on = first.seen_on - timedelta(days=days)
        Person.objects.update(seen_on=seen_on)
        forget_noted()
        if says_it_again:
            receive(source, [identify("u1", "ann@example.com")], now)
        else:
            receive(source, [make_event(userId="u1", context={})], now)
            assert Person.objects.get().seen_on == seen_on
            deliver_batch(destination.pk, clock=lambda: now + timedelta(seconds=30))
        person = Person.objects.get()
        assert person.seen_on == (first.seen_on if days == 6 else seen_on)
        assert bytes(person.entries) == bytes(first.entries)


def test_an_event_that_says_nothing_makes_nobody(source: Source) -> None:
    receive(source, [make_event(userId="u1", context={})])
    assert not Person.objects.exists()
    assert Event.objects.count() == 1


def test_a_key_depends_on_space_kind_id_and_secret(settings: Any) -> None:
    key = key_of("#1", "user", "u1")
    others = [key_of("#2", "user", "u1"), key_of("#1", "device", "u1"), key_of("#1", "user", "u2")]
    settings.SECRET_KEY = "another"
    others.append(key_of("#1", "user", "u1"))
    assert len({key, *others}) == 5


@pytest.mark.django_db(transaction=True)
def test_two_writers_of_one_person_lose_nothing_of_either(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both read the person before either writes; the slower one reads again."""
    receive(source, [identify("u1", "ann@example.com")])
    read = threading.Barrier(2)
    rounds = threading.local()
    draft_people = writing.draft_people

    def wait_for_the_other(*args: Any) -> Any:
        draft = draft_people(*args)
        if not getattr(rounds, "waited", False):
            rounds.waited = True
            read.wait(10)
        return draft

    monkeypatch.setattr("deliveries.ingest.store.draft_people", wait_for_the_other)
    # Without the queue in which requests of one process wait for each other.
    from deliveries.ingest import store

    failures: list[BaseException] = []

    def write(traits: dict[str, str]) -> None:
        try:
            event = identify("u1", "ann@example.com")
            event["context"]["traits"] |= traits
            routes = routes_for(source.write_key)
            assert routes is not None
            accepted = [accept_event(event, "", Arrival(NOW, ""))]
            store.write_intakes([store.prepare_intake(routes, accepted, [], NOW)])
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    writers = [
        threading.Thread(target=write, args=({"firstName": "Ann"},)),
        threading.Thread(target=write, args=({"phone": "+49 170 1234567"},)),
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failures == []
    assert set(decode(bytes(Person.objects.get().entries))) == {"em", "fn", "ph"}
    assert Event.objects.count() == 3
