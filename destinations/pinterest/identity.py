"""What an event says of a person, kept for the person's later events. Pure: no clock, no database.

``statement_of`` reads an event, ``remember`` adds what it said to what is known of the people it
names, and ``recall`` says what a conversion may be completed with; ``complete`` does it.

People are known by their IDs in an identity space: a ``user`` by ``userId``, a ``device`` by
``anonymousId``. Kept are digests as Pinterest gets them, and plain only the click ID, and the
visitor's address and user agent where the source allows it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from .cleaning import LONGEST_PLACEHOLDER
from .consent import denies_consent
from .event import PROPERTIES, Sections, read_sections
from .plans import plan_for
from .senders import SERVER, channel_of, is_an_app, is_the_visitors_own, library_kind
from .user_data import read_user_data
from .values import is_no_id, usable_text

DIGEST_FIELDS = ("em", "ph", "ge", "db", "ln", "fn", "ct", "st", "zp", "country", "hashed_maids")
CLICK_ID = "click_id"
CLIENT = "client"
"""The address and the user agent of the last visit, together."""
CLIENT_FIELDS = ("client_ip_address", "client_user_agent")

USER, DEVICE = "user", "device"
GROUP = "group"
"""The call whose traits are not of a person."""
# Fields of which no two people have the same: another value is another person.
_NAMING = ("em", "hashed_maids")
_CLICK_KEYS = frozenset({"clickId", "click_id", "epik", "_epik", "url", "search"})
_VISITOR_CHANNELS = ("web", "mobile")
_MAX_DIGESTS = 5
"""Of one field; a person has few addresses, and a list may be of any length."""
_MAX_TEXT = 1000
_VISIT_SECONDS = 3600
"""How old a visit is before the same address and user agent are written again."""
_MAX_ID = 1000


class Entry(NamedTuple):
    """One field of a person: its values, from which call, when (Unix seconds), and by whom.

    ``is_trusted``: said by a source whose key is not public.
    """

    values: tuple[str, ...]
    call: str
    seen_at: int
    is_trusted: bool


class Person(NamedTuple):
    """What is known of one user or device.

    ``user``: the key of the user who signed in on this device, or of the user whom an alias names.
    ``is_shared``: several users signed in on this device, so that none of them lends it anything.
    """

    entries: Mapping[str, Entry] = {}
    user: bytes | None = None
    is_shared: bool = False


NOBODY = Person()


class Statement(NamedTuple):
    """What one event says: the IDs it names, and the entries it adds to the person.

    ``previous_id`` is the one that an alias replaces. ``forgets_click``: consent was denied.
    """

    user_id: str
    anonymous_id: str
    previous_id: str
    entries: dict[str, Entry]
    is_trusted: bool
    forgets_click: bool = False


class Memory(NamedTuple):
    """What a conversion may be completed with: the person's entries, and the limits of their
    age."""

    entries: Mapping[str, Entry]
    click_id_seconds: int
    client_seconds: int


class Completed(NamedTuple):
    """One field that was filled from memory, from which call and when that was seen."""

    field: str
    call: str
    seen_at: int


def ids_of(event: Mapping[str, Any]) -> tuple[str, str]:
    """The user ID and the anonymous ID of an event, as text; "" for none, or for one like 0."""
    return _id(event.get("userId")), _id(event.get("anonymousId"))


def _id(value: Any) -> str:
    # The usual ID does without a call.
    if (
        type(value) is str
        and LONGEST_PLACEHOLDER < len(value) <= _MAX_ID
        and value[0] not in "0-"
        and value.isascii()
        and " " not in value
        and value.isprintable()
    ):
        return value
    text = None if type(value) is bool else usable_text(value)
    return "" if text is None or is_no_id(text) or len(text) > _MAX_ID else text


def ids_in(body: bytes) -> Iterator[tuple[str, str]]:
    """(USER or DEVICE, ID) of an event whose JSON nobody has read yet, at a fraction of the cost.

    Up to ``MAX_IDS`` of each kind: those that ``ids_of`` will say, and any deeper in the event.
    """
    for kind, key in _ID_KEYS:
        place = body.find(key)
        for _ in range(MAX_IDS):
            if place < 0:
                break
            place += len(key)
            if found := _JSON_ID.match(body, place):
                text, number = found.groups()
                if text is not None and b"\\" not in text:
                    value = text[1:-1].decode()
                else:
                    value = orjson.loads(text or number)
                if one := _id(value):
                    yield kind, one
            place = body.find(key, place)


MAX_IDS = 4
_ID_KEYS = ((USER, b'"userId"'), (DEVICE, b'"anonymousId"'))
_JSON_ID = re.compile(rb'\s*:\s*(?:("(?:[^"\\]|\\.)*")|(-?[0-9][-+.0-9eE]*))')


def statement_of(
    event: dict[str, Any],
    seen_at: int,
    *,
    is_trusted: bool,
    default_country: str,
    with_client: bool,
) -> Statement | None:
    """What an event says of a person; None when it says nothing that could be kept.

    ``with_client``: the address and user agent of the visit may be kept.
    """
    user_id, anonymous_id = ids_of(event)
    if not user_id and not anonymous_id:
        return None
    call = str(event.get("type"))
    previous_id = _id(event.get("previousId")) if call == "alias" else ""
    if denies_consent(event):
        return Statement(user_id, anonymous_id, previous_id, {}, is_trusted, forgets_click=True)
    if call.lower() == GROUP:
        event = {**event, "traits": None}  # those are the group's
    sections, present = _without_properties(*read_sections(event))
    plan = plan_for(sections, present)
    found = read_user_data(
        plan.user_data,
        sections,
        send_external_id=False,
        default_country=default_country,
        sender_is_visitor=is_from_visitor(event, sections),
        warnings=[],
    )
    entries = {}
    for name in DIGEST_FIELDS:
        if values := found.get(name):
            entries[name] = Entry(tuple(values[:_MAX_DIGESTS]), call, seen_at, is_trusted)
    click_id = found.get(CLICK_ID)
    if click_id and len(click_id) <= _MAX_TEXT:
        entries[CLICK_ID] = Entry((click_id,), call, seen_at, is_trusted)
    if with_client and is_from_visitor(event, sections):
        address, agent = (found.get(name, "") for name in CLIENT_FIELDS)
        if address and agent and len(agent) <= _MAX_TEXT and _SEPARATOR not in agent:
            entries[CLIENT] = Entry((address, agent), call, seen_at, is_trusted)
    if not entries and not (user_id and (anonymous_id or previous_id)):
        return None
    return Statement(user_id, anonymous_id, previous_id, entries, is_trusted)


def _without_properties(sections: Sections, present: int) -> tuple[Sections, int]:
    """Properties are about what was done, not about who did it: only the click ID is read there."""
    properties = sections[PROPERTIES]
    if not properties:
        return sections, present
    kept = {key: value for key, value in properties.items() if key in _CLICK_KEYS}
    if not kept:
        present &= ~(1 << PROPERTIES)
    return (*sections[:PROPERTIES], kept, *sections[PROPERTIES + 1 :]), present


def is_from_visitor(event: dict[str, Any], sections: Sections) -> bool:
    """Whether the event was sent by the visitor's own browser or app."""
    channel = channel_of(event)
    if channel:
        return channel in _VISITOR_CHANNELS
    return library_kind(sections) != SERVER and is_the_visitors_own(sections, is_an_app(sections))


