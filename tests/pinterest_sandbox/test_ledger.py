"""What the ledger remembers, and how much of it."""

from __future__ import annotations

import random
from pathlib import Path

import orjson
import pytest

from pinterest_sandbox import Sandbox
from pinterest_sandbox.key_set import KeySet
from pinterest_sandbox.ledger import Ledger
from tests.pinterest_sandbox.conftest import ACCOUNT, Post
from tests.pinterest_sandbox.conversions import make_conversion, make_conversions


def enter(ledger: Ledger, *event_ids: str, account: str = "1", request: int = 1) -> None:
    conversions = [make_conversion(event_id) for event_id in event_ids]
    body = orjson.dumps({"data": conversions})
    receipt = ledger.enter(conversions, account, request_number=request, failures={}, body=body)
    ledger.note_answered(receipt)


def test_every_event_is_found_with_what_was_sent(sandbox: Sandbox, post: Post) -> None:
    post(*make_conversions(3))
    [entry] = sandbox.find("event-1")
    assert entry.pop("received_at") > 1_700_000_000
    assert entry == {
        "number": 2,
        "event_id": "event-1",
        "event_name": "checkout",
        "account": ACCOUNT,
        "event_time": 1_700_000_000,
        "request": 1,
        "outcome": "processed",
        "error_message": "",
        "conversion": make_conversion("event-1"),
    }
    assert sandbox.find("event") == []


def test_an_event_id_of_any_characters_is_found() -> None:
    ledger = Ledger()
    odd = ['a"b', "a\\b", "ü/ö?#", "", "a\nb"]
    enter(ledger, *odd)
    assert [ledger.find(event_id)[0]["number"] for event_id in odd] == [1, 2, 3, 4, 5]


def test_a_name_equal_to_an_event_id_is_not_taken_for_it() -> None:
    ledger = Ledger()
    enter(ledger, "a")
    assert ledger.find("checkout") == []


def test_a_duplicate_has_the_same_account_event_id_and_name(sandbox: Sandbox, post: Post) -> None:
    post(make_conversion("a"), make_conversion("b"))
    post(make_conversion("a", event_name="lead"))
    post(make_conversion("a"), account="11")
    assert sandbox.summary()["duplicates"] == 0
    post(make_conversion("a"), make_conversion("c"), make_conversion("c"))
    counts = sandbox.summary()
    assert counts["duplicates"] == 2
    assert counts["duplicates_unexplained"] == 2
    assert counts["distinct_event_ids"] == 3
    assert counts["distinct_conversions"] == 5
    assert counts["events_processed"] == 7
    assert counts["accounts"][ACCOUNT]["duplicates"] == 2
    assert counts["accounts"]["11"]["duplicates"] == 0


def test_a_refused_or_failed_event_may_come_again(sandbox: Sandbox, post: Post) -> None:
    with sandbox.fault("status=500"):
        post(make_conversion("a"))
    with sandbox.fault("fail=a"):
        post(make_conversion("a"))
    post(make_conversion("a"))
    counts = sandbox.summary()
    assert counts["duplicates"] == 0
    assert (counts["events_failed"], counts["events_processed"]) == (1, 1)
    assert [entry["outcome"] for entry in sandbox.find("a")] == ["failed", "processed"]


def test_a_third_sending_after_a_whole_answer_has_no_excuse(sandbox: Sandbox, post: Post) -> None:
    sandbox.add_fault("nonsense", for_requests=1)
    for _ in range(3):
        post(make_conversion("a"))
    counts = sandbox.summary()
    assert (counts["duplicates"], counts["duplicates_unexplained"]) == (2, 1)


def test_pages_follow_each_other_across_requests() -> None:
    ledger = Ledger()
    for request in range(10):
        enter(ledger, *(f"{request}-{one}" for one in range(7)), request=request)
    everything = [entry["event_id"] for entry in ledger.page(0, 1000)]
    assert len(everything) == 70
    for limit in (1, 6, 7, 8, 70):
        paged: list[str] = []
        after = 0
        while entries := ledger.page(after, limit):
            assert len(entries) <= limit
            paged.extend(entry["event_id"] for entry in entries)
            after = entries[-1]["number"]
        assert paged == everything
    assert ledger.page(70, 5) == []
    assert "conversion" not in ledger.page(0, 1)[0]
    [first] = ledger.page(0, 1, with_conversions=True)
    assert first["conversion"] == make_conversion("0-0")


def test_only_the_last_conversions_stay_readable_in_full() -> None:
    ledger = Ledger(keep_conversions=10)
    for request in range(4):
        enter(ledger, *(f"{request}-{one}" for one in range(4)), request=request)
    kept = [entry["conversion"] is not None for entry in ledger.page(0, 99, with_conversions=True)]
    assert kept == [False] * 8 + [True] * 8
    assert ledger.find("0-0")[0]["conversion"] is None
    assert ledger.find("0-0")[0]["event_time"] == 1_700_000_000
    assert ledger.summary()["distinct_event_ids"] == 16


def test_clearing_forgets_events_requests_and_duplicates(sandbox: Sandbox, post: Post) -> None:
    post(make_conversion("a"))
    post(make_conversion("b"), test=True)
    sandbox.clear()
    counts = sandbox.summary()
    assert (counts["requests"], counts["events_judged"], counts["accounts"]) == (0, 0, {})
    assert counts["test"]["events_judged"] == 0
    assert sandbox.requests() == []
    post(make_conversion("a"))
    assert sandbox.summary()["duplicates"] == 0
    assert sandbox.requests()[0]["number"] == 3


def test_a_ledger_file_carries_the_events_over_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    first = Ledger(file=file)
    enter(first, "a", "b", request=4)
    enter(first, "c", account="2", request=5)
    first.close()
    with file.open("ab") as torn:
        torn.write(b'{"request":6,"rec')

    second = Ledger(file=file)
    assert second.event_ids() == ["a", "b", "c"]
    assert second.last_request_number() == 5
    assert second.find("c")[0]["account"] == "2"
    assert second.find("c")[0]["conversion"] is None
    enter(second, "a", request=6)
    assert second.summary()["duplicates"] == 1
    assert second.summary()["duplicates_unexplained"] == 1
    second.close()

    third = Ledger(file=file)
    assert third.event_ids() == ["a", "b", "c", "a"]
    third.clear()
    third.close()
    assert file.read_bytes() == b""


def test_failures_survive_in_the_ledger_file(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    with Sandbox(ledger_file=file) as sandbox:
        sandbox.ledger.enter(
            make_conversions(2), "1", request_number=1, failures={1: "no"}, body=None
        )
    reread = Ledger(file=file)
    assert reread.event_ids() == ["event-0"]
    assert reread.find("event-1")[0]["error_message"] == "no"
    reread.close()


@pytest.mark.parametrize("count", [0, 1, 50_000])
def test_a_key_set_counts_as_a_set_does(count: int) -> None:
    dice = random.Random(count)
    keys = [dice.getrandbits(64) - 2**63 for _ in range(count)]
    keys += keys[: count // 2] + [0, 1, -1, 2**64 - 1][: count and 4]
    known: set[int] = set()
    key_set = KeySet()
    for key in keys:
        folded = key % 2**64 or 1
        assert key_set.add(key) is (folded not in known)
        known.add(folded)
    assert len(key_set) == len(known)
