"""Digests that are nobody's: those of blanks, placeholders and zeros.

A sender who hashes without looking hashes what it has, and thousands of people get one identifier.
"""

from __future__ import annotations

import hashlib
from hashlib import sha256

from .cleaning import PLACEHOLDERS


def _spellings(text: str) -> set[str]:
    return {text, text.lower(), text.upper(), text.title(), text.capitalize()}


_NOTHING = (
    {one for text in PLACEHOLDERS for one in _spellings(text)}
    | {"", " ", "  ", "\t", "\n", "\r\n", "\0", "NaN", "[object Object]", "objectobject"}
    | {"0", "00", "-1", "0.0", "false", "False", "FALSE", "true", "True", "TRUE"}
    | {"00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000"}
)
DIGESTS_OF_NOTHING: frozenset[str] = frozenset(
    sha256(text.encode()).hexdigest() for text in _NOTHING
)
"""SHA-256 of blanks, placeholders, zeros: what a sender hashed who had no value."""

OTHER_DIGESTS_OF_NOTHING: frozenset[str] = frozenset(
    hashlib.new(algorithm, text.encode(), usedforsecurity=False).hexdigest()
    for algorithm in ("md5", "sha1")
    for text in _NOTHING
)
"""The same by the algorithms that user IDs are made with."""

DIGESTS_OF_SURNAMES: frozenset[str] = frozenset(
    sha256(name.encode()).hexdigest() for word in ("null", "none") for name in _spellings(word)
)
"""Digests that may be of a person called Null or None."""
