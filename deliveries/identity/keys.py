"""Under which key a person is kept: a keyed hash, so that nobody can look whether an ID is
known."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b, sha256
from uuid import UUID

from django.conf import settings

from destinations.pinterest.identity import USER


@lru_cache(maxsize=8)
def _secret(secret_key: str) -> bytes:
    return sha256(b"identity memory:" + secret_key.encode()).digest()


def key_of(space: str, kind: str, person_id: str) -> UUID:
    """The key of a user or device (``USER`` or ``DEVICE``) in an identity space.

    With another ``SECRET_KEY`` everybody is unknown.
    """
    text = f"{space}\0{'u' if kind == USER else 'a'}\0{person_id}"
    digest = blake2b(
        text.encode("utf-8", "surrogatepass"), key=_secret(settings.SECRET_KEY), digest_size=16
    )
    return UUID(bytes=digest.digest())


def bytes_of(key: UUID | None) -> bytes | None:
    """A key as the pure core has it."""
    return None if key is None else key.bytes
