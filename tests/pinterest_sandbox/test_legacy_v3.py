"""The legacy v3: no token, the account inside each conversion."""

from __future__ import annotations

import pytest
import requests

from pinterest_sandbox import Sandbox
from tests.pinterest_sandbox.conversions import make_conversion


def post_v3(sandbox: Sandbox, *conversions: object, query: str = "") -> requests.Response:
    return requests.post(
        f"{sandbox.url}/events/v3{query}", json={"data": list(conversions)}, timeout=10
    )


def test_v3_needs_no_token_and_keeps_the_account_of_each_conversion(sandbox: Sandbox) -> None:
    answer = post_v3(
        sandbox,
        make_conversion("a", advertiser_id="11"),
        make_conversion("b", advertiser_id="12"),
    )
    assert answer.status_code == 200
    assert answer.json()["num_events_processed"] == 2
    assert [(one["event_id"], one["account"]) for one in sandbox.ledger.page()] == [
        ("a", "11"),
        ("b", "12"),
    ]
    accounts = sandbox.summary()["accounts"]
    assert {name: counts["events_processed"] for name, counts in accounts.items()} == {
        "11": 1,
        "12": 1,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "'advertiser_id' is a required property"),
        ({"advertiser_id": 11}, "11 is not of type 'string'"),
        ({"advertiser_id": "eleven"}, "'eleven' does not match '^\\\\d+$'"),
        ({"advertiser_id": "1" * 19}, f"'{'1' * 19}' is too long"),
    ],
)
def test_v3_refuses_a_conversion_without_a_proper_account(
    sandbox: Sandbox, changes: dict[str, object], message: str
) -> None:
    answer = post_v3(sandbox, make_conversion(**changes))
    assert answer.status_code == 400
    assert answer.json()["message"] == f"Invalid request: {message}"
    assert sandbox.event_ids() == []


def test_v3_refuses_an_account_out_of_reach(sandbox: Sandbox) -> None:
    answer = post_v3(
        sandbox,
        make_conversion("a", advertiser_id="11"),
        make_conversion("b", advertiser_id="40312"),
    )
    assert answer.status_code == 403
    assert sandbox.event_ids() == []


def test_v3_has_a_test_mode(sandbox: Sandbox) -> None:
    answer = post_v3(sandbox, make_conversion("a", advertiser_id="11"), query="?test=true")
    assert answer.status_code == 200
    assert sandbox.event_ids() == []
    assert sandbox.test_ledger.event_ids() == ["a"]


def test_faults_of_an_account_reach_v3_by_the_first_conversion(sandbox: Sandbox) -> None:
    sandbox.add_fault("status=503", account="11")
    assert post_v3(sandbox, make_conversion(advertiser_id="11")).status_code == 503
    assert post_v3(sandbox, make_conversion(advertiser_id="12")).status_code == 200
