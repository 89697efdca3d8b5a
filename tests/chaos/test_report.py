"""A report that cannot condemn proves nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.report import Fate, Report, judge
from tests.chaos.senders import Kind

BUDGET = 3


def fate(**changes: Any) -> Fate:
    """An event that was delivered at its first attempt."""
    fields = {
        "message_id": "a",
        "status": "delivered",
        "attempt_count": 1,
        "error_code": "",
        "attempts_logged": 1,
        "attempts_unknown": 0,
        "highest_number": 1,
    }
    return Fate(**{**fields, **changes})


def report_on(
    one: Fate | None, *, kind: Kind = Kind.GOOD, arrivals: int = 1, name: str = "a"
) -> Report:
    fates = [] if one is None else [one]
    return judge({"a": kind}, fates, [name] * arrivals, BUDGET)


def test_a_delivered_event_in_the_ledger_is_as_it_should_be() -> None:
    report = report_on(fate())
    assert report.violations == []
    assert (report.counts["accepted"], report.counts["delivered"]) == (1, 1)
    assert (report.counts["lost"], report.counts["resent"]) == (0, 0)


@pytest.mark.parametrize(
    ("one", "arrivals", "reason"),
    [
        (None, 0, "it got a 200 and isn't stored"),
        (fate(status=None), 0, "it's stored and has no delivery"),
        (fate(status="pending"), 0, "it's still pending after 1 attempts"),
        (fate(status="sending"), 1, "it's still sending after 1 attempts"),
        (fate(), 0, "it's marked delivered, but the ledger doesn't have it"),
    ],
)
def test_a_loss_is_counted_and_explained(one: Fate | None, arrivals: int, reason: str) -> None:
    report = report_on(one, arrivals=arrivals)
    assert report.counts["lost"] == 1
    assert report.violations[0] == f"a is lost: {reason}"


@pytest.mark.parametrize(
    ("kind", "status", "ending"),
    [
        (Kind.GOOD, "rejected", "a (good) ended rejected ()"),
        (Kind.POISON, "delivered", "a (poison) ended delivered ()"),
        (Kind.FAILING, "delivered", "a (failing) ended delivered ()"),
        (Kind.NOBODY, "delivered", "a (nobody) ended delivered ()"),
        (Kind.DOOMED, "delivered", "a (doomed) ended delivered ()"),
    ],
)
def test_blame_must_fall_on_the_guilty_and_on_nobody_else(
    kind: Kind, status: str, ending: str
) -> None:
    assert report_on(fate(status=status), kind=kind).violations == [ending]


def test_a_resend_needs_a_lost_answer() -> None:
    needless = report_on(fate(attempt_count=2, attempts_logged=2, highest_number=2), arrivals=2)
    assert needless.violations == ["a arrived 2 times, but only 0 responses were lost"]
    for excused in (
        fate(attempt_count=2, attempts_logged=2, attempts_unknown=1, highest_number=2),
        fate(attempt_count=2, attempts_logged=1, highest_number=2),  # its worker died
    ):
        report = report_on(excused, arrivals=2)
        assert report.violations == []
        assert report.counts["resent"] == 1


def test_nothing_is_tried_beyond_its_budget_or_given_up_before() -> None:
    tried_often = fate(attempt_count=4, attempts_logged=4, attempts_unknown=3, highest_number=4)
    assert report_on(tried_often).violations == ["a was attempted 4 times, but the limit is 3"]
    given_up = fate(
        status="dead",
        error_code="server_error",
        attempt_count=2,
        attempts_logged=2,
        highest_number=2,
    )
    assert report_on(given_up, arrivals=0).violations == ["a is dead after 2 attempts of 3"]
    uncounted = fate(attempt_count=1, attempts_logged=2, attempts_unknown=1, highest_number=2)
    assert "a has more attempts in its log than were counted" in report_on(uncounted).violations


def test_what_is_dead_is_counted_by_its_code_and_the_code_has_words() -> None:
    spent = fate(status="dead", attempt_count=3, attempts_logged=3, highest_number=3)
    speechless = report_on(spent, kind=Kind.DOOMED, arrivals=0)
    assert speechless.violations == ["a is dead, and nothing says why ('')"]
    report = report_on(replace(spent, error_code="request_timeout"), kind=Kind.DOOMED, arrivals=0)
    assert report.violations == []
    assert report.counts["dead"] == 1
    assert "Failed: request_timeout ×1." in report.as_text()


def test_the_ledger_may_hold_nothing_that_was_never_stored() -> None:
    report = judge({"a": Kind.GOOD}, [fate()], ["a", "stranger"], BUDGET)
    assert report.violations == ["1 event IDs in the ledger were never stored"]


def test_an_event_is_owed_once() -> None:
    report = judge({"a": Kind.GOOD}, [fate(), fate()], ["a"], BUDGET)
    assert report.violations == ["1 events are stored or queued more than once"]
