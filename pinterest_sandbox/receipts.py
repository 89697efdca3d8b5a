"""What one judged request brought, kept small: about 70 bytes a conversion besides the body."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(slots=True, eq=False)
class Receipt:
    """The conversions of one judged request.

    `columns` is JSON: [event_ids, event_names, event_times]. `accounts` is one account, or (v3)
    one for each conversion. `failures`: position -> error_message. `body` is the request's body
    while it is kept. `keys` (one for each account, event_id and event_name) are emptied once the
    answer has gone out.
    """

    first_number: int
    size: int
    request_number: int
    received_at: float
    accounts: str | list[str]
    columns: bytes
    failures: dict[int, str]
    body: bytes | None
    keys: list[int]

    def account_of(self, position: int) -> str:
        return self.accounts if isinstance(self.accounts, str) else self.accounts[position]


def as_line(receipt: Receipt, columns: list[list[Any]]) -> bytes:
    """The receipt as the line of JSON a ledger file holds, its newline included."""
    event_ids, event_names, event_times = columns
    return orjson.dumps(
        {
            "request": receipt.request_number,
            "received_at": receipt.received_at,
            "account": receipt.accounts,
            "event_ids": event_ids,
            "event_names": event_names,
            "event_times": event_times,
            "failures": {str(at): message for at, message in receipt.failures.items()},
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def entries_of(receipt: Receipt, *, with_conversions: bool) -> Iterator[dict[str, Any]]:
    """One entry for each conversion, as `GET /_ledger/events` shows it.

    `conversion` is there when asked for, and None when the body is no longer kept.
    """
    event_ids, event_names, event_times = orjson.loads(receipt.columns)
    body = receipt.body
    conversions: list[dict[str, Any]] | None = None
    if with_conversions and body is not None:
        conversions = orjson.loads(body)["data"]
    for position, event_id in enumerate(event_ids):
        entry: dict[str, Any] = {
            "number": receipt.first_number + position,
            "event_id": event_id,
            "event_name": event_names[position],
            "account": receipt.account_of(position),
            "event_time": event_times[position],
            "received_at": receipt.received_at,
            "request": receipt.request_number,
            "outcome": "failed" if position in receipt.failures else "processed",
            "error_message": receipt.failures.get(position, ""),
        }
        if with_conversions:
            entry["conversion"] = conversions[position] if conversions is not None else None
        yield entry
