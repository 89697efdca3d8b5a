"""Recalling: what is known of the people behind claimed events, in one query for each group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings

from deliveries.identity.keys import bytes_of, key_of
from deliveries.models import Person as PersonModel
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
    keys: tuple[UUID, ...]


def identity_spaces() -> dict[int, str]:
    """Source → its identity space; sources that remember nothing are left out."""
    sources = Source.objects.exclude(identity_memory=Source.IdentityMemory.OFF)
    return {
        source.pk: source.space
        for source in sources.only("pk", "identity_memory", "identity_space")
        if source.space is not None
    }


def recall_each(events: Sequence[tuple[str | None, dict[str, Any]]]) -> list[Recalled | None]:
    """For each event in its space: what is known of its person. One query, none without IDs.

    None for an event without a space or ID, and for one that denies consent.
    """
    named = [
        None if space is None or denies_consent(event) else _keys(space, event)
        for space, event in events
    ]
    people = _read({key for keys in named if keys for key in keys if key is not None})
    return [keys and _recall(*keys, people) for keys in named]


def _keys(space: str, event: Mapping[str, Any]) -> tuple[UUID | None, UUID | None] | None:
    user_id, anonymous_id = ids_of(event)
    if not user_id and not anonymous_id:
        return None
    return (
        key_of(space, USER, user_id) if user_id else None,
        key_of(space, DEVICE, anonymous_id) if anonymous_id else None,
    )


Known = tuple[Person, dict[str, Entry]]
"""A person, and the entries of the user that it leads to."""


def _read(keys: Iterable[UUID]) -> dict[UUID, Known]:
    wanted = sorted(keys)
    if not wanted:
        return {}
    rows = PersonModel.objects.filter(key__any_of=wanted).values_list(
        "key", "entries", "user_id", "is_shared", "user__entries"
    )
    return {
        key: (
            Person(decode(bytes(entries)), bytes_of(user_id), is_shared),
            decode(bytes(of_user)) if of_user else {},
        )
        for key, entries, user_id, is_shared, of_user in rows
    }


def _recall(
    user_key: UUID | None, device_key: UUID | None, people: Mapping[UUID, Known]
) -> Recalled:
    user, of_user = people.get(user_key, (None, {})) if user_key else (None, {})
    device, of_device = people.get(device_key, (None, {})) if device_key else (None, {})
    if user_key is not None:
        leads_to, keys = of_user, [user_key]
    else:
        assert device_key is not None
        leads_to, keys = of_device, [device_key]
        if device is not None and device.user is not None and not device.is_shared:
            keys.append(UUID(bytes=device.user))
    entries = recall(
        user, device, Person(leads_to) if leads_to else None, user_key.bytes if user_key else None
    )
    return Recalled(
        Memory(
            entries,
            settings.IDENTITY_CLICK_DAYS * 86_400,
            settings.IDENTITY_ADDRESS_HOURS * 3_600,
        ),
        tuple(keys),
    )
