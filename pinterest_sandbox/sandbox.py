"""The sandbox as one object: start it, send to its `url`, break it, read what arrived."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .access import AccessRules
from .answers import error_answer
from .control import Control
from .conversions_api import ConversionsApi
from .fault_board import FaultBoard
from .faults import Fault, parse_fault
from .ledger import Ledger
from .server import Exchange, HttpServer
from .traffic import Traffic

MAX_BODY_BYTES = 10 * 1024 * 1024
"""Pinterest documents no limit; this one only keeps the sandbox sane."""


class Sandbox:
    """A stand-in Pinterest in this process, on a real socket.

        with Sandbox() as sandbox:
            ...send to sandbox.url...
            sandbox.add_fault("status=500:0.3", account="549755885175")
            assert sandbox.summary()["events_processed"] == 2500

    `port` 0 picks a free one; after `stop()` a second `start()` takes the same port again, with
    the ledger kept, so that an outage can be played. `faults` are lines as `faults.py` describes
    them, `tokens` and `accounts` restrict who is let in (`access.py`), `seed` makes random faults
    repeatable. `keep_conversions` is how many conversions stay readable in full; of older ones
    event_id, name, account, time and outcome remain.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        faults: Iterable[str] = (),
        tokens: Iterable[str] = (),
        accounts: Iterable[str] = (),
        ledger_file: Path | str | None = None,
        seed: int | None = None,
        keep_conversions: int = 50_000,
        max_body_bytes: int = MAX_BODY_BYTES,
        max_connections: int = 256,
    ) -> None:
        self.host = host
        self.port = port
        self._max_body_bytes = max_body_bytes
        self._max_connections = max_connections
        self._faults = FaultBoard((parse_fault(line) for line in faults), seed)
        self.ledger = Ledger(keep_conversions, Path(ledger_file) if ledger_file else None)
        self.test_ledger = Ledger(keep_conversions)
        self._traffic = Traffic(first_number=self.ledger.last_request_number() + 1)
        self._api = ConversionsApi(
            rules=AccessRules.of(tokens, accounts),
            faults=self._faults,
            ledger=self.ledger,
            test_ledger=self.test_ledger,
            traffic=self._traffic,
        )
        self._control = Control(
            faults=self._faults,
            ledger=self.ledger,
            test_ledger=self.test_ledger,
            traffic=self._traffic,
        )
        self._server: HttpServer | None = None

    def start(self) -> Sandbox:
        """Listen. Raises OSError when the address is taken or not ours."""
        if self._server is None:
            self._server = HttpServer(
                (self.host, self.port),
                self._serve,
                max_body_bytes=self._max_body_bytes,
                max_connections=self._max_connections,
            )
            self.port = self._server.server_port
            self._server.start()
        return self

    def stop(self) -> None:
        """Close the socket and every connection at once. What was recorded stays readable."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def close(self) -> None:
        """Stop for good: the ledger file is closed too."""
        self.stop()
        self.ledger.close()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def add_fault(self, line: str, *, account: str = "", for_requests: int | None = None) -> Fault:
        """Put a fault in force, as a line of `faults.py`. Raises FaultRefused."""
        return self._faults.add(parse_fault(line, account=account, for_requests=for_requests))

    def remove_fault(self, fault: Fault) -> None:
        self._faults.remove(fault_id=fault.fault_id)

    def clear_faults(self, name: str | None = None) -> int:
        """Take back the faults of a name, or all. Returns how many there were."""
        return self._faults.remove(name=name)

    @contextmanager
    def fault(
        self, line: str, *, account: str = "", for_requests: int | None = None
    ) -> Iterator[Fault]:
        """A fault for the length of a `with` block."""
        fault = self.add_fault(line, account=account, for_requests=for_requests)
        try:
            yield fault
        finally:
            self.remove_fault(fault)

    def faults(self) -> list[dict[str, Any]]:
        """Those in force: [{"id", "fault", "account", "for", "strikes"}]."""
        return self._faults.as_json()

    def summary(self) -> dict[str, Any]:
        """The counts, as `GET /_ledger` gives them."""
        return self._control.summary()

    def find(self, event_id: str) -> list[dict[str, Any]]:
        """The entries of an event_id in the main ledger, oldest first, with `conversion`."""
        return self.ledger.find(event_id)

    def event_ids(self) -> list[str]:
        """The event_id of every processed conversion, repetitions included."""
        return self.ledger.event_ids()

    def requests(self, limit: int = 1000) -> list[dict[str, Any]]:
        """The last requests, newest first (`traffic.RequestEntry` as JSON)."""
        return self._traffic.entries(limit)

    def clear(self) -> None:
        """Forget every request and event. Faults stay."""
        self._control.clear()

    def _serve(self, exchange: Exchange) -> None:
        match exchange.command, exchange.segments:
            case "POST", ["v5", "ad_accounts", account, "events"]:
                self._api.serve(exchange, "v5", account)
                return
            case "POST", ["events", "v3"]:
                self._api.serve(exchange, "v3")
                return
        answer = self._control.answer(exchange)
        exchange.send(answer if answer is not None else error_answer(404, "Not found."))
