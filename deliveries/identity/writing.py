"""Remembering: what events say of people, written with the events and only when it is new."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from threading import Lock
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.conf import settings
from django.db import DatabaseError, transaction

from deliveries.db.bulk_sql import upsert_rows
from deliveries.identity.keys import bytes_of, key_of
from deliveries.identity.second_chance import give_second_chances
from deliveries.models import Person as PersonModel
from deliveries.models import SecondChance
from destinations.pinterest import consent
from destinations.pinterest.identity import (
    DEVICE,
    NOBODY,
    USER,
    Person,
    Statement,
    can_match,
    decode,
    encode,
    gains_a_match,
    ids_of,
    remember,
    statement_of,
)
from destinations.routing import SourceRoutes

FRESH_SECONDS = 300.0
"""How long a process believes that what it wrote of a person still stands."""
MAX_ATTEMPTS = 50
"""Each that fails is one that somebody else's succeeded."""
MAX_NOTED = 50_000
"""People whose last statement a process has in mind, twice."""
Name = tuple[str, str, str]
"""Under which an event's person is noted: the space (events that say something and those that do
not are noted apart, so that the latter do not make the process forget the former), and both IDs."""


class Note(NamedTuple):
    """A statement of an event, in its space; None when all it says is that its person was seen.

    ``fingerprint`` tells it from others of its ``name``.
    """

    space: str
    user_id: str
    anonymous_id: str
    said: Statement | None
    name: Name
    fingerprint: int


class PersonRow(NamedTuple):
    """Columns of a person."""

    key: UUID
    entries: bytes
    user_id: UUID | None
    is_device: bool
    is_shared: bool
    seen_on: date
    version: int


class Draft(NamedTuple):
    """People as they will be, by key in order; and those of whom there is now enough to match."""

    rows: list[PersonRow]
    gained: list[UUID]


NO_PEOPLE = Draft([], [])


class PeopleChanged(DatabaseError):
    """Others kept changing a person between reading and writing it, MAX_ATTEMPTS times."""


class _Noted:
    """The last statement of each person that this process knows to be written."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.clear()

    def clear(self) -> None:
        self._recent: dict[Name, tuple[int, float]] = {}
        self._older: dict[Name, tuple[int, float]] = {}

    def has(self, name: Name, fingerprint: int) -> bool:
        found = self._recent.get(name) or self._older.get(name)
        return (
            found is not None
            and found[0] == fingerprint
            and time.monotonic() - found[1] < FRESH_SECONDS
        )

    def add(self, notes: Sequence[Note]) -> None:
        now = time.monotonic()
        with self._lock:
            if len(self._recent) > MAX_NOTED:
                self._recent, self._older = {}, self._recent
            for note in notes:
                self._recent[note.name] = (note.fingerprint, now)


_noted = _Noted()


def forget_noted() -> None:
    """Believe nothing any more (for tests, and after people were forgotten)."""
    _noted.clear()


Pending = dict[Name, int]
"""The fingerprint of each name's last statement in a request."""


def note_of(
    event: dict[str, Any], source: SourceRoutes, received_at: datetime, pending: Pending
) -> Note | None:
    """What is to be remembered of an event; None for what was said just before, or written lately.

    ``pending`` is of the event's request; the note is added to it.
    """
    if source.identity_space is None:
        return None
    user_id, anonymous_id = ids_of(event)
    if not user_id and not anonymous_id:
        return None
    parts = _parts(event, source.remembers_address)
    day = received_at.toordinal()
    fingerprint = hash((day, parts))
    space = source.identity_space
    name = (space + ("+" if parts else ""), user_id, anonymous_id)
    if pending.get(name) == fingerprint or _noted.has(name, fingerprint):
        return None
    pending[name] = fingerprint
    said = None
    if parts:
        countries = {route.config.default_country for route in source.routes}
        said = statement_of(
            event,
            int(received_at.timestamp()),
            is_trusted=not source.is_public,
            default_country=countries.pop() if len(countries) == 1 else "",
            with_client=source.remembers_address,
        )
    return Note(space, user_id, anonymous_id, said, name, fingerprint)


def _parts(event: dict[str, Any], with_client: bool) -> bytes:
    """What of an event can say something of its person; b"" when nothing does."""
    found: list[Any] = []
    if event.get("type") == "alias":
        found.append(event.get("previousId"))
    traits = event.get("traits")
    if traits:
        found.append(traits)
    context = event.get("context")
    if type(context) is dict:
        for key in _CONTEXT_KEYS & context.keys():
            if context[key]:
                found.append((key, context[key]))
        page = context.get("page")
        if type(page) is dict:
            found += [page[key] for key in ("url", "search") if _has_click_id(page.get(key))]
        if with_client:
            found.append((context.get("ip"), context.get("userAgent"), event.get("request_ip")))
    properties = event.get("properties")
    if type(properties) is dict:
        found += [(key, properties[key]) for key in _PROPERTY_KEYS & properties.keys()]
        found += [
            properties[key] for key in ("url", "search") if _has_click_id(properties.get(key))
        ]
    if event.get("userId") and event.get("anonymousId"):
        found.append(True)
    return orjson.dumps(found, default=str) if found else b""


