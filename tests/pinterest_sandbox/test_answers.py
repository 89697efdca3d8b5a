"""What Pinterest would say, over a real socket: v5."""

from __future__ import annotations

import gzip
import json

import pytest
import requests
from jsonschema import Draft202012Validator

from pinterest_sandbox import Sandbox
from pinterest_sandbox.contract import load_contract
from tests.pinterest_sandbox.conftest import ACCOUNT, Post
from tests.pinterest_sandbox.conversions import make_conversion, make_conversions

EXTERNAL_ID = (
    "external_id is missing. We highly recommend this on all events."
    " It may improve reporting performance such as ROAS/CPA."
)
CLICK_ID = "click_id is missing"
UNKNOWN = "This event has a non-standard name and is currently being labeled as an 'Unknown' event."


def refusal(code: int, message: str) -> dict[str, object]:
    return {"code": code, "message": message, "status": "failure"}


def answers_the_contract(answer: requests.Response, name: str) -> bool:
    definitions = load_contract()["$defs"]
    schema = {"$ref": f"#/$defs/{name}", "$defs": definitions}
    return Draft202012Validator(schema).is_valid(answer.json())


def test_a_good_conversion_is_processed_without_a_warning(post: Post) -> None:
    answer = post(make_conversion())
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {
        "num_events_received": 1,
        "num_events_processed": 1,
        "events": [{"status": "processed", "error_message": "", "warning_message": ""}],
    }
    assert answers_the_contract(answer, "ResponseOk")


def test_warnings_follow_the_order_of_the_request_and_are_joined_by_a_semicolon(post: Post) -> None:
    answer = post(
        make_conversion("a", user_data={"em": ["x"]}),
        make_conversion("b", user_data={"em": ["x"], "external_id": ["y"], "click_id": None}),
        make_conversion("c", user_data={"em": ["x"], "external_id": [], "click_id": "z"}),
        make_conversion("d", event_name="subscription"),
        make_conversion("e", event_name="Checkout", user_data={"em": ["x"]}),
        make_conversion("f", event_name="app_open"),
    )
    assert [result["warning_message"] for result in answer.json()["events"]] == [
        f"{EXTERNAL_ID} ; {CLICK_ID}",
        CLICK_ID,
        EXTERNAL_ID,
        UNKNOWN,
        f"{EXTERNAL_ID} ; {CLICK_ID} ; {UNKNOWN}",
        "",
    ]
    assert {result["status"] for result in answer.json()["events"]} == {"processed"}


def test_every_answer_carries_a_request_id_and_the_rate_limit(post: Post) -> None:
    first, second = post(make_conversion("a")), post(make_conversion("b"))
    assert first.headers["X-RateLimit-Limit"] == (
        '120000, 120000;w=60;name="ads_conversions_ad_account_id"'
    )
    assert first.headers["X-RateLimit-Remaining"] == "119999"
    assert second.headers["X-RateLimit-Remaining"] == "119998"
    assert 1 <= int(first.headers["X-RateLimit-Reset"]) <= 60
    assert len(first.headers["x-pinterest-rid"]) == 16
    assert first.headers["x-pinterest-rid"] != second.headers["x-pinterest-rid"]


@pytest.mark.parametrize("token", [None, "", "bad-token"])
def test_a_missing_or_bad_token_is_401(sandbox: Sandbox, post: Post, token: str | None) -> None:
    answer = post(make_conversion(), token=token)
    assert (answer.status_code, answer.json()) == (401, refusal(2, "Authentication failed."))
    assert answers_the_contract(answer, "ResponseError")
    assert sandbox.event_ids() == []


def test_another_scheme_than_bearer_is_401(sandbox: Sandbox, http: requests.Session) -> None:
    answer = http.post(
        f"{sandbox.url}/v5/ad_accounts/{ACCOUNT}/events",
        json={"data": [make_conversion()]},
        auth=("pina_good", ""),
    )
    assert answer.status_code == 401


def test_only_the_tokens_and_accounts_that_were_named_are_let_in(http: requests.Session) -> None:
    with Sandbox(tokens=["pina_one"], accounts=["11"]) as sandbox:

        def status(token: str, account: str) -> int:
            return http.post(
                f"{sandbox.url}/v5/ad_accounts/{account}/events",
                json={"data": [make_conversion()]},
                headers={"Authorization": f"Bearer {token}"},
            ).status_code

        assert status("pina_one", "11") == 200
        assert status("pina_two", "11") == 401
        assert status("pina_one", "12") == 403
        assert status("pina_one", "none") == 404


