"""What only a sandbox has: the ledger, the request log, the faults and a page that explains them.

Every path starts with `/_`, so none can be mistaken for Pinterest's. Faults never strike here.
"""

from __future__ import annotations

from typing import Any

import orjson

from . import faults as faults_module
from .answers import TEXT, Answer, json_answer
from .fault_board import FaultBoard
from .faults import FaultRefused, read_faults
from .ledger import Ledger
from .server import Exchange
from .traffic import Traffic

_LARGEST_PAGE = 10_000

_ROOT_PAGE = """\
Pinterest sandbox of CAPI Relay
===============================
A stand-in for the Pinterest Conversions API, for trials and tests. It sends nothing anywhere.

Send to       POST {url}/v5/ad_accounts/ID/events[?test=true]   (Authorization: Bearer TOKEN)
Legacy        POST {url}/events/v3[?test=true]                  (advertiser_id in each event)

Requests      {requests}, by status {requests_by_status}
Events        {events_received} received: {events_processed} processed, {events_failed} failed,
              {events_refused} in requests refused as a whole
Event IDs     {distinct_event_ids} distinct; {duplicates} duplicate conversions
Test mode     {test_events_received} events received, {test_judged} evaluated

Inspect       GET    /_ledger                   counts, as JSON
              GET    /_ledger/events?after=0    all events, page by page (&limit= &conversions=true
                                                &test=true)
              GET    /_ledger/events/EVENT_ID   one event, with the conversion as received
              GET    /_ledger/event_ids         the event_id of every processed event
              GET    /_requests?limit=100       latest requests, newest first
              DELETE /_ledger                   delete all of them

Add faults    POST   /_faults  {{"fault": "status=500:0.3", "account": "549", "for": 10}}
              GET    /_faults                   active faults
              DELETE /_faults[/ID][?name=NAME]  remove faults

Active        {faults}

{usage}
"""


class Control:
    """Serves `/` and the `/_…` paths. Safe to share by threads."""

    def __init__(
        self, *, faults: FaultBoard, ledger: Ledger, test_ledger: Ledger, traffic: Traffic
    ) -> None:
        self._faults = faults
        self._ledger = ledger
        self._test_ledger = test_ledger
        self._traffic = traffic

    def answer(self, exchange: Exchange) -> Answer | None:
        """The answer to a control request; None when method and path mean nothing here."""
        body = exchange.read_body() if "Content-Length" in exchange.headers else b""
        match exchange.command, exchange.segments:
            case "GET", [""]:
                return self._show_root(exchange.headers.get("Host", "HOST:PORT"))
            case "GET", ["_health"]:
                return json_answer({"status": "ok"})
            case "GET", ["_ledger"] if "event_id" in exchange.query:
                return self._show_event(exchange, exchange.parameter("event_id"))
            case "GET", ["_ledger"]:
                return json_answer(self.summary())
            case "DELETE", ["_ledger"]:
                self.clear()
                return json_answer({"cleared": True})
            case "GET", ["_ledger", "events"] if "event_id" in exchange.query:
                return self._show_event(exchange, exchange.parameter("event_id"))
            case "GET", ["_ledger", "events"]:
                return self._show_page(exchange)
            case "GET", ["_ledger", "events", *rest] if rest:
                return self._show_event(exchange, "/".join(rest), must_exist=True)
            case "GET", ["_ledger", "event_ids"]:
                return json_answer({"event_ids": self._ledger_of(exchange).event_ids()})
            case "GET", ["_requests"]:
                limit = _whole_number(exchange, "limit", 100)
                if limit is None:
                    return _bad_request("limit must be a whole number")
                return json_answer({"requests": self._traffic.entries(limit)})
            case "GET", ["_faults"]:
                return json_answer({"faults": self._faults.as_json()})
            case "POST", ["_faults"]:
                return self._add_faults(body)
            case "DELETE", ["_faults"]:
                name = exchange.parameter("name") or None
                return json_answer({"removed": self._faults.remove(name=name)})
            case "DELETE", ["_faults", number] if number.isascii() and number.isdigit():
                return json_answer({"removed": self._faults.remove(fault_id=int(number))})
        return None

    def summary(self) -> dict[str, Any]:
        """The counts of requests and events; those of test mode under `test`."""
        return {
            **self._traffic.summary(),
            **self._ledger.summary(),
            "test": self._test_ledger.summary(),
        }

    def clear(self) -> None:
        """Forget every request and event. Faults stay."""
        self._traffic.clear()
        self._ledger.clear()
        self._test_ledger.clear()

    def _ledger_of(self, exchange: Exchange) -> Ledger:
        is_test = exchange.parameter("test", "false").lower() == "true"
        return self._test_ledger if is_test else self._ledger

    def _show_event(self, exchange: Exchange, event_id: str, *, must_exist: bool = False) -> Answer:
        entries = self._ledger_of(exchange).find(event_id)
        status = 404 if must_exist and not entries else 200
        return json_answer({"event_id": event_id, "events": entries}, status)

    def _show_page(self, exchange: Exchange) -> Answer:
        after = _whole_number(exchange, "after", 0)
        limit = _whole_number(exchange, "limit", 1000)
        if after is None or limit is None or not 1 <= limit <= _LARGEST_PAGE:
            return _bad_request(
                f"after must be a whole number, and limit a whole number from 1 to {_LARGEST_PAGE}"
            )
        with_conversions = exchange.parameter("conversions", "false").lower() == "true"
        entries = self._ledger_of(exchange).page(after, limit, with_conversions=with_conversions)
        next_after = entries[-1]["number"] if len(entries) == limit else None
        return json_answer({"events": entries, "next_after": next_after})

    def _add_faults(self, body: bytes) -> Answer:
        try:
            faults = read_faults(orjson.loads(body))
        except (orjson.JSONDecodeError, FaultRefused) as refused:
            return _bad_request(str(refused))
        return json_answer({"faults": [self._faults.add(fault).as_json() for fault in faults]}, 201)

    def _show_root(self, host: str) -> Answer:
        counts = self.summary()
        by_status = [f"{status}: {count}" for status, count in counts["requests_by_status"].items()]
        in_force = [
            f"{fault['fault']} (affected {fault['strikes']} requests)"
            for fault in self._faults.as_json()
        ]
        page = _ROOT_PAGE.format(
            **{**counts, "requests_by_status": ", ".join(by_status) or "none yet"},
            url=f"http://{host}",
            test_judged=counts["test"]["events_judged"],
            faults="\n              ".join(in_force) or "none",
            usage=faults_module.__doc__,
        )
        return Answer(200, page.encode(), TEXT)


def _whole_number(exchange: Exchange, name: str, default: int) -> int | None:
    text = exchange.parameter(name, str(default))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _bad_request(message: str) -> Answer:
    return json_answer({"message": message}, 400)
