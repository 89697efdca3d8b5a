"""The requests themselves: the last ones in a log, all of them in counts, those under way."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any


@dataclass(slots=True)
class RequestEntry:
    """One request to the events endpoint. Holds no token and no header.

    `answer` tells what became of the answer: `whole`, `dropped_before`, `dropped_after`,
    `dropped_midway`, `truncated`, `wrong_count`, `nonsense`, `unread` when the client had gone, or
    `body_cut` when it went within its body. `status` is the status that was (or would have been)
    answered; None for `dropped_before` and `body_cut`.
    """

    number: int
    api_version: str
    path: str
    account: str = ""
    is_test: bool = False
    status: int | None = None
    answer: str = "whole"
    faults: list[str] = field(default_factory=list)
    body_bytes: int = 0
    events: int = 0
    processed: int = 0
    failed: int = 0
    message: str = ""
    rid: str = ""
    received_at: float = 0.0
    duration_ms: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class Traffic:
    """Safe to share by threads. `keep` entries stay readable; the counts have no end."""

    def __init__(self, keep: int = 1000, first_number: int = 1) -> None:
        self._lock = Lock()
        self._keep = keep
        self._next_number = first_number
        self._forget()
        self._in_flight: Counter[str] = Counter()

    def _forget(self) -> None:
        self._entries: deque[RequestEntry] = deque(maxlen=self._keep)
        self._totals: Counter[str] = Counter()
        self._by_status: Counter[str] = Counter()
        self._by_answer: Counter[str] = Counter()
        self._by_account: Counter[str] = Counter()
        self._most_in_flight: Counter[str] = Counter()

    def clear(self) -> None:
        """Forget the log and the counts; the numbers go on, requests under way stay so."""
        with self._lock:
            self._forget()

    def open_entry(self, api_version: str, path: str) -> RequestEntry:
        with self._lock:
            number = self._next_number
            self._next_number += 1
        return RequestEntry(number, api_version, path, received_at=time.time())

    @contextmanager
    def in_flight(self, account: str) -> Iterator[None]:
        """Counts a request of the account as under way, and remembers the most at one time."""
        with self._lock:
            self._in_flight[account] += 1
            most = max(self._most_in_flight[account], self._in_flight[account])
            self._most_in_flight[account] = most
        try:
            yield
        finally:
            with self._lock:
                self._in_flight[account] -= 1
                if not self._in_flight[account]:
                    del self._in_flight[account]

    def close_entry(self, entry: RequestEntry) -> None:
        entry.duration_ms = round((time.time() - entry.received_at) * 1000, 1)
        with self._lock:
            self._entries.append(entry)
            self._totals["requests"] += 1
            self._totals["test_requests"] += entry.is_test
            received = "test_events_received" if entry.is_test else "events_received"
            self._totals[received] += entry.events
            if not (entry.is_test or entry.processed or entry.failed):
                self._totals["events_refused"] += entry.events
            self._by_status["none" if entry.status is None else str(entry.status)] += 1
            self._by_answer[entry.answer] += 1
            self._by_account[entry.account] += 1

    def entries(self, limit: int = 100) -> list[dict[str, Any]]:
        """The last requests, newest first."""
        with self._lock:
            entries = list(self._entries)
        return [entry.as_json() for entry in entries[: -limit - 1 : -1]]

    def summary(self) -> dict[str, Any]:
        """The counts of `GET /_ledger` that concern requests; `test_requests` are among `requests`,
        their events are not among `events_received`."""
        with self._lock:
            return {
                "requests": self._totals["requests"],
                "test_requests": self._totals["test_requests"],
                "requests_by_status": dict(self._by_status),
                "requests_by_answer": dict(self._by_answer),
                "requests_by_account": dict(self._by_account),
                "in_flight": dict(self._in_flight),
                "most_in_flight": dict(self._most_in_flight),
                "test_events_received": self._totals["test_events_received"],
                "events_received": self._totals["events_received"],
                "events_refused": self._totals["events_refused"],
            }
