"""How much a source may send: requests and events, one after the other and all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from redis.exceptions import RedisError

from deliveries.ingest import rate_limits
from deliveries.ingest.rate_limits import Budget, FileLedger, Ledger, RedisLedger, advance
from deliveries.models import Event
from destinations.models import Source
from destinations.routing import forget_routes
from tests.deliveries.ingest.sender import WRITE_KEY, Post, answer
from tests.factories import make_event, make_source

ORIGIN = "https://shop.example"
VISITOR = "203.0.113.7"
OTHER_VISITOR = "203.0.113.8"


class Clock:
    """Stands in for the time of the ledger."""

    def __init__(self) -> None:
        self.now = 1_764_313_000.5

    def spend(self, budget: Budget, units: float, *, may_owe: bool) -> float:
        wait, self.spent[budget.name] = advance(
            self.spent.get(budget.name, 0.0), self.now, budget, units, may_owe
        )
        return wait

    spent: dict[str, float]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The ledger's rule, by a clock that the test moves."""
    clock = Clock()
    clock.spent = {}
    monkeypatch.setattr(rate_limits, "_ledger", lambda _: clock)
    return clock


def change(source: Source, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(source, name, value)
    source.save()
    forget_routes()


def statuses(post: Post, count: int, **meta: Any) -> list[int]:
    return [post("/v1/track", make_event(), **meta).status_code for _ in range(count)]


def test_above_its_rate_a_source_is_told_to_wait(post: Post, source: Source, clock: Clock) -> None:
    change(source, rate_limit_per_second=2)
    assert statuses(post, 3) == [200, 200, 429]
    response = post("/v1/track", make_event(), HTTP_ORIGIN=ORIGIN)
    assert answer(response) == (429, "max requests limit reached\n")
    assert response["Retry-After"] == "1"
    assert response["Access-Control-Allow-Origin"] == ORIGIN
    assert Event.objects.count() == 2
    clock.now += 0.5
    assert statuses(post, 2) == [200, 429]


def test_events_count_as_well_as_requests(post: Post, source: Source, clock: Clock) -> None:
    """15,000 events in a request are 150 requests, however small: at 5 a second 30 seconds'
    worth."""
    change(source, rate_limit_per_second=5)
    batch = {"batch": [{"userId": "1"} for _ in range(15_000)]}
    assert answer(post("/v1/batch", batch)) == (200, "OK")
    response = post("/v1/track", make_event())
    assert (response.status_code, response["Retry-After"]) == (429, "30")
    clock.now += 29
    assert statuses(post, 1) == [429]
    clock.now += 1
    assert statuses(post, 1) == [200]


def test_batches_of_usual_size_cost_what_a_request_costs(
    post: Post, source: Source, clock: Clock
) -> None:
    change(source, rate_limit_per_second=3)
    batch = {"batch": [make_event() for _ in range(100)]}
    assert [post("/v1/batch", batch).status_code for _ in range(4)] == [200, 200, 200, 429]


def test_a_visitor_with_a_public_key_does_not_use_up_what_others_have(
    post: Post, source: Source, clock: Clock
) -> None:
    change(source, is_public=True)
    batch = {"batch": [{"userId": "1"} for _ in range(500)]}
    assert post("/v1/batch", batch, REMOTE_ADDR=VISITOR).status_code == 200
    assert statuses(post, 1, REMOTE_ADDR=VISITOR) == [429]
    assert statuses(post, 2, REMOTE_ADDR=OTHER_VISITOR) == [200, 200]
    clock.now += 1
    assert statuses(post, 51, REMOTE_ADDR=VISITOR) == [200] * 50 + [429]


def test_one_network_of_ipv6_is_one_visitor(post: Post, source: Source, clock: Clock) -> None:
    change(source, is_public=True)
    batch = {"batch": [{"userId": "1"} for _ in range(600)]}
    post("/v1/batch", batch, REMOTE_ADDR="2a00:1450:4001:800::1")
    assert statuses(post, 1, REMOTE_ADDR="2a00:1450:4001:800:ffff::2") == [429]
    assert statuses(post, 1, REMOTE_ADDR="2a00:1450:4001:801::1") == [200]


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "fd00::1", ""])
def test_an_address_that_may_be_a_proxys_limits_nobody(
    post: Post, source: Source, clock: Clock, address: str
) -> None:
    change(source, is_public=True)
    batch = {"batch": [{"userId": "1"} for _ in range(2000)]}
    for _ in range(2):
        assert post("/v1/batch", batch, REMOTE_ADDR=address).status_code == 200


def test_a_visitor_who_is_told_to_wait_uses_up_nothing_of_the_source(
    post: Post, source: Source, clock: Clock
) -> None:
    change(source, is_public=True, rate_limit_per_second=4)
    # As many requests as a second has for all: one visitor's budget is empty by another source.
    clock.spent[f"ingest:{source.pk}:{VISITOR}"] = clock.now + 60
    assert statuses(post, 9, REMOTE_ADDR=VISITOR) == [429] * 9
    assert statuses(post, 5, REMOTE_ADDR=OTHER_VISITOR) == [200] * 4 + [429]


