"""Senders that behave like an SDK: what got no 200 is sent again, under the same message IDs."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from enum import StrEnum
from typing import Any

import requests

BATCH_SIZE = 25
TIMEOUT_SECONDS = 15
MAX_BAD = 400
"""Poisoned and failing events of a chaos run: the sandbox is told of them before it begins."""
MAX_DOOMED = 100
"""So many are posted, early: each needs all its tries, and the run waits for them."""


class Kind(StrEnum):
    """What should become of an event."""

    GOOD = "good"
    NOBODY = "nobody"
    """No user data: our transform rejects it, and it is never sent."""
    POISON = "poison"
    """Pinterest refuses every request that holds it."""
    FAILING = "failing"
    """Pinterest answers 200 and says of this one that it failed."""
    KNOWN = "known"
    """No user data, but an identify call of its user, before or after it: memory completes it."""
    IDENTIFY = "identify"
    """That identify call."""
    DOOMED = "doomed"
    """For an ad account where nothing ever succeeds: its tries are used up."""


SHOP_EVENTS = (920, 15, 5, 10, 50, 0, 0)
"""Of a thousand events of a shop, how many are of each kind."""
ONLY_DOOMED = (0, 0, 0, 0, 0, 0, 1)


def email_of(message_id: str) -> str:
    """Of the person behind an event."""
    return f"{message_id}@example.com"


class Record:
    """What got a 200, and what did not. Shared by all senders."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.accepted: dict[str, Kind] = {}
        self.answers: Counter[str] = Counter()
        self.surprises: list[str] = []
        self.posting_count = 0
        self._bad_counts: Counter[Kind] = Counter()
        self._last_number = 0
        self._lock = threading.Lock()

    def bad_ids(self, kind: Kind) -> list[str]:
        """The message IDs that events of this kind will have."""
        return [f"chaos-{self.seed}-{kind}-{number}" for number in range(MAX_BAD)]

    def new_event(self, dice: random.Random, weights: tuple[int, ...]) -> dict[str, Any]:
        """An order of a shop, now and then one that must be rejected."""
        kind = dice.choices(list(Kind), weights)[0]
        with self._lock:
            self._last_number += 1
            number = self._last_number
            if kind in (Kind.POISON, Kind.FAILING):
                if self._bad_counts[kind] >= MAX_BAD:
                    kind = Kind.GOOD
                else:
                    number = self._bad_counts[kind]
                    self._bad_counts[kind] += 1
        message_id = f"chaos-{self.seed}-{kind}-{number}"
        is_silent = kind in (Kind.NOBODY, Kind.KNOWN)
        traits = {} if is_silent else {"email": email_of(message_id)}
        return {
            "type": "track",
            "messageId": message_id,
            "userId": f"{kind}-{number}",
            "event": "Order Completed",
            "properties": {"order_id": f"o-{number}", "value": 9.5, "currency": "EUR"},
            "context": {"traits": traits},
        }

    def identify_of(self, event: dict[str, Any]) -> dict[str, Any]:
        """The call that says whose ``event`` is."""
        number = event["userId"].rpartition("-")[2]
        return {
            "type": "identify",
            "messageId": f"chaos-{self.seed}-{Kind.IDENTIFY}-{number}",
            "userId": event["userId"],
            "context": {"traits": {"email": email_of(event["messageId"])}},
        }

    def note_posting(self, change: int) -> None:
        with self._lock:
            self.posting_count += change

    def note_answer(self, answer: str, events: list[dict[str, Any]]) -> None:
        with self._lock:
            self.answers[answer] += 1
            if answer == "200":
                for event in events:
                    message_id = event["messageId"]
                    self.accepted[message_id] = Kind(message_id.split("-")[2])
            elif answer not in ("503", "no answer"):
                self.surprises.append(f"ingest answered {answer} to good events")


class Sender(threading.Thread):
    """Posts batches at a steady rate until ``finish()``; a batch is sent until it gets its 200.

    ``weights`` say how often each kind comes; after ``most_events`` it posts no more.
    """

    def __init__(
        self,
        url: str,
        write_key: str,
        record: Record,
        *,
        seed: str,
        events_per_second: float,
        weights: tuple[int, ...] = SHOP_EVENTS,
        most_events: float = float("inf"),
    ) -> None:
        super().__init__(name=f"sender {seed}", daemon=True)
        self._url = f"{url}/v1/batch"
        self._write_key = write_key
        self._record = record
        self._dice = random.Random(seed)
        self._seconds_per_batch = BATCH_SIZE / events_per_second
        self._weights = weights
        self._most_batches = most_events / BATCH_SIZE
        self._finishing = threading.Event()
        self._given_up = threading.Event()

    def run(self) -> None:
        with requests.Session() as session:
            next_at = time.monotonic()
            batch_count = 0
            late: list[dict[str, Any]] = []
            while batch_count < self._most_batches and not self._finishing.wait(
                max(0.0, next_at - time.monotonic())
            ):
                batch_count += 1
                next_at = max(next_at + self._seconds_per_batch, time.monotonic() - 1)
                events = [
                    self._record.new_event(self._dice, self._weights) for _ in range(BATCH_SIZE)
                ]
                identifies = [
                    self._record.identify_of(one)
                    for one in events
                    if Kind(one["messageId"].split("-")[2]) is Kind.KNOWN
                ]
                # Half of them come with their event, the others some time after it.
                events, late = [*late, *events, *identifies[::2]], identifies[1::2]
                while not self._post(session, events) and not self._given_up.wait(0.3):
                    pass
                if self._dice.random() < 0.05:  # an answer that the SDK missed
                    self._post(session, events)
            while late and not self._post(session, late) and not self._given_up.wait(0.3):
                pass

    def finish(self, seconds: float) -> bool:
        """Let it get its last batch accepted; whether that was done in time."""
        self._finishing.set()
        self.join(seconds)
        in_time = not self.is_alive()
        self._given_up.set()
        self.join(TIMEOUT_SECONDS + 1)
        return in_time

    def _post(self, session: requests.Session, events: list[dict[str, Any]]) -> bool:
        self._record.note_posting(1)
        try:
            answer = str(
                session.post(
                    self._url,
                    json={"batch": events},
                    auth=(self._write_key, ""),
                    timeout=TIMEOUT_SECONDS,
                ).status_code
            )
        except requests.ReadTimeout:
            answer = "no answer"
            self._record.surprises.append(f"ingest took longer than {TIMEOUT_SECONDS} s to answer")
        except requests.RequestException:
            answer = "no answer"
        finally:
            self._record.note_posting(-1)
        self._record.note_answer(answer, events)
        return answer == "200"
