"""Bodies at rest: large ones compressed, small ones as they are, always the exact bytes.

One event of a few kilobytes costs more to compress and to read than its bytes are worth, on the
path of every event; a batch of a thousand conversions shrinks to a sixth.
"""

from __future__ import annotations

import sys
import zlib

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

COMPRESSED_FROM_BYTES = 16_384
FASTEST = 1
_PLAIN = b"\0"  # neither a zstd frame nor a zlib stream begins with it
_ZSTD = b"\x28\xb5\x2f\xfd"


def pack(body: bytes) -> bytes:
    """What to put into a BinaryField for the body of a request or response."""
    if len(body) < COMPRESSED_FROM_BYTES:
        return _PLAIN + body
    return zstd.compress(body, FASTEST)


def pack_event(body: bytes) -> bytes:
    """The same for an event, which during an upgrade workers of version 0.1 may have to read.

    They know zlib only.
    """
    if len(body) < COMPRESSED_FROM_BYTES:
        return _PLAIN + body
    return zlib.compress(body, FASTEST)


def unpack(stored: bytes | memoryview) -> bytes:
    """The exact bytes that were packed. Raises ValueError when ``stored`` is something else."""
    stored = bytes(stored)
    if stored[:1] == _PLAIN:
        return stored[1:]
    try:
        # Events, and requests from version 0.1, which may be kept for years, are zlib streams.
        return zstd.decompress(stored) if stored[:4] == _ZSTD else zlib.decompress(stored)
    except (zstd.ZstdError, zlib.error) as error:
        raise ValueError(f"This isn't a stored body: {error}") from error
