"""Under which key a person is kept: a keyed hash, so that nobody can look whether an ID is
known."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b, sha256
from uuid import UUID

from django.conf import settings

from destinations.pinterest.identity import USER

Name = tuple[str, str, str]
"""What a key is made of: the identity space, ``USER`` or ``DEVICE``, and the ID."""


@lru_cache(maxsize=1024)
def _begun(secret_key: str, space: str, kind: str) -> blake2b:
    """The hash of what all keys of a space have in common; what follows is hashed into a copy."""
    secret = sha256(b"identity memory:" + secret_key.encode()).digest()
    text = f"{space}\0{'u' if kind == USER else 'a'}\0"
    return blake2b(text.encode("utf-8", "surrogatepass"), key=secret, digest_size=16)


def key_of(space: str, kind: str, person_id: str) -> bytes:
    """The key of a user or device (``USER`` or ``DEVICE``) in an identity space: 16 bytes.

    With another ``SECRET_KEY`` everybody is unknown.
    """
    digest = _begun(settings.SECRET_KEY, space, kind).copy()
    digest.update(person_id.encode("utf-8", "surrogatepass"))
    return digest.digest()


def uuid_of(key: bytes) -> UUID:
    """A key as Django's models have it."""
    return UUID(bytes=key)
