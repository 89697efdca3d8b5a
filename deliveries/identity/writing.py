"""Remembering: what events say of people, written with the events and only when it is new."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from threading import Lock
from typing import Any, NamedTuple

import orjson
from django.conf import settings
from django.db import DatabaseError, transaction

from deliveries.db.bulk_sql import upsert_rows
from deliveries.identity.keys import Name, key_of, uuid_of
from deliveries.identity.rows import read_people, seen_until
from deliveries.identity.second_chance import give_second_chances, remind
from deliveries.models import Person as PersonModel
from destinations.pinterest.consent import denies_consent
from destinations.pinterest.identity import (
    DEVICE,
    GROUP,
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
"""People whose last statements a process has in mind, twice."""


Said = tuple[int | None, int | None, int | None, int | None, float]
"""What events said of a person, as hashes of the parts that can say something; None: nothing.

Who it is, or ``DENIED`` where consent was denied, which takes the place of
all that was said before; advertising ID; click ID; address; and when the oldest of it was said, by
the monotonic clock. A plain tuple: Python's garbage collector does not look at those again.
"""
DENIED = -1
"""No hash has this value."""
Speaker = tuple[int, str, Any, Any]
"""Of whom events speak: the source, its identity space, and both IDs as the event has them."""


def _is_silent(said: Said) -> bool:
    return said[:4] == _NO_PARTS


_NO_PARTS = (None, None, None, None)


def _covers(before: Said, new: Said) -> bool:
    """Whether ``new`` says nothing else than was said before."""
    told, device, click, client, _ = new
    if before[0] == DENIED or told == DENIED:
        return before[0] == told or _is_silent(new)
    return (
        (told is None or before[0] == told)
        and (device is None or before[1] == device)
        and (click is None or before[2] == click)
        and (client is None or before[3] == client)
    )


def _followed_by(before: Said, new: Said) -> Said:
    """What has been said after ``new``."""
    if DENIED in (before[0], new[0]):
        return new
    told, device, click, client = (
        old if part is None else part for old, part in zip(before[:4], new[:4], strict=True)
    )
    return told, device, click, client, before[4]


class Note(NamedTuple):
    """A statement of an event, in its space; None when nothing of it is kept.

    ``said``: what has then been said of the ``speaker``.
    """

    space: str
    user_id: str
    anonymous_id: str
    statement: Statement | None
    speaker: Speaker
    said: Said


class PersonRow(NamedTuple):
    """Columns of a person; keys as hex digits."""

    key: str
    entries: bytes
    user_id: str | None
    is_device: bool
    is_shared: bool
    seen_on: date
    version: int


class Draft(NamedTuple):
    """People as they will be, by key in order; and those of whom there is now enough to match."""

    rows: list[PersonRow]
    gained: list[bytes]
    made_at: datetime


NO_PEOPLE = Draft([], [], datetime.fromtimestamp(0, UTC))


class PeopleChanged(DatabaseError):
    """Others kept changing a person between reading and writing it, MAX_ATTEMPTS times."""


class _Noted:
    """What this process knows to be written of each speaker."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.clear()

    def clear(self) -> None:
        self._recent: dict[Speaker, Said] = {}
        self._older: dict[Speaker, Said] = {}

    def get(self, speaker: Speaker, now: float) -> Said | None:
        """``now`` by the monotonic clock."""
        found = self._recent.get(speaker) or self._older.get(speaker)
        if found is not None and now - found[4] >= FRESH_SECONDS:
            return None, None, None, None, found[4]
        return found

    def add(self, notes: Sequence[Note]) -> None:
        with self._lock:
            if len(self._recent) > MAX_NOTED:
                self._recent, self._older = {}, self._recent
            for note in notes:
                self._recent[note.speaker] = note.said


_noted = _Noted()


def forget_noted() -> None:
    """Believe nothing any more (for tests, and after people were forgotten)."""
    _noted.clear()


class NoteTaker:
    """Notes what the events of one request say of people, as far as it may be new."""

    def __init__(self, source: SourceRoutes, space: str, received_at: datetime) -> None:
        self._source = source
        self._space = space
        self._seen_at = int(received_at.timestamp())
        self._since = time.monotonic()
        self._said: dict[Speaker, Said] = {}
        countries = {route.config.default_country for route in source.routes}
        self._default_country = countries.pop() if len(countries) == 1 else ""

    def note(self, event: dict[str, Any]) -> Note | None:
        """What is to be remembered of an event; None for what was said just before, or written
        lately, and for an event that says nothing: claims keep up who was seen."""
        said = self._said_by(event)
        user_id, anonymous_id = event.get("userId"), event.get("anonymousId")
        if _is_silent(said) and not (user_id and anonymous_id):
            return None
        if not (
            (type(user_id) is str or user_id is None)
            and (type(anonymous_id) is str or anonymous_id is None)
        ):
            user_id, anonymous_id = ids_of(event)
        speaker = (self._source.source_id, self._space, user_id, anonymous_id)
        before = self._said.get(speaker) or _noted.get(speaker, self._since)
        if before is not None and _covers(before, said):
            return None
        user_id, anonymous_id = ids_of(event)
        if not user_id and not anonymous_id:
            return None
        statement = statement_of(
            event,
            self._seen_at,
            is_trusted=not self._source.is_public,
            default_country=self._default_country,
            with_client=self._source.remembers_address,
        )
        self._said[speaker] = said = said if before is None else _followed_by(before, said)
        return Note(self._space, user_id, anonymous_id, statement, speaker, said)

    def _said_by(self, event: dict[str, Any]) -> Said:
        """The parts of an event that can say something of its person."""
        if denies_consent(event):
            return DENIED, None, None, None, self._since
        about = ids = birthday = previous_id = told = device = client = None
        clicks: list[Any] = []
        traits, call = event.get("traits"), event.get("type")
        if call == "alias":
            previous_id = event.get("previousId")
        elif call == GROUP:
            traits = None
        context = event.get("context")
        if type(context) is dict:
            about, ids = context.get("traits"), context.get("externalId")
            birthday = context.get("dateofbirth")
            if found := context.get("device"):
                device = hash(orjson.dumps(found))
            if self._source.remembers_address:
                client = hash((str(context.get("ip")), str(context.get("userAgent"))))
            if not context.keys().isdisjoint(_CLICK_KEYS):
                clicks += [context[key] for key in _CLICK_KEYS & context.keys()]
            page = context.get("page")
            if type(page) is dict:
                _add_click_urls(page, clicks)
        properties = event.get("properties")
        if type(properties) is dict and properties:
            if not properties.keys().isdisjoint(_CLICK_KEYS):
                clicks += [properties[key] for key in _CLICK_KEYS & properties.keys()]
            _add_click_urls(properties, clicks)
        if traits or about or ids or birthday or previous_id:
            told = hash(orjson.dumps((traits, about, ids, birthday, previous_id)))
        click = hash(orjson.dumps(clicks)) if clicks else None
        return told, device, click, client, self._since