def test_a_source_that_is_not_public_has_no_limit_unless_it_is_given_one(
    post: Post, source: Source, clock: Clock, settings: Any
) -> None:
    batch = {"batch": [{"userId": "1"} for _ in range(2000)]}
    assert [post("/v1/batch", batch, REMOTE_ADDR=VISITOR).status_code for _ in range(2)] == [
        200
    ] * 2
    change(source, is_public=True)
    settings.PUBLIC_EVENTS_PER_SECOND = 0
    assert [post("/v1/batch", batch, REMOTE_ADDR=VISITOR).status_code for _ in range(2)] == [
        200
    ] * 2
    assert clock.spent == {}


def test_the_pixel_counts_and_says_nothing(client: Client, source: Source, clock: Clock) -> None:
    change(source, rate_limit_per_second=1)
    for _ in range(3):
        response = client.get(
            "/pixel/v1/track", {"writeKey": WRITE_KEY, "anonymousId": "a", "event": "Seen"}
        )
        assert response.status_code == 200
    assert Event.objects.count() == 1


@pytest.mark.parametrize("error", [ConnectionRefusedError(), OSError(28, "full"), RedisError()])
def test_a_ledger_that_fails_lets_events_through(
    post: Post, source: Source, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    change(source, rate_limit_per_second=1)
    monkeypatch.setattr("deliveries.ingest.throttling.spend", fail)
    assert statuses(post, 3) == [200] * 3


# --- The ledgers -------------------------------------------------------------------------------


def file_ledger(folder: Path) -> Ledger:
    return FileLedger(folder / "cache" / "rate-limits")


def redis_ledger(folder: Path) -> Ledger:
    return RedisLedger(settings.REDIS_URL)


each_ledger = pytest.mark.parametrize(
    "make", [file_ledger, pytest.param(redis_ledger, marks=pytest.mark.redis)]
)


@each_ledger
def test_a_hundred_requests_at_once_get_what_one_after_the_other_gets(
    make: Callable[[Path], Ledger], tmp_path: Path
) -> None:
    ledgers = [make(tmp_path) for _ in range(4)]  # as many processes
    budget = Budget("shop", 10, burst_seconds=2.0)
    slow = Budget("slow", 0.001, burst_seconds=20_000.0)  # nothing comes in while the test runs

    def spend(number: int) -> tuple[bool, bool]:
        ledger = ledgers[number % 4]
        return (
            ledger.spend(budget, 1, may_owe=False) == 0.0,
            ledger.spend(slow, 1, may_owe=False) == 0.0,
        )

    with ThreadPoolExecutor(25) as pool:
        results = list(pool.map(spend, range(200)))

    assert sum(of_slow for _, of_slow in results) == 20
    assert 20 <= sum(of_shop for of_shop, _ in results) < 200


@each_ledger
def test_a_debt_is_waited_for_and_a_refusal_costs_nothing(
    make: Callable[[Path], Ledger], tmp_path: Path
) -> None:
    ledger, budget = make(tmp_path), Budget("debtor", 10)
    assert ledger.spend(budget, 1, may_owe=False) == 0.0
    assert ledger.spend(budget, 1000, may_owe=True) == 0.0
    waits = [ledger.spend(budget, 1, may_owe=False) for _ in range(3)]
    assert all(98 < wait <= 99.3 for wait in waits)
    assert waits == sorted(waits, reverse=True)
    assert ledger.spend(Budget("another", 10), 1, may_owe=False) == 0.0


def test_two_names_in_one_slot_of_the_file_do_not_hold_each_other_up(tmp_path: Path) -> None:
    ledger = FileLedger(tmp_path / "rate-limits")
    ledger.SLOTS = 1  # type: ignore[misc]
    one, other = Budget("one", 1), Budget("other", 1)
    assert ledger.spend(one, 100, may_owe=True) == 0.0
    assert ledger.spend(other, 1, may_owe=False) == 0.0
    assert (tmp_path / "rate-limits").stat().st_size == 16


def test_the_rule_lets_exactly_its_rate_through_whatever_the_rate() -> None:
    for rate in (1, 3, 7, 10, 1000):
        budget, now, spent_until, passed = Budget("x", rate), 1_764_313_000.123, 0.0, Counter()
        for step in range(4 * rate):
            second = step * 2 // rate  # twice as many as may
            wait, spent_until = advance(
                spent_until, now + step / (2 * rate), budget, 1, may_owe=False
            )
            passed[second] += wait == 0.0
        assert sum(passed.values()) in (3 * rate - 1, 3 * rate)


@pytest.mark.redis
def test_the_ledger_in_use_is_redis_where_there_is_one() -> None:
    assert isinstance(rate_limits._ledger(settings.REDIS_URL), RedisLedger)


def test_two_sources_have_two_budgets(post: Post, source: Source, clock: Clock) -> None:
    change(source, rate_limit_per_second=1)
    other = make_source(rate_limit_per_second=1)
    assert statuses(post, 2) == [200, 429]
    assert statuses(post, 2, write_key=other.write_key) == [200, 429]
