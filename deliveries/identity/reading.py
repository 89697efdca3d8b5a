"""Recalling: what is known of the people behind claimed events, in one query for each group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.conf import settings

from deliveries.identity.keys import Name, key_of
from deliveries.identity.rows import StoredPerson, mark_seen, read_people
from destinations.models import Source
from destinations.pinterest.consent import denies_consent
from destinations.pinterest.identity import (
    DEVICE,
    USER,
    Entry,
    Memory,
    Person,
    decode,
    ids_of,
    recall,
)


class Recalled(NamedTuple):
    """What an event's conversion may be completed with, and the keys under which it may wait."""

    memory: Memory
    keys: tuple[bytes, ...]


def identity_spaces() -> dict[int, str]:
    """Source → its identity space; sources that remember nothing are left out."""
    sources = Source.objects.exclude(identity_memory=Source.IdentityMemory.OFF)
    return {
        source.pk: source.space
        for source in sources.only("pk", "identity_memory", "identity_space")
        if source.space is not None
    }


class People:
    """What is known of the people whom some events name, read in one query.

    What is stored is taken apart when it is first needed, and once for all events of a person.
    """

    def __init__(self, names: Iterable[Name] = ()) -> None:
        self._keys: dict[Name, bytes] = {}
        self._stored: dict[bytes, StoredPerson] = {}
        self._recalled: dict[tuple[str, str, str], Recalled] = {}
        self._read(set(names))

    def of(self, space: str | None, event: dict[str, Any]) -> Recalled | None:
        """What is known of an event's person.

        None for an event without a space or ID, and for one that denies consent. Somebody whom
        nobody has named beforehand costs a query.
        """
        if space is None or denies_consent(event):
            return None
        user_id, anonymous_id = ids_of(event)
        if not user_id and not anonymous_id:
            return None
        found = self._recalled.get((space, user_id, anonymous_id))
        if found is None:
            names = []
            if user_id:
                names.append((space, USER, user_id))
            if anonymous_id:
                names.append((space, DEVICE, anonymous_id))
            self._read(set(names) - self._keys.keys())
            found = self._recall(
                self._keys[names[0]] if user_id else None,
                self._keys[names[-1]] if anonymous_id else None,
            )
            self._recalled[space, user_id, anonymous_id] = found
        return found

    def mark_seen(self, now: float) -> None:
        """Note that who was named was seen; ``now`` in Unix seconds."""
        mark_seen(self._stored, datetime.fromtimestamp(now, UTC).date())

    def _read(self, names: set[Name]) -> None:
        keys = {name: key_of(*name) for name in names}
        self._keys |= keys
        self._stored |= read_people(keys.values(), with_users=True)

    def _recall(self, user_key: bytes | None, device_key: bytes | None) -> Recalled:
        user = self._stored.get(user_key) if user_key is not None else None
        device = self._stored.get(device_key) if device_key is not None else None
        keys = [key for key in (user_key or device_key,) if key is not None]
        leads_to = user if user_key is not None else device
        if user_key is None and device is not None and device.user and not device.is_shared:
            keys.append(device.user)
        if user_key is not None and (device is None or device.user != user_key):
            device = None  # nothing of it is this user's
        of_user = None
        if leads_to is not None and leads_to.entries_of_user:
            of_user = Person(decode(leads_to.entries_of_user))
        entries = recall(_person(user), _person(device), of_user, user_key)
        return Recalled(_memory(entries), tuple(keys))


def _person(stored: StoredPerson | None) -> Person | None:
    if stored is None:
        return None
    return Person(decode(stored.entries), stored.user, stored.is_shared)


def _memory(entries: Mapping[str, Entry]) -> Memory:
    return Memory(
        entries, settings.IDENTITY_CLICK_DAYS * 86_400, settings.IDENTITY_ADDRESS_HOURS * 3_600
    )
