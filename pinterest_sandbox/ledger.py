"""Every conversion the sandbox has judged, in the order of arrival.

A request's conversions make one `Receipt`. Conversions of a request that was refused as a whole
are not here: Pinterest would have recorded nothing.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_right
from collections import Counter, deque
from pathlib import Path
from threading import Lock
from typing import Any

import orjson

from .key_set import KeySet
from .receipts import Receipt, as_line, entries_of


class Ledger:
    """Safe to share by threads. `file` gets a JSON line for each receipt, and is read at start."""

    def __init__(self, keep_conversions: int = 50_000, file: Path | None = None) -> None:
        self._lock = Lock()
        self._keep_conversions = keep_conversions
        self._forget()
        if file is not None and file.exists():
            self._read_back(file)
        self._writer = file.open("ab") if file is not None else None

    def _forget(self) -> None:
        self._receipts: list[Receipt] = []
        self._with_body: deque[Receipt] = deque()
        self._bodies_count = 0
        self._last_number = 0
        self._event_ids = KeySet()
        self._conversions = KeySet()
        self._unanswered: set[int] = set()
        self._totals: Counter[str] = Counter()
        self._by_account: dict[str, Counter[str]] = {}

    def close(self) -> None:
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def clear(self) -> None:
        """Forget everything, the file included."""
        with self._lock:
            self._forget()
            if self._writer is not None:
                self._writer.truncate(0)

    def enter(
        self,
        conversions: list[dict[str, Any]],
        accounts: str | list[str],
        *,
        request_number: int,
        failures: dict[int, str],
        body: bytes | None = None,
    ) -> Receipt:
        """Enter the conversions of a judged request. `failures`: position -> error_message."""
        event_ids = [conversion["event_id"] for conversion in conversions]
        event_names = [conversion["event_name"] for conversion in conversions]
        event_times = [conversion["event_time"] for conversion in conversions]
        return self._add_receipt(
            [event_ids, event_names, event_times],
            accounts,
            request_number=request_number,
            received_at=time.time(),
            failures=failures,
            body=body,
            write=True,
        )

    def _add_receipt(
        self,
        columns: list[list[Any]],
        accounts: str | list[str],
        *,
        request_number: int,
        received_at: float,
        failures: dict[int, str],
        body: bytes | None,
        write: bool,
    ) -> Receipt:
        event_ids, event_names, _ = columns
        owners = [accounts] * len(event_ids) if isinstance(accounts, str) else accounts
        receipt = Receipt(
            first_number=0,
            size=len(event_ids),
            request_number=request_number,
            received_at=received_at,
            accounts=accounts,
            columns=orjson.dumps(columns),
            failures=failures,
            body=body,
            keys=list(map(hash, zip(owners, event_ids, event_names, strict=True))),
        )
        with self._lock:
            receipt.first_number = self._last_number + 1
            self._last_number += receipt.size
            self._receipts.append(receipt)
            self._keep_body(receipt)
            self._count(receipt, owners, event_ids)
            if write and self._writer is not None:
                self._writer.write(as_line(receipt, columns))
                self._writer.flush()
        return receipt

    def _keep_body(self, receipt: Receipt) -> None:
        if receipt.body is None:
            return
        self._with_body.append(receipt)
        self._bodies_count += receipt.size
        while self._bodies_count > self._keep_conversions:
            oldest = self._with_body.popleft()
            oldest.body = None
            self._bodies_count -= oldest.size

    def _count(self, receipt: Receipt, owners: list[str], event_ids: list[str]) -> None:
        keys, failures = receipt.keys, receipt.failures
        is_new_id, is_new = self._event_ids.add, self._conversions.add
        repeated: list[int] = []
        for position, key in enumerate(keys):
            if position not in failures:
                is_new_id(hash(event_ids[position]))
                if not is_new(key):
                    repeated.append(position)
        explained = {position for position in repeated if keys[position] in self._unanswered}
        self._unanswered.update(keys)
        _add(self._totals, receipt.size, len(failures), len(repeated), len(explained))
        if isinstance(receipt.accounts, str):
            counter = self._by_account.setdefault(receipt.accounts, Counter())
            _add(counter, receipt.size, len(failures), len(repeated), len(explained))
            return
        again = set(repeated)
        for position, account in enumerate(owners):
            counter = self._by_account.setdefault(account, Counter())
            _add(counter, 1, position in failures, position in again, position in explained)

    def note_answered(self, receipt: Receipt) -> None:
        """The whole answer goes out: who sends these conversions again has no need to."""
        with self._lock:
            self._unanswered.difference_update(receipt.keys)

    def note_unanswered(self, receipt: Receipt) -> None:
        """The answer did not arrive after all: sending again is what a careful client does."""
        with self._lock:
            self._unanswered.update(receipt.keys)

    def summary(self) -> dict[str, Any]:
        """The counts of `GET /_ledger` that concern conversions."""
        with self._lock:
            return {
                "events_judged": self._totals["events_judged"],
                "events_processed": self._totals["events_processed"],
                "events_failed": self._totals["events_failed"],
                "distinct_event_ids": len(self._event_ids),
                "distinct_conversions": len(self._conversions),
                "duplicates": self._totals["duplicates"],
                "duplicates_unexplained": self._totals["duplicates_unexplained"],
                "accounts": {name: dict(counter) for name, counter in self._by_account.items()},
            }

    def last_request_number(self) -> int:
        with self._lock:
            return self._receipts[-1].request_number if self._receipts else 0

    def find(self, event_id: str) -> list[dict[str, Any]]:
        """The entries of an event_id, oldest first, each with its conversion while it is kept."""
        needle = orjson.dumps(event_id)
        with self._lock:
            receipts = list(self._receipts)
        return [
            entry
            for receipt in receipts
            if needle in receipt.columns
            for entry in entries_of(receipt, with_conversions=True)
            if entry["event_id"] == event_id
        ]

    def page(
        self, after: int = 0, limit: int = 1000, *, with_conversions: bool = False
    ) -> list[dict[str, Any]]:
        """Up to `limit` entries whose number is greater than `after`, in order of arrival."""
        with self._lock:
            start = bisect_right(self._receipts, after, key=lambda receipt: receipt.first_number)
            receipts = self._receipts[max(0, start - 1) : start + limit]
        found: list[dict[str, Any]] = []
        for receipt in receipts:
            for entry in entries_of(receipt, with_conversions=with_conversions):
                if entry["number"] > after:
                    found.append(entry)
            if len(found) >= limit:
                break
        return found[:limit]

    def event_ids(self) -> list[str]:
        """The event_id of every processed conversion, in order of arrival, repetitions included."""
        with self._lock:
            receipts = list(self._receipts)
        return [
            event_id
            for receipt in receipts
            for position, event_id in enumerate(orjson.loads(receipt.columns)[0])
            if position not in receipt.failures
        ]

    def _read_back(self, file: Path) -> None:
        whole_bytes = 0
        with file.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break  # the process was killed while it wrote this line
                whole_bytes += len(line)
                entry = orjson.loads(line)
                receipt = self._add_receipt(
                    [entry["event_ids"], entry["event_names"], entry["event_times"]],
                    entry["account"],
                    request_number=entry["request"],
                    received_at=entry["received_at"],
                    failures={int(at): message for at, message in entry["failures"].items()},
                    body=None,
                    write=False,
                )
                self.note_answered(receipt)
                receipt.keys = []
        os.truncate(file, whole_bytes)


def _add(counter: Counter[str], judged: int, failed: int, repeated: int, explained: int) -> None:
    counter["events_judged"] += judged
    counter["events_processed"] += judged - failed
    counter["events_failed"] += failed
    counter["duplicates"] += repeated
    counter["duplicates_unexplained"] += repeated - explained