# Remembering


def remember(
    known: Mapping[tuple[str, str], Person],
    keys: Mapping[tuple[str, str], bytes],
    said: Statement,
    click_id_seconds: int,
) -> dict[tuple[str, str], Person]:
    """The people that a statement changes, as they are afterwards.

    ``known`` has the people by (USER or DEVICE, ID) as far as they are known, ``keys`` their keys.
    """
    people = dict(known)
    user = (USER, said.user_id) if said.user_id else None
    device = (DEVICE, said.anonymous_id) if said.anonymous_id else None
    speaker = user or device
    assert speaker is not None
    if said.forgets_click:
        for one in (user, device):
            if one in people and one is not None:
                people[one] = _without(people[one], CLICK_ID, CLIENT)
        return _changed(known, people)
    if said.entries:
        people[speaker] = _add(people.get(speaker, NOBODY), said.entries, click_id_seconds)
    if user is not None and device is not None:
        _sign_in(people, user, device, keys[user], click_id_seconds)
    if user is not None and said.previous_id:
        for former in ((DEVICE, said.previous_id), (USER, said.previous_id)):
            # Who has a public key cannot give what is known of one user to another.
            if former[0] == DEVICE or (said.is_trusted and former != user and former in people):
                _sign_in(people, user, former, keys[user], click_id_seconds)
    return _changed(known, people)