@pytest.mark.parametrize(
    ("account", "status", "code", "message"),
    [
        ("403123", 403, 29, "You are not permitted to access that resource."),
        ("404123", 404, 2, "AdAccount not found."),
        ("1234567890123456789", 404, 2, "AdAccount not found."),
        ("abc", 404, 2, "AdAccount not found."),
        ("١٢٣", 404, 2, "AdAccount not found."),
        ("1%0A", 404, 2, "AdAccount not found."),
    ],
)
def test_an_account_out_of_reach_is_refused(
    sandbox: Sandbox, post: Post, account: str, status: int, code: int, message: str
) -> None:
    answer = post(make_conversion(), account=account)
    assert (answer.status_code, answer.json()) == (status, refusal(code, message))
    assert sandbox.event_ids() == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"category_name": "shoes"},
            "Additional properties are not allowed ('category_name' was unexpected)",
        ),
        ({"custom_data": {"value": 19.99}}, "19.99 is not of type 'string', 'null'"),
        ({"custom_data": {"num_items": "2"}}, "'2' is not of type 'integer'"),
        ({"event_time": "now"}, "'now' is not of type 'integer'"),
        ({"opt_out": None}, "None is not of type 'boolean'"),
        (
            {"advertiser_id": "1"},
            "Additional properties are not allowed ('advertiser_id' was unexpected)",
        ),
        (
            {"user_data": {"ph": ["x"]}},
            "{'ph': ['x']} is not valid under any of the given schemas",
        ),
        (
            {"user_data": {"client_ip_address": "192.0.2.1"}},
            "{'client_ip_address': '192.0.2.1'} is not valid under any of the given schemas",
        ),
    ],
)
def test_one_bad_conversion_refuses_the_whole_request_in_the_words_of_jsonschema(
    sandbox: Sandbox, post: Post, changes: dict[str, object], reason: str
) -> None:
    conversions = [*make_conversions(3), make_conversion("bad", **changes)]
    answer = post(*conversions)
    assert answer.status_code == 400
    assert answer.json() == refusal(4196, f"Invalid request: {reason}")
    assert sandbox.event_ids() == []
    assert sandbox.summary()["events_refused"] == 4


def test_a_missing_field_is_named(post: Post) -> None:
    conversion = make_conversion()
    del conversion["event_id"]
    message = "Invalid request: 'event_id' is a required property"
    assert post(conversion).json() == refusal(4196, message)


def test_a_thousand_conversions_pass_and_one_more_does_not(sandbox: Sandbox, post: Post) -> None:
    answer = post(*make_conversions(1000))
    assert answer.status_code == 200
    assert len(answer.json()["events"]) == 1000
    refused = post(*make_conversions(1001))
    assert refused.status_code == 400
    assert refused.json()["message"].endswith(" is too long")
    assert len(refused.json()["message"]) < 1100
    assert sandbox.summary()["events_processed"] == 1000


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (b'{"data":[]}', "application/json", "[] should be non-empty"),
        (b"{}", "application/json", "'data' is a required property"),
        (
            b'{"data":[],"batch":1}',
            "application/json",
            "Additional properties are not allowed ('batch' was unexpected)",
        ),
        (b"[]", "application/json", "[] is not of type 'object'"),
        (b'{"data":[]}', "text/plain", "The Content-Type must be application/json"),
    ],
)
def test_a_body_that_is_no_request_is_400(
    sandbox: Sandbox, http: requests.Session, body: bytes, content_type: str, message: str
) -> None:
    answer = http.post(
        f"{sandbox.url}/v5/ad_accounts/{ACCOUNT}/events",
        data=body,
        headers={"Authorization": "Bearer pina", "Content-Type": content_type},
    )
    assert answer.status_code == 400
    assert answer.json() == refusal(4196, f"Invalid request: {message}")


def test_broken_json_is_400(sandbox: Sandbox, http: requests.Session) -> None:
    answer = http.post(
        f"{sandbox.url}/v5/ad_accounts/{ACCOUNT}/events",
        data=b'{"data":[',
        headers={"Authorization": "Bearer pina", "Content-Type": "application/json"},
    )
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Invalid request: The body is not valid JSON: ")


def test_a_compressed_body_is_400(sandbox: Sandbox, http: requests.Session) -> None:
    answer = http.post(
        f"{sandbox.url}/v5/ad_accounts/{ACCOUNT}/events",
        data=gzip.compress(json.dumps({"data": [make_conversion()]}).encode()),
        headers={
            "Authorization": "Bearer pina",
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
        },
    )
    assert answer.status_code == 400
    assert answer.json()["message"] == "Invalid request: A Content-Encoding is not supported"


def test_test_mode_judges_the_first_twenty_and_records_them_apart(
    sandbox: Sandbox, post: Post
) -> None:
    answer = post(*make_conversions(25), test=True)
    assert answer.status_code == 200
    assert answer.json()["num_events_received"] == 25
    assert answer.json()["num_events_processed"] == 20
    assert len(answer.json()["events"]) == 20
    assert sandbox.event_ids() == []
    assert sandbox.test_ledger.event_ids() == [f"event-{number}" for number in range(20)]
    counts = sandbox.summary()
    assert (counts["events_received"], counts["test_events_received"]) == (0, 25)
    assert counts["test"]["events_judged"] == 20


def test_a_test_parameter_that_is_no_boolean_is_400(
    sandbox: Sandbox, http: requests.Session
) -> None:
    answer = http.post(
        f"{sandbox.url}/v5/ad_accounts/{ACCOUNT}/events?test=maybe",
        json={"data": [make_conversion()]},
        headers={"Authorization": "Bearer pina"},
    )
    assert answer.status_code == 400
    assert answer.json()["message"] == "Invalid request: 'maybe' is not of type 'boolean'"


def test_an_unknown_path_or_method_is_404(sandbox: Sandbox, http: requests.Session) -> None:
    assert http.post(f"{sandbox.url}/v4/events", json={}).status_code == 404
    path = f"{sandbox.url}/v5/ad_accounts/{ACCOUNT}/events"
    assert http.get(path).status_code == 404
    assert http.post(path + "/", json={}).status_code == 404
