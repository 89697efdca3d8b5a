"""What may be spent in a second, counted once for all processes: in Redis, or in one locked file.

A budget fills up steadily and holds at most ``burst_seconds`` of its rate. What is stored of it is
one number: until when it is spent. So reading, judging and spending are one step, under a lock: a
hundred requests at the same moment get what one after the other would get.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from dataclasses import dataclass
from functools import cache as once
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import redis
from django.conf import settings
from django.core.cache import cache

_ROUNDING_SECONDS = 1e-6


@dataclass(frozen=True, slots=True)
class Budget:
    """``per_second`` units come in, and ``burst_seconds`` of them can be spent at once."""

    name: str
    per_second: float
    burst_seconds: float = 1.0


class Ledger(Protocol):
    """Where budgets are kept. Raises OSError or redis.RedisError when it cannot be asked."""

    def spend(self, budget: Budget, units: float, *, may_owe: bool) -> float:
        """Seconds to wait until ``units`` can be spent; 0.0 when they are spent now.

        With ``may_owe`` they are spent in any case, and what comes after waits the longer.
        """
        ...


def spend(budget: Budget, units: float, *, may_owe: bool = False) -> float:
    """``Ledger.spend`` of this installation."""
    return _ledger(settings.REDIS_URL).spend(budget, units, may_owe=may_owe)


def advance(
    spent_until: float, now: float, budget: Budget, units: float, may_owe: bool
) -> tuple[float, float]:
    """The rule: (seconds to wait, until when the budget is spent afterwards)."""
    after = max(spent_until, now) + units / budget.per_second
    wait = after - now - budget.burst_seconds
    if wait > _ROUNDING_SECONDS and not may_owe:
        return wait, spent_until
    return 0.0, after


@once
def _ledger(redis_url: str) -> Ledger:
    if redis_url:
        return RedisLedger(redis_url)
    return FileLedger(settings.DATA_DIR / "cache" / "rate-limits")


class FileLedger:
    """A table of fixed size, for the processes of one machine.

    A budget has one slot, found by a hash of its name. Two in use whose hashes lead to the same
    slot push each other out, and then both get more than they should: with 65,536 slots that is
    rare.
    """

    SLOTS = 65_536
    _SLOT = struct.Struct("<8sd")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = Lock()  # a file's lock is the process's: threads share it

    def spend(self, budget: Budget, units: float, *, may_owe: bool) -> float:
        name = blake2b(budget.name.encode(), digest_size=8).digest()
        position = int.from_bytes(name, "little") % self.SLOTS * self._SLOT.size
        with self._threads:
            table = self._open()
            try:
                fcntl.flock(table, fcntl.LOCK_EX)
                kept = os.pread(table, self._SLOT.size, position)
                spent_until = 0.0
                if len(kept) == self._SLOT.size:
                    owner, moment = self._SLOT.unpack(kept)
                    spent_until = moment if owner == name else 0.0
                wait, spent_until = advance(spent_until, time.time(), budget, units, may_owe)
                if not wait:
                    os.pwrite(table, self._SLOT.pack(name, spent_until), position)
                return wait
            finally:
                os.close(table)  # and the lock with it

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            return os.open(self._path, flags, 0o600)
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self._path, flags, 0o600)


class RedisLedger:
    """The same in Redis, by Redis's own clock, for the processes of all machines."""

    SCRIPT = f"""
    local time = redis.call('TIME')
    local now = time[1] + time[2] / 1e6
    local spent_until = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
    local after = spent_until + tonumber(ARGV[1]) / tonumber(ARGV[2])
    local wait = after - now - tonumber(ARGV[3])
    if wait > {_ROUNDING_SECONDS:f} and ARGV[4] == '0' then
        return string.format('%.6f', wait)
    end
    redis.call('SET', KEYS[1], string.format('%.6f', after), 'PX', math.ceil((after - now) * 1000))
    return '0'
    """
    """``advance``, where the number is."""

    def __init__(self, url: str) -> None:
        # Ingest waits for it: one that hangs must not hang ingest.
        client = redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1)
        self._script = client.register_script(self.SCRIPT)

    def spend(self, budget: Budget, units: float, *, may_owe: bool) -> float:
        arguments: list[Any] = [units, budget.per_second, budget.burst_seconds, int(may_owe)]
        return float(self._script(keys=[cache.make_key(budget.name)], args=arguments))