def _sign_in(
    people: dict[tuple[str, str], Person],
    user: tuple[str, str],
    device: tuple[str, str],
    user_key: bytes,
    click_id_seconds: int,
) -> None:
    """``user`` is the one who uses ``device``: what the device said before was said by them.

    When another user did before, what it said since may be either's: nobody gets it.
    """
    before = people.get(device, NOBODY)
    if before.user in (None, user_key) and not before.is_shared:
        if before.entries:
            person = people.get(user, NOBODY)
            people[user] = _add(person, before.entries, click_id_seconds, keeps_digests=True)
        people[device] = Person({}, user_key, False)
    else:
        people[device] = Person({}, user_key, True)


def _add(
    person: Person,
    entries: Mapping[str, Entry],
    click_id_seconds: int,
    keeps_digests: bool = False,
) -> Person:
    """``entries`` added: the newer value wins, but nothing public wins over what is trusted.

    ``keeps_digests``: those the person has stay.
    """
    merged = dict(person.entries)
    for name, new in entries.items():
        old = merged.get(name)
        if old is not None:
            if name in (CLICK_ID, CLIENT):
                age = new.seen_at - old.seen_at
                if age < 0 or (old.is_trusted and not new.is_trusted and age <= click_id_seconds):
                    continue
                # A click counts from when it was seen first; a visit from the last hour of it.
                if old.values == new.values and (name == CLICK_ID or age < _VISIT_SECONDS):
                    continue
            elif (
                keeps_digests
                or (old.is_trusted and not new.is_trusted)
                or (old.values == new.values and old.is_trusted == new.is_trusted)
            ):
                continue
        merged[name] = new
    return person._replace(entries=merged)


def _without(person: Person, *names: str) -> Person:
    return person._replace(
        entries={name: one for name, one in person.entries.items() if name not in names}
    )


def _changed(
    known: Mapping[tuple[str, str], Person], people: Mapping[tuple[str, str], Person]
) -> dict[tuple[str, str], Person]:
    return {key: one for key, one in people.items() if known.get(key, NOBODY) != one}


def gains_a_match(before: Person, after: Person) -> bool:
    """Whether the person can be matched now and could not be before."""
    return not can_match(before) and can_match(after)


def can_match(person: Person) -> bool:
    """Whether what is known of somebody is enough for Pinterest."""
    return any(name in person.entries for name in (*_NAMING, CLIENT))


# Completing


def recall(
    user: Person | None,
    device: Person | None,
    user_of_device: Person | None,
    user_key: bytes | None,
) -> dict[str, Entry]:
    """What is known of the person behind an event.

    ``user`` is who the event names by userId, ``device`` by anonymousId; ``user_of_device`` is the
    one ``device.user`` (or, by an alias, ``user.user``) leads to.
    """
    if user_key is not None:
        entries = dict(user.entries) if user else {}
        if user is not None and user.user is not None and user_of_device is not None:
            entries = {**user_of_device.entries, **entries}
        if device is not None and device.user == user_key and not device.is_shared:
            # What the visitor clicked on before signing in again.
            for name in (CLICK_ID, CLIENT):
                new, old = device.entries.get(name), entries.get(name)
                if new is not None and (old is None or new.seen_at > old.seen_at):
                    entries[name] = new
        return entries
    if device is None:
        return {}
    if user_of_device is not None and not device.is_shared:
        return {**user_of_device.entries, **device.entries}
    return dict(device.entries)


