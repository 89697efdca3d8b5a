"""Each fault as a client meets it, over a real socket."""

from __future__ import annotations

import json
import threading
import time

import pytest
import requests

from pinterest_sandbox import Sandbox
from tests.pinterest_sandbox.conftest import ACCOUNT, Post
from tests.pinterest_sandbox.conversions import make_conversion, make_conversions

FAILED = (
    "Invalid event_name: checkout."
    " Use a supported conversion event_name (for example subscribe, checkout)."
)


def test_a_poison_event_refuses_the_request_that_holds_it(sandbox: Sandbox, post: Post) -> None:
    sandbox.add_fault("poison=event-1,event-7")
    refused = post(*make_conversions(3))
    assert refused.status_code == 400
    assert refused.json() == {
        "code": 4196,
        "message": "Invalid request: 'event-1' should not be valid under {'const': 'event-1'}",
        "status": "failure",
    }
    assert sandbox.event_ids() == []
    assert post(make_conversion("event-0"), make_conversion("event-2")).status_code == 200
    assert sandbox.event_ids() == ["event-0", "event-2"]


def test_a_request_with_a_conversion_that_is_too_old_is_refused_in_the_same_words(
    sandbox: Sandbox, post: Post
) -> None:
    sandbox.add_fault("max_age=7")
    now = int(time.time())
    old = [make_conversion(f"old-{n}", event_time=now - 8 * 86_400) for n in range(2)]
    fresh = make_conversion("fresh", event_time=now - 6 * 86_400)
    for refused in (post(old[0]), post(old[1]), post(fresh, old[0])):
        assert refused.status_code == 400
        assert refused.json()["message"] == "Invalid request: event_time is too far in the past"
    assert sandbox.event_ids() == []
    assert post(fresh).status_code == 200
    assert sandbox.faults()[0]["strikes"] == 3


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 4196), (401, 2), (403, 29), (404, 2), (413, 413), (429, 8), (500, 12), (503, 4197)],
)
def test_a_status_fault_answers_in_the_words_of_that_status_and_records_nothing(
    sandbox: Sandbox, post: Post, status: int, code: int
) -> None:
    sandbox.add_fault(f"status={status}")
    answer = post(*make_conversions(2))
    assert answer.status_code == status
    assert answer.json()["code"] == code
    assert sandbox.event_ids() == []
    assert sandbox.summary()["events_refused"] == 2


def test_502_and_504_speak_as_a_proxy_does(sandbox: Sandbox, post: Post) -> None:
    with sandbox.fault("status=504"):
        answer = post(make_conversion())
    assert answer.status_code == 504
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.text == "upstream request timeout"


def test_a_redirect_points_away_from_the_endpoint(sandbox: Sandbox, post: Post) -> None:
    sandbox.add_fault("status=302")
    answer = post(make_conversion())
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_status_422_has_no_results(sandbox: Sandbox, post: Post) -> None:
    sandbox.add_fault("status=422")
    answer = post(make_conversion())
    assert answer.status_code == 422
    assert answer.json() == {
        "code": 953,
        "message": "Not all events were successfully processed.",
        "details": {},
    }
    assert sandbox.event_ids() == []


def test_a_rate_strikes_that_share_of_requests_and_a_seed_repeats_it(post: Post) -> None:
    def statuses(seed: int) -> list[int]:
        with Sandbox(seed=seed, faults=["status=500:0.3"]) as sandbox, requests.Session() as http:
            return [
                http.post(
                    f"{sandbox.url}/v5/ad_accounts/{ACCOUNT}/events",
                    json={"data": [make_conversion()]},
                    headers={"Authorization": "Bearer pina"},
                ).status_code
                for _ in range(200)
            ]

    first = statuses(1)
    assert statuses(1) == first
    assert statuses(2) != first
    assert 40 <= first.count(500) <= 80
    assert first.count(500) + first.count(200) == 200


def test_latency_delays_the_answer_but_not_the_recording(sandbox: Sandbox, post: Post) -> None:
    sandbox.add_fault("latency=0.3-0.4", account=ACCOUNT)
    started = time.monotonic()
    assert post(make_conversion("slow")).status_code == 200
    assert time.monotonic() - started >= 0.3
    assert post(make_conversion("fast"), account="11").status_code == 200
    assert [request["faults"] for request in sandbox.requests()] == [[], ["latency=0.3-0.4"]]


