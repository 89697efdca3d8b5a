"""People who are known already, for tests of what is made of that."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

from deliveries.identity.keys import key_of, uuid_of
from deliveries.models import Person
from destinations.models import Source
from destinations.pinterest.identity import USER, Entry, encode

SEEN_AT = int(datetime(2026, 11, 20, 14, 3, tzinfo=UTC).timestamp())


def remember_email(source: Source, user_id: str, email: str) -> UUID:
    """As if an identify call of ``user_id`` had said the email."""
    assert source.space is not None
    digest = sha256(email.encode()).hexdigest()
    person = Person.objects.create(
        key=uuid_of(key_of(source.space, USER, user_id)),
        entries=encode({"em": Entry((digest,), "identify", SEEN_AT, True)}),
        is_device=False,
        is_shared=False,
        seen_on=datetime.now(UTC).date(),
        version=1,
    )
    return person.key
