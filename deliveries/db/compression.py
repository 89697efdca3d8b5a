"""Bodies at rest: large ones compressed, small ones as they are, always the exact bytes.

One event of a few kilobytes costs more to compress and to read than its bytes are worth, on the
path of every event; a batch of a thousand conversions shrinks to a fifth.
"""

from __future__ import annotations

import zlib

COMPRESSED_FROM_BYTES = 16_384
FASTEST = 1
_PLAIN = b"\0"  # a zlib stream never begins with it


def pack(body: bytes) -> bytes:
    """What to put into a BinaryField for this body."""
    if len(body) < COMPRESSED_FROM_BYTES:
        return _PLAIN + body
    return zlib.compress(body, FASTEST)


def unpack(stored: bytes | memoryview) -> bytes:
    """The exact bytes that were packed. Raises zlib.error when ``stored`` is something else."""
    stored = bytes(stored)
    return stored[1:] if stored[:1] == _PLAIN else zlib.decompress(stored)
