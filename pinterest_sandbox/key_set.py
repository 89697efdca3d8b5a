"""A set of 64-bit keys that can hold millions: 12 to 24 bytes a key, where a set needs about 80."""

from __future__ import annotations

from array import array

_SHARDS = 64
_FIRST_SIZE = 64
_SIXTY_FOUR_BITS = 0xFFFF_FFFF_FFFF_FFFF


class KeySet:
    """Open addressing in arrays, split in shards so that growing never pauses for long.

    Two different keys with the same 64 bits count as one: among 10 million keys the chance is
    about 1 in 370,000. Not safe to share by threads without a lock.
    """

    def __init__(self) -> None:
        self._tables = [array("Q", bytes(8 * _FIRST_SIZE)) for _ in range(_SHARDS)]
        self._used = [0] * _SHARDS

    def __len__(self) -> int:
        return sum(self._used)

    def add(self, key: int) -> bool:
        """Whether the key is new. Any integer will do, as `hash()` gives them."""
        key = key & _SIXTY_FOUR_BITS or 1  # 0 marks an empty place
        shard = key >> 58
        table = self._tables[shard]
        mask = len(table) - 1
        place = key & mask
        while found := table[place]:
            if found == key:
                return False
            place = (place + 1) & mask
        table[place] = key
        self._used[shard] += 1
        if self._used[shard] * 3 > len(table) * 2:
            self._tables[shard] = _doubled(table)
        return True


def _doubled(table: array[int]) -> array[int]:
    size = 2 * len(table)
    larger = array("Q", bytes(8 * size))
    mask = size - 1
    for key in table:
        if key:
            place = key & mask
            while larger[place]:
                place = (place + 1) & mask
            larger[place] = key
    return larger