_CLICK_KEYS = frozenset({"clickId", "click_id", "epik", "_epik"})
_CONTEXT_KEYS = _CLICK_KEYS | {
    *("traits", "device", "externalId"),
    *consent.CONTEXT_KEYS,
}
_PROPERTY_KEYS = _CLICK_KEYS | consent.PROPERTY_KEYS


def _has_click_id(value: Any) -> bool:
    return type(value) is str and ("epik=" in value or "=dj0" in value)


def draft_people(notes: Sequence[Note], now: datetime) -> Draft:
    """Read the people of ``notes`` (one query) and say how they are afterwards."""
    keys: dict[tuple[str, str, str], UUID] = {}
    for note in notes:
        for kind, person_id in _names(note):
            name = (note.space, kind, person_id)
            if name not in keys:
                keys[name] = key_of(*name)
    stored = _read(set(keys.values()))
    people = {key: row[0] for key, row in stored.items()}
    before = dict(people)
    linked: set[UUID] = set()
    for note in notes:
        if note.said is None:
            continue
        names = {(kind, one): keys[note.space, kind, one] for kind, one in _names(note)}
        known = {name: people[key] for name, key in names.items() if key in people}
        changed = remember(
            known,
            {name: key.bytes for name, key in names.items()},
            note.said,
            settings.IDENTITY_CLICK_DAYS * 86400,
        )
        for changed_name, person in changed.items():
            key = names[changed_name]
            if person.user is not None and people.get(key, NOBODY).user is None:
                linked.add(key)
            people[key] = person
    kind_of = {keys[name]: name[1] for name in keys}
    today = now.astimezone(UTC).date()
    rows, gained = [], []
    for key in sorted(people):
        person, stored_row = people[key], stored.get(key)
        seen_on, version = stored_row[1:] if stored_row else (None, 0)
        if person == before.get(key, NOBODY) and (stored_row is None or seen_on == today):
            continue
        rows.append(
            PersonRow(
                key,
                encode(person.entries),
                UUID(bytes=person.user) if person.user else None,
                kind_of[key] == DEVICE,
                person.is_shared,
                today,
                version + 1,
            )
        )
        if gains_a_match(before.get(key, NOBODY), person) or (
            key in linked
            and not person.is_shared
            and person.user is not None
            and can_match(people.get(UUID(bytes=person.user), NOBODY))
        ):
            gained.append(key)
    return Draft(rows, gained)


def _names(note: Note) -> list[tuple[str, str]]:
    names = []
    if note.user_id:
        names.append((USER, note.user_id))
    if note.anonymous_id:
        names.append((DEVICE, note.anonymous_id))
    if note.said is not None and note.said.previous_id:
        names += [(DEVICE, note.said.previous_id), (USER, note.said.previous_id)]
    return names


def _read(keys: set[UUID]) -> dict[UUID, tuple[Person, date, int]]:
    rows = PersonModel.objects.filter(key__any_of=sorted(keys)).values_list(
        "key", "entries", "user_id", "is_shared", "seen_on", "version"
    )
    return {
        key: (
            Person(decode(bytes(entries)), bytes_of(user_id), is_shared),
            seen_on,
            version,
        )
        for key, entries, user_id, is_shared, seen_on, version in rows
    }


def write_people(draft: Draft) -> tuple[int, bool]:
    """Write a draft; says how many people were written, and whether a delivery may wait for one.

    Those whom somebody else has changed since the draft was made are left out.
    """
    written = upsert_rows(PersonModel, "key", PersonRow._fields, draft.rows, version="version")
    return len(written), SecondChance.objects.filter(
        key__any_of=draft.gained, given_at=None
    ).exists()


def settle_people(
    notes: Sequence[Note], draft: Draft, people_count: int, is_awaited: bool, now: datetime
) -> set[int]:
    """After the commit of events and ``draft``: what is left to be done for their people.

    Writes again what somebody else has changed at the same time, lets deliveries go out that
    waited, and returns their destinations. Raises PeopleChanged when others change them all the
    time.
    """
    gained = set(draft.gained)
    for _ in range(MAX_ATTEMPTS):
        if people_count == len(draft.rows):
            break
        draft = draft_people(notes, now)
        people_count, awaits = write_people(draft) if draft.rows else (0, False)
        is_awaited |= awaits
        gained |= set(draft.gained)
    else:
        raise PeopleChanged
    _noted.add(notes)
    if not is_awaited:
        return set()
    with transaction.atomic():
        return give_second_chances(sorted(gained), now)
