"""Bodies at rest: JSON compresses to a third, and rows that stay narrow keep the log fast."""

from __future__ import annotations

import zlib

FASTEST = 1


def pack(body: bytes) -> bytes:
    """Compress a body for a BinaryField."""
    return zlib.compress(body, FASTEST)


def unpack(stored: bytes | memoryview) -> bytes:
    """The exact bytes that were packed."""
    return zlib.decompress(stored)