def complete(user_data: dict[str, Any], memory: Memory, event_time: int) -> tuple[Completed, ...]:
    """Add to ``user_data`` what it lacks and memory has; says what was added.

    The event's own values always win. When they name another person than memory does, nothing is
    added. Address and user agent are added together, and only where nothing else names the person.
    """
    entries = memory.entries
    for name in _NAMING:
        own, kept = user_data.get(name), entries.get(name)
        if own and kept is not None and set(own).isdisjoint(kept.values):
            return ()
    added = []
    for name, entry in entries.items():
        if name == CLICK_ID:
            if CLICK_ID not in user_data and event_time - entry.seen_at <= memory.click_id_seconds:
                user_data[CLICK_ID] = entry.values[0]
                added.append(Completed(CLICK_ID, entry.call, entry.seen_at))
        elif name != CLIENT and name not in user_data:
            user_data[name] = list(entry.values)
            added.append(Completed(name, entry.call, entry.seen_at))
    client = entries.get(CLIENT)
    if (
        client is not None
        and not any(name in user_data for name in (*_NAMING, *CLIENT_FIELDS))
        and event_time - client.seen_at <= memory.client_seconds
    ):
        for name, value in zip(CLIENT_FIELDS, client.values, strict=True):
            user_data[name] = value
            added.append(Completed(name, client.call, client.seen_at))
    return tuple(added)


# As bytes

_CALLS = ("track", "page", "screen", "identify", "alias", "group")
_NAMES = (*DIGEST_FIELDS, CLICK_ID, CLIENT)
_CALL_NUMBERS = {call: number for number, call in enumerate(_CALLS)}
_NAME_NUMBERS = {name: number for number, name in enumerate(_NAMES)}
_DIGEST_BYTES = 32
_SEPARATOR = "\n"


def encode(entries: Mapping[str, Entry]) -> bytes:
    """Entries as bytes: for each its name, call and trust, time, length, and its values.

    A digest takes 32 bytes; eight more for each entry.
    """
    parts = []
    for name, (values, call, seen_at, is_trusted) in entries.items():
        number = _NAME_NUMBERS[name]
        if number < len(DIGEST_FIELDS):
            value = bytes.fromhex("".join(values))
        else:
            value = _SEPARATOR.join(values).encode()
        flags = _CALL_NUMBERS.get(call, 0) << 1 | is_trusted
        parts.append(_HEAD.pack(number, flags, seen_at, len(value)))
        parts.append(value)
    return b"".join(parts)


_HEAD = struct.Struct(">BBIH")


def decode(data: bytes) -> dict[str, Entry]:
    """The entries that ``encode`` made bytes of; entries of names that are not known are left
    out."""
    entries = {}
    position = 0
    while position < len(data):
        number, flags, seen_at, length = _HEAD.unpack_from(data, position)
        start = position + _HEAD.size
        position = start + length
        if number >= len(_NAMES):
            continue
        value = data[start:position]
        values: tuple[str, ...]
        if number >= len(DIGEST_FIELDS):
            values = tuple(value.decode().split(_SEPARATOR))
        elif length == _DIGEST_BYTES:
            values = (value.hex(),)
        else:
            text = value.hex()
            values = tuple(text[start : start + 64] for start in range(0, len(text), 64))
        entries[_NAMES[number]] = Entry(values, _CALLS[flags >> 1], seen_at, bool(flags & 1))
    return entries


def write_completed(completed: Sequence[Completed]) -> str:
    """``em,ph=identify@1732111380;click_id=page@1732111000``: what memory completed, as stored."""
    if not completed:
        return ""
    fields: dict[tuple[str, int], list[str]] = {}
    for one in completed:
        fields.setdefault((one.call, one.seen_at), []).append(one.field)
    return ";".join(f"{','.join(names)}={call}@{at}" for (call, at), names in fields.items())


def read_completed(text: str) -> list[Completed]:
    """The fields that ``write_completed`` wrote."""
    completed = []
    for part in text.split(";") if text else ():
        names, _, origin = part.partition("=")
        call, _, seen_at = origin.partition("@")
        completed += [Completed(name, call, int(seen_at)) for name in names.split(",")]
    return completed
