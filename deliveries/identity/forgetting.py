"""Forgetting one person at once, before the retention does."""

from __future__ import annotations

from deliveries.identity.keys import key_of, uuid_of
from deliveries.identity.writing import forget_noted
from deliveries.models import ConsentWait, Person, SecondChance
from destinations.models import Source
from destinations.pinterest.identity import DEVICE, USER


def forget_person(source: Source, person_id: str) -> int:
    """Remove what is known under a user ID or anonymous ID in the space of ``source``; returns how
    many users and devices were removed.

    Devices that led to a forgotten user lead to nobody. Works for a source that was turned off,
    too.
    """
    space = source.space_when_on
    keys = [uuid_of(key_of(space, kind, person_id)) for kind in (USER, DEVICE)]
    SecondChance.objects.filter(key__any_of=keys).delete()
    ConsentWait.objects.filter(key__any_of=keys).delete()
    count, _ = Person.objects.filter(key__any_of=keys).delete()
    forget_noted()
    return count
