"""The faults in force, and the dice that decide when they strike. Safe to share by threads."""

from __future__ import annotations

import random
from collections.abc import Iterable
from threading import Lock
from typing import Any

from .faults import Fault


class FaultBoard:
    """Faults may come and go while requests run. `seed` makes the dice repeatable."""

    def __init__(self, faults: Iterable[Fault] = (), seed: int | None = None) -> None:
        self._lock = Lock()
        self._dice = random.Random(seed)
        self._last_id = 0
        self._faults: list[Fault] = []
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._last_id += 1
            fault.fault_id = self._last_id
            self._faults.append(fault)
        return fault

    def remove(self, *, fault_id: int | None = None, name: str | None = None) -> int:
        """Take faults back: one, all of a name, or (with no argument) all. Returns how many."""
        with self._lock:
            kept = [
                fault
                for fault in self._faults
                if (fault_id is not None and fault.fault_id != fault_id)
                or (name is not None and fault.name != name)
            ]
            removed = len(self._faults) - len(kept)
            self._faults = kept
        return removed

    def as_json(self) -> list[dict[str, Any]]:
        with self._lock:
            return [fault.as_json() for fault in self._faults]

    def roll(self, name: str, account: str, *, moment: str = "") -> Fault | None:
        """The first fault of this name that strikes this request now, counted as struck."""
        with self._lock:
            for fault in self._in_force(name, account):
                if fault.moment == moment and self._dice.random() < fault.rate:
                    self._strike(fault)
                    return fault
        return None

    def draw_latency(self, account: str) -> tuple[float, list[Fault]]:
        """Seconds the answer has to wait, and the latencies in force whose sum that is."""
        with self._lock:
            faults = self._in_force("latency", account)
            wait = sum(self._dice.uniform(*fault.seconds) for fault in faults)
            for fault in faults:
                self._strike(fault)
            return wait, faults

    def peek(self, name: str, account: str) -> Fault | None:
        """The first fault of this name in force for the account, not counted as struck."""
        with self._lock:
            return next(iter(self._in_force(name, account)), None)

    def strike(self, fault: Fault) -> None:
        with self._lock:
            self._strike(fault)

    def hit_event_ids(self, name: str, account: str, event_ids: list[str]) -> dict[int, Fault]:
        """Which of a request's conversions a fault of this name strikes: position -> fault."""
        with self._lock:
            hits: dict[int, Fault] = {}
            for fault in self._in_force(name, account):
                if fault.event_ids:
                    wanted = fault.event_ids
                    struck = [at for at, one in enumerate(event_ids) if one in wanted]
                else:
                    dice, rate = self._dice.random, fault.rate
                    struck = [at for at in range(len(event_ids)) if dice() < rate]
                if struck:
                    self._strike(fault)
                    for at in struck:
                        hits.setdefault(at, fault)
            return hits

    def _in_force(self, name: str, account: str) -> list[Fault]:
        return [
            fault
            for fault in self._faults
            if fault.name == name and fault.account in ("", account) and fault.remaining != 0
        ]

    def _strike(self, fault: Fault) -> None:
        fault.strikes += 1
        if fault.remaining is not None:
            fault.remaining = max(0, fault.remaining - 1)