def test_a_stalled_request_is_recorded_before_its_answer(sandbox: Sandbox, post: Post) -> None:
    sandbox.add_fault("latency=30")
    with pytest.raises(requests.ReadTimeout):
        requests.post(
            f"{sandbox.url}/v5/ad_accounts/{ACCOUNT}/events",
            json={"data": [make_conversion("stalled")]},
            headers={"Authorization": "Bearer pina"},
            timeout=0.2,
        )
    assert sandbox.event_ids() == ["stalled"]
    assert sandbox.summary()["in_flight"] == {ACCOUNT: 1}
    sandbox.clear_faults()
    assert post(make_conversion("stalled")).status_code == 200
    counts = sandbox.summary()
    assert (counts["duplicates"], counts["duplicates_unexplained"]) == (1, 0)


def test_an_event_can_fail_by_itself(sandbox: Sandbox, post: Post) -> None:
    sandbox.add_fault("fail=event-1")
    answer = post(*make_conversions(3))
    assert answer.status_code == 200
    assert answer.json() == {
        "num_events_received": 3,
        "num_events_processed": 2,
        "events": [
            {"status": "processed", "error_message": "", "warning_message": ""},
            {"status": "failed", "error_message": FAILED, "warning_message": ""},
            {"status": "processed", "error_message": "", "warning_message": ""},
        ],
    }
    assert sandbox.event_ids() == ["event-0", "event-2"]
    assert sandbox.find("event-1")[0]["outcome"] == "failed"
    assert sandbox.find("event-1")[0]["error_message"] == FAILED


def test_a_share_of_events_can_fail(sandbox: Sandbox, post: Post) -> None:
    sandbox.add_fault("fail=0.2")
    results = post(*make_conversions(1000)).json()["events"]
    failed = sum(result["status"] == "failed" for result in results)
    assert 140 <= failed <= 260
    assert sandbox.summary()["events_failed"] == failed


def test_partial422_carries_a_result_for_each_event(sandbox: Sandbox, post: Post) -> None:
    sandbox.add_fault("partial422=event-0")
    answer = post(*make_conversions(2))
    assert answer.status_code == 422
    assert answer.json() == {
        "code": 953,
        "message": "Not all events were successfully processed.",
        "details": {
            "num_events_received": 2,
            "num_events_processed": 1,
            "events": [
                {"status": "failed", "error_message": FAILED, "warning_message": ""},
                {"status": "processed", "error_message": "", "warning_message": ""},
            ],
        },
    }
    assert sandbox.event_ids() == ["event-1"]
    assert post(make_conversion("another")).status_code == 200


