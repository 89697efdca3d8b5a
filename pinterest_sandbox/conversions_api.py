"""The events endpoint, v5 and v3: the story of one request, top to bottom.

The order is Pinterest's as far as it is known: connection, token, account, rate limit, body,
contract, results. Faults strike at the step they belong to. The conversions are recorded before
the answer goes out, so a lost answer is one whose conversions have arrived all the same.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Any

import orjson

from .access import DEFAULT_LIMIT, DEFAULT_WINDOW_SECONDS, AccessRules, RateLimits
from .answers import (
    FAILED,
    Answer,
    error_answer,
    invalid_request,
    judged_answer,
    nonsense_answer,
    results_for,
)
from .fault_board import FaultBoard
from .faults import Fault
from .ledger import Ledger
from .receipts import Receipt
from .server import BodyUnreadable, Exchange
from .traffic import RequestEntry, Traffic
from .validation import BodyRefused, validator_for

TEST_CONVERSIONS = 20
"""Pinterest judges only the first 20 conversions of a `?test=true` request."""


@dataclass(slots=True)
class _Judgement:
    """The answer, and what was recorded (None: nothing)."""

    answer: Answer
    ledger: Ledger | None = None
    receipt: Receipt | None = None

    def note_answered(self) -> None:
        if self.ledger is not None and self.receipt is not None:
            self.ledger.note_answered(self.receipt)

    def note_unanswered(self) -> None:
        if self.ledger is not None and self.receipt is not None:
            self.ledger.note_unanswered(self.receipt)

    def release(self) -> None:
        if self.receipt is not None:
            self.receipt.keys = []


class ConversionsApi:
    """Answers the events endpoint on behalf of Pinterest. Safe to share by threads."""

    def __init__(
        self,
        *,
        rules: AccessRules,
        faults: FaultBoard,
        ledger: Ledger,
        test_ledger: Ledger,
        traffic: Traffic,
    ) -> None:
        self._rules = rules
        self._faults = faults
        self._ledger = ledger
        self._test_ledger = test_ledger
        self._traffic = traffic
        self._limits = RateLimits()

    def serve(self, exchange: Exchange, api_version: str, account: str = "") -> None:
        """Answer one POST. `account` is the ad account of the path (v5); v3 names it inside.

        What the ledger and the request log say is settled before the answer goes out, so who has
        read an answer finds its request there.
        """
        entry = self._traffic.open_entry(api_version, exchange.plain_path)
        entry.account = account
        entry.rid = f"{random.randrange(10**16):016d}"
        if self._strike("drop", entry, moment="before"):
            entry.answer = "dropped_before"
            self._traffic.close_entry(entry)
            exchange.drop()
            return
        try:
            body = exchange.read_body()
        except BodyUnreadable as refused:
            entry.status, entry.message = refused.answer.status, refused.answer.message
            self._traffic.close_entry(entry)
            raise
        except OSError:
            entry.answer = "body_cut"
            self._traffic.close_entry(entry)
            raise
        self._answer(exchange, entry, body)

    def _answer(self, exchange: Exchange, entry: RequestEntry, body: bytes) -> None:
        entry.body_bytes = len(body)
        if entry.api_version == "v3":
            entry.account = _first_advertiser_id(body)
        with self._traffic.in_flight(entry.account):
            judgement = self._judge(exchange, entry, body)
            exchange.wait(self._draw_latency(entry))
        answer = judgement.answer
        answer.headers["x-pinterest-rid"] = entry.rid
        entry.status, entry.message = answer.status, answer.message
        entry.answer = self._damage(exchange, entry, answer)
        self._traffic.close_entry(entry)
        if entry.answer == "whole":
            judgement.note_answered()
        try:
            if entry.answer in ("dropped_after", "unread"):
                exchange.drop()
            else:
                exchange.send(answer, midway=entry.answer == "dropped_midway")
        except OSError:
            judgement.note_unanswered()
            raise
        finally:
            judgement.release()

    def _judge(self, exchange: Exchange, entry: RequestEntry, body: bytes) -> _Judgement:
        """What Pinterest would say to this request, with the conversions recorded if it took
        any."""
        fault = self._strike("status", entry)
        if fault is not None:
            entry.events = _count_conversions(body)
            answer = error_answer(fault.status)
            if fault.status < 400:
                answer.headers["Location"] = "/"
            return _Judgement(self._with_retry_after(answer, entry))
        refusal = self._refuse_sender(exchange, entry)
        if refusal is not None:
            entry.events = _count_conversions(body)
            return _Judgement(refusal)
        admitted, headers = self._take_from_rate_limit(entry)
        if admitted:
            judgement = self._judge_body(exchange, entry, body)
        else:
            entry.events = _count_conversions(body)
            judgement = _Judgement(self._with_retry_after(error_answer(429), entry))
        judgement.answer.headers.update(headers)
        return judgement

    def _refuse_sender(self, exchange: Exchange, entry: RequestEntry) -> Answer | None:
        """401 by the token, 403 or 404 by the account. v3 asks for no token."""
        if entry.api_version == "v3":
            return None
        authorization = exchange.headers.get("Authorization", "")
        return self._rules.refuse_token(authorization) or self._rules.refuse_account(entry.account)

    def _take_from_rate_limit(self, entry: RequestEntry) -> tuple[bool, dict[str, str]]:
        fault = self._faults.peek("rate_limit", entry.account)
        if fault is None:
            return self._limits.take(entry.account, DEFAULT_LIMIT, DEFAULT_WINDOW_SECONDS)
        admitted, headers = self._limits.take(entry.account, fault.count, fault.seconds[0])
        if not admitted:
            self._faults.strike(fault)
            entry.faults.append(fault.text)
        return admitted, headers

    def _judge_body(self, exchange: Exchange, entry: RequestEntry, body: bytes) -> _Judgement:
        is_test = exchange.parameter("test", "false").lower()
        if is_test not in ("true", "false"):
            return _Judgement(invalid_request(f"{is_test!r} is not of type 'boolean'"))
        entry.is_test = is_test == "true"
        media_type = exchange.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            return _Judgement(invalid_request("The Content-Type must be application/json"))
        if exchange.headers.get("Content-Encoding", "identity").lower() != "identity":
            return _Judgement(invalid_request("A Content-Encoding is not supported"))
        try:
            conversions = validator_for(entry.api_version).read_conversions(body)
        except BodyRefused as refused:
            entry.events = refused.conversions_count
            return _Judgement(invalid_request(str(refused)))
        entry.events = len(conversions)
        if entry.api_version == "v3":
            for account in {conversion["advertiser_id"] for conversion in conversions}:
                refusal = self._rules.refuse_account(account)
                if refusal is not None:
                    return _Judgement(refusal)
        event_ids = [conversion["event_id"] for conversion in conversions]
        poisoned = self._hit("poison", entry, event_ids)
        if poisoned:
            poison = event_ids[min(poisoned)]
            reason = f"{poison!r} should not be valid under {{'const': {poison!r}}}"
            return _Judgement(invalid_request(reason))
        if self._holds_too_old(entry, conversions):
            return _Judgement(invalid_request("event_time is too far in the past"))
        return self._judge_conversions(entry, conversions, event_ids, body)

    def _holds_too_old(self, entry: RequestEntry, conversions: list[dict[str, Any]]) -> bool:
        fault = self._faults.peek("max_age", entry.account)
        if fault is None:
            return False
        oldest = min(conversion["event_time"] for conversion in conversions)
        if oldest >= time.time() - fault.seconds[0]:
            return False
        self._faults.strike(fault)
        entry.faults.append(fault.text)
        return True

    def _judge_conversions(
        self,
        entry: RequestEntry,
        conversions: list[dict[str, Any]],
        event_ids: list[str],
        body: bytes,
    ) -> _Judgement:
        received = len(conversions)
        if entry.is_test:
            conversions, event_ids = conversions[:TEST_CONVERSIONS], event_ids[:TEST_CONVERSIONS]
        failing = self._hit("fail", entry, event_ids)
        unprocessable = self._hit("partial422", entry, event_ids)
        failures = {
            position: FAILED.format(conversions[position]["event_name"])
            for position in sorted(failing | unprocessable)
        }
        entry.failed = len(failures)
        entry.processed = len(conversions) - len(failures)
        ledger = self._test_ledger if entry.is_test else self._ledger
        receipt = ledger.enter(
            conversions,
            entry.account
            if entry.api_version == "v5"
            else [conversion["advertiser_id"] for conversion in conversions],
            request_number=entry.number,
            failures=failures,
            body=body,
        )
        results = results_for(conversions, failures)
        if not unprocessable and self._strike("wrong_count", entry):
            entry.answer = "wrong_count"
            results.pop()
        answer = judged_answer(
            results, received=received, processed=entry.processed, unprocessable=bool(unprocessable)
        )
        return _Judgement(answer, ledger, receipt)

    def _with_retry_after(self, answer: Answer, entry: RequestEntry) -> Answer:
        if answer.status in (408, 429) or answer.status >= 500:
            fault = self._strike("retry_after", entry)
            if fault is not None:
                answer.headers["Retry-After"] = f"{fault.seconds[0]:g}"
        return answer

    def _damage(self, exchange: Exchange, entry: RequestEntry, answer: Answer) -> str:
        """What becomes of the answer; a body that is to be spoilt is spoilt in place."""
        if self._strike("drop", entry, moment="after"):
            return "dropped_after"
        if self._strike("drop", entry, moment="midway"):
            return "dropped_midway"
        if self._strike("nonsense", entry):
            nonsense = nonsense_answer()
            answer.status, answer.body = nonsense.status, nonsense.body
            answer.content_type = nonsense.content_type
            return "nonsense"
        if self._strike("truncate", entry):
            answer.body = answer.body[: len(answer.body) // 2]
            return "truncated"
        if exchange.cannot_answer():
            return "unread"
        return entry.answer

    def _draw_latency(self, entry: RequestEntry) -> float:
        """Seconds the answer has to wait: the sum of the latencies in force."""
        wait, faults = self._faults.draw_latency(entry.account)
        entry.faults.extend(fault.text for fault in faults)
        return wait

    def _strike(self, name: str, entry: RequestEntry, *, moment: str = "") -> Fault | None:
        fault = self._faults.roll(name, entry.account, moment=moment)
        if fault is not None:
            entry.faults.append(fault.text)
        return fault

    def _hit(self, name: str, entry: RequestEntry, event_ids: list[str]) -> set[int]:
        """The positions of the conversions that faults of this name strike."""
        hits = self._faults.hit_event_ids(name, entry.account, event_ids)
        entry.faults.extend({fault.fault_id: fault.text for fault in hits.values()}.values())
        return set(hits)


def _first_advertiser_id(body: bytes) -> str:
    """The account of a v3 request, for faults and counts; "" when the body does not tell."""
    try:
        account = orjson.loads(body)["data"][0]["advertiser_id"]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return ""
    return account if isinstance(account, str) else ""


def _count_conversions(body: bytes) -> int:
    """How many conversions a body that is not judged holds; 0 when it cannot be read."""
    try:
        conversions = orjson.loads(body)["data"]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return 0
    return len(conversions) if isinstance(conversions, list) else 0
