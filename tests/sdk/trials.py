"""What is tried with each SDK, and what was seen of it: requests, stored events, conversions."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from deliveries.db.compression import unpack
from tests.sdk.front import Answer, Fault, Front
from tests.sdk.kits import Sdk, aim
from tests.stack import Stack

ORDER = {
    "total": 42.5,
    "currency": "EUR",
    "products": [{"product_id": "mug-1", "price": 21.25, "quantity": 2}],
}
RATE_LIMITED_KEY = "one-request-a-second"
WRONG_KEY = "nobody-has-this-key"

ADD_SOURCES = """
import json, sys
from destinations.models import Destination, Source
wanted = json.loads(sys.stdin.read())
destination = Destination.objects.create(
    service="sandbox", name="SDKs " + wanted["mark"], advertiser_id=wanted["advertiser_id"],
    conversion_token="sandbox-token",
    bots="send",  # a headless Chrome says so in its user agent
)
sources = [Source.objects.create(name=key, write_key=key) for key in wanted["write_keys"]]
destination.sources.add(*sources)
limited = wanted["rate_limited_key"]
Source.objects.get_or_create(name=limited, write_key=limited, rate_limit_per_second=1)
print(json.dumps({
    "sources": {source.write_key: source.pk for source in sources}, "destination": destination.pk
}))
"""


class Scenario(StrEnum):
    """What happens while the SDK sends."""

    PLAIN = "plain"
    WRONG_KEY = "wrong-key"
    TOO_MANY_REQUESTS = "too-many-requests"
    ANSWER_LOST = "answer-lost"
    RESTART = "restart"
    RECORDING = "recording"  # for record.py


FAULTS = {
    Scenario.TOO_MANY_REQUESTS: Fault.TOO_MANY_REQUESTS,
    Scenario.ANSWER_LOST: Fault.ANSWER_LOST,
}


@dataclass(eq=False)
class Trial:
    """One SDK in one scenario. ``mistake`` says why it did not come to its end, if it did not."""

    sdk: Sdk
    scenario: Scenario
    front: Front
    source_id: int = 0
    mistake: str = ""
    output: str = ""
    requested: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def slug(self) -> str:
        return f"{self.sdk.slug}-{self.scenario}"

    @property
    def write_key(self) -> str:
        return WRONG_KEY if self.scenario is Scenario.WRONG_KEY else f"key-of-{self.slug}"

    @property
    def user(self) -> str:
        return f"user-of-{self.slug}"

    @property
    def email(self) -> str:
        return f"{self.slug}@example.com"

    @property
    def phases(self) -> int:
        return 2 if self.scenario is Scenario.RESTART else 1

    def aim(self, program: str) -> str:
        """The program for this trial. In the plain scenario nothing stands between."""
        plain = self.scenario is Scenario.PLAIN
        return aim(program, self.front.server_url if plain else self.front.url, self.write_key)

    def arguments(self) -> dict[str, Any]:
        return {"user": self.user, "email": self.email, "order": ORDER, "phases": self.phases}

    def expected_types(self, phases: int) -> Counter[str]:
        """How many events of which type the snippet and ``phases`` phases of calls make."""
        in_browser = self.sdk.language == "browser"
        sample = Counter(track=1, identify=1, page=1) if in_browser else Counter(track=1)
        each = Counter(track=1, identify=1, page=1, screen=1 if self.sdk.has_screen else 0)
        return +sum((each for _ in range(phases)), sample)

    def expected_names(self) -> Counter[str]:
        """How many conversions of which name they become."""
        in_browser = self.sdk.language == "browser"
        sample = Counter(checkout=1, page_visit=1) if in_browser else Counter(checkout=1)
        each = Counter(checkout=1, view_category=1, Cart=1 if self.sdk.has_screen else 0)
        return +sum((each for _ in range(self.phases)), sample)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    source_id: int
    message_id: str
    type: str
    event: dict[str, Any]


@dataclass
class Evidence:
    """All that a stack holds after the trials. ``conversions``: event_id -> each that arrived."""

    trials: dict[tuple[str, Scenario], Trial]
    stored: list[StoredEvent]
    conversions: dict[str, list[dict[str, Any]]]

    def of(self, trial: Trial) -> list[StoredEvent]:
        return [event for event in self.stored if event.source_id == trial.source_id]


class Relay:
    """The running stack, with a source for each trial."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._first_event = stack.rows("SELECT coalesce(max(id), 0) FROM deliveries_event")[0][0]
        self._destination_id = 0

    def add_sources(self, trials: list[Trial]) -> None:
        keys = [trial.write_key for trial in trials if trial.scenario is not Scenario.WRONG_KEY]
        wanted = {
            "mark": trials[0].slug,
            "write_keys": keys,
            "rate_limited_key": RATE_LIMITED_KEY,
            "advertiser_id": f"5497559{os.getpid() % 100_000:05d}",
        }
        printed = self.stack.manage(
            "shell", "--verbosity", "0", "-c", ADD_SOURCES, stdin=json.dumps(wanted)
        )
        made = json.loads(printed.strip().splitlines()[-1])
        self._destination_id = made["destination"]
        for trial in trials:
            trial.source_id = made["sources"].get(trial.write_key, 0)

    def refusal(self) -> Answer:
        """What the server says to a source above its limit (asked for with bodies it refuses)."""

        def ask() -> Answer | None:
            response = self.stack.post(
                "/v1/track",
                [],
                write_key=RATE_LIMITED_KEY,
                headers={"Origin": "http://shop.example"},
            )
            if response.status_code != 429:
                return None
            return Answer(429, tuple(response.headers.items()), response.content)

        return self.stack.wait_until(ask)

    def stored_counts(self) -> dict[int, int]:
        """Source -> how many events."""
        statement = (
            "SELECT source_id, count(*) FROM deliveries_event WHERE id > %s GROUP BY source_id"
        )
        return dict(self.stack.rows(statement, self._first_event))

    def gather(self, trials: list[Trial]) -> Evidence:
        """Wait until nothing is owed any more, then look."""
        open_deliveries = (
            "SELECT count(*) FROM deliveries_delivery "
            "WHERE destination_id = %s AND status IN ('pending', 'sending')"
        )
        self.stack.wait_until(
            lambda: self.stack.rows(open_deliveries, self._destination_id) == [(0,)], seconds=30
        )
        statement = "SELECT source_id, message_id, type, body FROM deliveries_event WHERE id > %s"
        stored = [
            StoredEvent(source_id, message_id, type_, json.loads(unpack(body)))
            for source_id, message_id, type_, body in self.stack.rows(statement, self._first_event)
        ]
        conversions: dict[str, list[dict[str, Any]]] = {}
        for entry in self.stack.sandbox.ledger.page(0, 10_000, with_conversions=True):
            conversions.setdefault(entry["event_id"], []).append(entry["conversion"])
        return Evidence(
            {(trial.sdk.name, trial.scenario): trial for trial in trials}, stored, conversions
        )