def test_a_rate_limit_admits_n_requests_of_each_account_in_its_window(
    sandbox: Sandbox, post: Post
) -> None:
    sandbox.add_fault("rate_limit=2/30")
    answers = [post(make_conversion(f"event-{number}")) for number in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[2].headers["X-RateLimit-Limit"] == (
        '2, 2;w=30;name="ads_conversions_ad_account_id"'
    )
    assert 29 <= int(answers[2].headers["X-RateLimit-Reset"]) <= 30
    assert answers[2].json()["code"] == 8
    assert post(make_conversion("other"), account="11").status_code == 200
    assert sandbox.event_ids() == ["event-0", "event-1", "other"]


def test_a_rate_limit_window_ends(sandbox: Sandbox, post: Post) -> None:
    sandbox.add_fault("rate_limit=1/0.2")
    assert post(make_conversion("a")).status_code == 200
    deadline = time.monotonic() + 5
    while (answer := post(make_conversion("b"))).status_code == 429:
        assert time.monotonic() < deadline
    assert answer.status_code == 200


def test_retry_after_goes_with_refusals_that_pass(sandbox: Sandbox, post: Post) -> None:
    sandbox.add_fault("retry_after=7")
    assert "Retry-After" not in post(make_conversion()).headers
    for line, expected in (("status=503", "7"), ("rate_limit=0", "7"), ("status=400", None)):
        with sandbox.fault(line):
            assert post(make_conversion()).headers.get("Retry-After") == expected


def test_a_connection_dropped_before_the_body_leaves_nothing(sandbox: Sandbox, post: Post) -> None:
    sandbox.add_fault("drop=before", for_requests=1)
    with pytest.raises(requests.ConnectionError):
        post(make_conversion("a"))
    assert sandbox.event_ids() == []
    assert sandbox.summary()["requests_by_status"] == {"none": 1}
    assert sandbox.requests()[0]["answer"] == "dropped_before"
    assert post(make_conversion("a")).status_code == 200
    assert sandbox.summary()["duplicates"] == 0


def test_a_large_body_dropped_before_it_is_read_breaks_the_connection(
    sandbox: Sandbox, post: Post
) -> None:
    sandbox.add_fault("drop=before")
    with pytest.raises(requests.ConnectionError):
        post(*[make_conversion(str(one), app_name="x" * 4000) for one in range(1000)])
    assert sandbox.event_ids() == []


def test_a_connection_dropped_after_the_body_has_recorded_it(sandbox: Sandbox, post: Post) -> None:
    sandbox.add_fault("drop=after", for_requests=1)
    with pytest.raises(requests.ConnectionError):
        post(make_conversion("a"))
    assert sandbox.event_ids() == ["a"]
    assert post(make_conversion("a")).status_code == 200
    counts = sandbox.summary()
    assert (counts["duplicates"], counts["duplicates_unexplained"]) == (1, 0)
    assert counts["requests_by_answer"] == {"dropped_after": 1, "whole": 1}


def test_a_connection_dropped_midway_leaves_half_an_answer(sandbox: Sandbox, post: Post) -> None:
    sandbox.add_fault("drop=midway", for_requests=1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        post(make_conversion("a"))
    assert sandbox.event_ids() == ["a"]
    assert sandbox.requests()[0]["answer"] == "dropped_midway"


def test_a_truncated_answer_is_complete_http_and_broken_json(sandbox: Sandbox, post: Post) -> None:
    sandbox.add_fault("truncate:1")
    answer = post(make_conversion("a"))
    assert answer.status_code == 200
    assert len(answer.content) == int(answer.headers["Content-Length"])
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.content)
    assert sandbox.event_ids() == ["a"]
    assert sandbox.requests()[0]["answer"] == "truncated"


@pytest.mark.parametrize("count", [1, 3])
def test_a_wrong_count_lacks_one_result(sandbox: Sandbox, post: Post, count: int) -> None:
    sandbox.add_fault("wrong_count")
    answer = post(*make_conversions(count))
    assert answer.status_code == 200
    assert answer.json()["num_events_processed"] == count
    assert len(answer.json()["events"]) == count - 1
    assert len(sandbox.event_ids()) == count


def test_nonsense_is_a_web_page_under_200(sandbox: Sandbox, post: Post) -> None:
    sandbox.add_fault("nonsense")
    answer = post(make_conversion("a"))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.text.startswith("<!doctype html>")
    assert sandbox.event_ids() == ["a"]


def test_a_fault_of_one_account_leaves_the_others_alone(sandbox: Sandbox, post: Post) -> None:
    sandbox.add_fault("status=500,account=11")
    assert post(make_conversion("a"), account="11").status_code == 500
    assert post(make_conversion("a"), account="12").status_code == 200


def test_a_fault_ends_after_the_requests_it_was_meant_for(sandbox: Sandbox, post: Post) -> None:
    sandbox.add_fault("status=429,for=2")
    statuses = [post(make_conversion(str(number))).status_code for number in range(4)]
    assert statuses == [429, 429, 200, 200]
    assert sandbox.faults() == [
        {"id": 1, "fault": "status=429", "account": None, "for": 0, "strikes": 2}
    ]


def test_a_fault_lasts_as_long_as_its_with_block(sandbox: Sandbox, post: Post) -> None:
    with sandbox.fault("status=401") as fault:
        assert post(make_conversion()).status_code == 401
    assert fault.strikes == 1
    assert post(make_conversion()).status_code == 200


def test_requests_under_way_at_once_are_counted_per_account(sandbox: Sandbox, post: Post) -> None:
    sandbox.add_fault("latency=0.4")
    url = f"{sandbox.url}/v5/ad_accounts/{ACCOUNT}/events"

    def send(number: int) -> None:
        requests.post(
            url,
            json={"data": [make_conversion(str(number))]},
            headers={"Authorization": "Bearer pina"},
            timeout=10,
        )

    threads = [threading.Thread(target=send, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = sandbox.summary()
    assert counts["most_in_flight"] == {ACCOUNT: 3}
    assert counts["in_flight"] == {}
    assert counts["events_processed"] == 3
