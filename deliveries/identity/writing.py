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
from deliveries.identity.rows import read_people
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


Said = tuple[int, int | None, int | None, int | None, int | None, float]
"""What events said of a person, as hashes of the parts that can say something; None: nothing.

The day as an ordinal; who it is, or ``DENIED`` where consent was denied, which takes the place of
all that was said before; advertising ID; click ID; address; and when the oldest of it was said, by
the monotonic clock. A plain tuple: Python's garbage collector does not look at those again.
"""
DENIED = -1
"""No hash has this value."""
Speaker = tuple[int, str, Any, Any]
"""Of whom events speak: the source, its identity space, and both IDs as the event has them."""


def _is_silent(said: Said) -> bool:
    return said[1:5] == _NO_PARTS


_NO_PARTS = (None, None, None, None)


def _covers(before: Said, new: Said) -> bool:
    """Whether ``new`` says nothing else than was said before."""
    day, told, device, click, client, _ = new
    if before[0] != day:
        return False
    if before[1] == DENIED or told == DENIED:
        return before[1] == told or _is_silent(new)
    return (
        (told is None or before[1] == told)
        and (device is None or before[2] == device)
        and (click is None or before[3] == click)
        and (client is None or before[4] == client)
    )


def _followed_by(before: Said, new: Said) -> Said:
    """What has been said after ``new``."""
    if DENIED in (before[1], new[1]):
        return new
    told, device, click, client = (
        old if part is None else part for old, part in zip(before[1:5], new[1:5], strict=True)
    )
    return new[0], told, device, click, client, before[5]


class Note(NamedTuple):
    """A statement of an event, in its space; None when all it says is that its person was seen.

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

    def get(self, speaker: Speaker) -> Said | None:
        found = self._recent.get(speaker) or self._older.get(speaker)
        if found is not None and time.monotonic() - found[5] >= FRESH_SECONDS:
            return found[0], None, None, None, None, found[5]
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


def note_of(
    event: dict[str, Any],
    source: SourceRoutes,
    received_at: datetime,
    pending: dict[Speaker, Said],
) -> Note | None:
    """What is to be remembered of an event; None for what was said just before, or written lately.

    ``pending`` is of the event's request; what the note says is added to it.
    """
    space = source.identity_space
    if space is None:
        return None
    user_id, anonymous_id = event.get("userId"), event.get("anonymousId")
    if not (
        (type(user_id) is str or user_id is None)
        and (type(anonymous_id) is str or anonymous_id is None)
    ):
        user_id, anonymous_id = ids_of(event)
    speaker = (source.source_id, space, user_id, anonymous_id)
    said = _said_by(event, received_at.toordinal(), source.remembers_address)
    before = pending.get(speaker) or _noted.get(speaker)
    if before is not None and _covers(before, said):
        return None
    user_id, anonymous_id = ids_of(event)
    if not user_id and not anonymous_id:
        return None
    statement = None
    # Whose device it is was noted with the first of its events.
    if not _is_silent(said) or (before is None and user_id and anonymous_id):
        countries = {route.config.default_country for route in source.routes}
        statement = statement_of(
            event,
            int(received_at.timestamp()),
            is_trusted=not source.is_public,
            default_country=countries.pop() if len(countries) == 1 else "",
            with_client=source.remembers_address,
        )
    pending[speaker] = said = said if before is None else _followed_by(before, said)
    return Note(space, user_id, anonymous_id, statement, speaker, said)


def _said_by(event: dict[str, Any], day: int, with_client: bool) -> Said:
    """The parts of an event that can say something of its person."""
    if denies_consent(event):
        return day, DENIED, None, None, None, time.monotonic()
    told = device = client = None
    clicks: list[Any] = []
    about = ids = birthday = previous_id = None
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
        if with_client:
            client = hash((str(context.get("ip")), str(context.get("userAgent"))))
        _add_clicks(context, clicks)
        page = context.get("page")
        if type(page) is dict:
            _add_clicks(page, clicks)
    properties = event.get("properties")
    if type(properties) is dict:
        _add_clicks(properties, clicks)
    if traits or about or ids or birthday or previous_id:
        told = hash(orjson.dumps((traits, about, ids, birthday, previous_id)))
    click = hash(orjson.dumps(clicks)) if clicks else None
    return day, told, device, click, client, time.monotonic()


def _add_clicks(holder: dict[str, Any], clicks: list[Any]) -> None:
    """Add what may be a click ID; a click ID of Pinterest begins with dj0, its cookie is _epik."""
    if not _CLICK_KEYS.isdisjoint(holder):
        clicks += [holder[key] for key in _CLICK_KEYS & holder.keys()]
    for key in ("url", "search"):
        value = holder.get(key)
        if type(value) is str and ("epik=" in value or "=dj0" in value):
            clicks.append(value)


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
    before = {
        key: Person(decode(row.entries), row.user, row.is_shared) for key, row in stored.items()
    }
    people = dict(before)
    linked: set[bytes] = set()
    for note, names in zip(notes, named, strict=True):
        if note.statement is None:
            continue
        known = {name: people[key] for name, key in names.items() if key in people}
        changed = remember(known, names, note.statement, settings.IDENTITY_CLICK_DAYS * 86400)
        for changed_name, person in changed.items():
            key = names[changed_name]
            if person.user is not None and people.get(key, NOBODY).user is None:
                linked.add(key)
            people[key] = person
    devices = {key for (_, kind, _), key in keys.items() if kind == DEVICE}
    today = now.astimezone(UTC).date()
    rows, gained = [], []
    for key in sorted(people):
        person, row, was = people[key], stored.get(key), before.get(key, NOBODY)
        if person == was and (row is None or row.seen_on == today):
            continue
        rows.append(
            PersonRow(
                key.hex(),
                encode(person.entries),
                person.user.hex() if person.user else None,
                key in devices,
                person.is_shared,
                today,
                row.version + 1 if row else 1,
            )
        )
        if gains_a_match(was, person) or (
            key in linked
            and not person.is_shared
            and person.user is not None
            and can_match(people.get(person.user, NOBODY))
        ):
            gained.append(key)
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