def _add_click_urls(holder: dict[str, Any], clicks: list[Any]) -> None:
    """Add what may hold a click ID; Pinterest's begin with dj0, and its cookie is _epik."""
    url, search = holder.get("url"), holder.get("search")
    if type(url) is str and ("epik=" in url or "=dj0" in url):
        clicks.append(url)
    if search and type(search) is str and ("epik=" in search or "=dj0" in search):
        clicks.append(search)


_CLICK_KEYS = frozenset({"clickId", "click_id", "epik", "_epik"})


def draft_people(notes: Sequence[Note], now: datetime) -> Draft:
    """Read the people of ``notes`` (one query) and say how they are afterwards."""
    keys: dict[Name, bytes] = {}
    named: list[dict[tuple[str, str], bytes]] = []
    for note in notes:
        of_note = {}
        for kind, person_id in _names(note):
            name = (note.space, kind, person_id)
            key = keys.get(name)
            if key is None:
                key = keys[name] = key_of(*name)
            of_note[kind, person_id] = key
        named.append(of_note)
    stored = read_people(keys.values())
    before: dict[bytes, Person] = {}
    people: dict[bytes, Person] = {}
    linked: set[bytes] = set()
    for note, names in zip(notes, named, strict=True):
        if note.statement is None:
            continue
        for key in names.values():
            if key not in people and (row := stored.get(key)) is not None:
                before[key] = people[key] = Person(decode(row.entries), row.user, row.is_shared)
        known = {name: people[key] for name, key in names.items() if key in people}
        changed = remember(known, names, note.statement, settings.IDENTITY_CLICK_DAYS * 86400)
        for changed_name, person in changed.items():
            key = names[changed_name]
            if person.user is not None and people.get(key, NOBODY).user is None:
                linked.add(key)
            people[key] = person
    devices = {key for (_, kind, _), key in keys.items() if kind == DEVICE}
    today = now.astimezone(UTC).date()
    unseen_since = seen_until(today)
    rows, gained = [], []
    for key in sorted(stored.keys() | people.keys()):
        stored_row, after, was = stored.get(key), people.get(key), before.get(key, NOBODY)
        if after is not None and after != was:
            entries, user, is_shared = encode(after.entries), after.user, after.is_shared
            if gains_a_match(was, after) or (
                key in linked
                and not is_shared
                and user is not None
                and can_match(people.get(user, NOBODY))
            ):
                gained.append(key)
        elif stored_row is not None and stored_row.seen_on <= unseen_since:
            entries, user, is_shared = stored_row[:3]
        else:
            continue
        rows.append(
            PersonRow(
                key.hex(),
                entries,
                user.hex() if user else None,
                key in devices,
                is_shared,
                today,
                stored_row.version + 1 if stored_row else 1,
            )
        )
    return Draft(rows, gained, now)


def _names(note: Note) -> list[tuple[str, str]]:
    names = []
    if note.user_id:
        names.append((USER, note.user_id))
    if note.anonymous_id:
        names.append((DEVICE, note.anonymous_id))
    if note.statement is not None and note.statement.previous_id:
        previous_id = note.statement.previous_id
        names += [(DEVICE, previous_id), (USER, previous_id)]
    return names


def write_people(draft: Draft) -> tuple[int, bool]:
    """Write a draft, in the caller's transaction; says how many people were written, and whether
    a delivery may wait for one.

    Those whom somebody else has changed since the draft was made are left out.
    """
    written = upsert_rows(PersonModel, "key", PersonRow._fields, draft.rows, version="version")
    return len(written), remind([uuid_of(key) for key in draft.gained], draft.made_at)


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
        with transaction.atomic():
            people_count, awaits = write_people(draft) if draft.rows else (0, False)
        is_awaited |= awaits
        gained |= set(draft.gained)
    else:
        raise PeopleChanged
    _noted.add(notes)
    if not is_awaited:
        return set()
    with transaction.atomic():
        return give_second_chances([uuid_of(key) for key in sorted(gained)], now)
