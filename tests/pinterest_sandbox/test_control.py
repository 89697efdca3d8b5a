"""The `/_…` endpoints and the root page, over HTTP."""

from __future__ import annotations

import requests

from pinterest_sandbox import Sandbox
from tests.pinterest_sandbox.conftest import ACCOUNT, Post
from tests.pinterest_sandbox.conversions import make_conversion, make_conversions


def test_the_ledger_gives_its_counts(sandbox: Sandbox, http: requests.Session, post: Post) -> None:
    post(*make_conversions(3))
    post(*make_conversions(2))
    post(make_conversion("x", wifi="yes"))
    assert http.get(f"{sandbox.url}/_ledger").json() == {
        "requests": 3,
        "test_requests": 0,
        "requests_by_status": {"200": 2, "400": 1},
        "requests_by_answer": {"whole": 3},
        "requests_by_account": {ACCOUNT: 3},
        "in_flight": {},
        "most_in_flight": {ACCOUNT: 1},
        "test_events_received": 0,
        "events_received": 6,
        "events_refused": 1,
        "events_judged": 5,
        "events_processed": 5,
        "events_failed": 0,
        "distinct_event_ids": 3,
        "distinct_conversions": 3,
        "duplicates": 2,
        "duplicates_unexplained": 2,
        "accounts": {
            ACCOUNT: {
                "events_judged": 5,
                "events_processed": 5,
                "events_failed": 0,
                "duplicates": 2,
                "duplicates_unexplained": 2,
            }
        },
        "test": {
            "events_judged": 0,
            "events_processed": 0,
            "events_failed": 0,
            "distinct_event_ids": 0,
            "distinct_conversions": 0,
            "duplicates": 0,
            "duplicates_unexplained": 0,
            "accounts": {},
        },
    }


def test_an_event_is_found_by_path_and_by_query(
    sandbox: Sandbox, http: requests.Session, post: Post
) -> None:
    post(make_conversion("order/1 ü?"))
    by_path = http.get(f"{sandbox.url}/_ledger/events/order/1%20%C3%BC%3F")
    assert by_path.status_code == 200
    assert by_path.json()["events"][0]["conversion"] == make_conversion("order/1 ü?")
    for path in ("/_ledger", "/_ledger/events"):
        found = http.get(sandbox.url + path, params={"event_id": "order/1 ü?"})
        assert found.json() == by_path.json()
    assert http.get(f"{sandbox.url}/_ledger/events/unknown").status_code == 404
    missing = http.get(f"{sandbox.url}/_ledger/events", params={"event_id": "unknown"})
    assert (missing.status_code, missing.json()) == (200, {"event_id": "unknown", "events": []})


def test_pages_name_the_number_to_go_on_from(
    sandbox: Sandbox, http: requests.Session, post: Post
) -> None:
    post(*make_conversions(5))
    url = f"{sandbox.url}/_ledger/events"
    first = http.get(url, params={"limit": 3}).json()
    assert [entry["event_id"] for entry in first["events"]] == ["event-0", "event-1", "event-2"]
    assert first["next_after"] == 3
    second = http.get(url, params={"limit": 3, "after": 3, "conversions": "true"}).json()
    assert [entry["conversion"]["event_id"] for entry in second["events"]] == ["event-3", "event-4"]
    assert second["next_after"] is None
    for wrong in ({"limit": "0"}, {"limit": "10001"}, {"after": "-1"}, {"after": "x"}):
        assert http.get(url, params=wrong).status_code == 400


def test_the_test_ledger_is_asked_for_by_name(
    sandbox: Sandbox, http: requests.Session, post: Post
) -> None:
    post(make_conversion("t"), test=True)
    url = f"{sandbox.url}/_ledger"
    assert http.get(f"{url}/event_ids").json() == {"event_ids": []}
    assert http.get(f"{url}/event_ids?test=true").json() == {"event_ids": ["t"]}
    assert len(http.get(f"{url}/events?test=true").json()["events"]) == 1
    assert http.get(f"{url}/events/t?test=true").status_code == 200


def test_the_ledger_is_cleared_by_delete(
    sandbox: Sandbox, http: requests.Session, post: Post
) -> None:
    post(make_conversion())
    assert http.delete(f"{sandbox.url}/_ledger").json() == {"cleared": True}
    assert http.get(f"{sandbox.url}/_ledger").json()["requests"] == 0


def test_requests_are_listed_newest_first_without_the_token(
    sandbox: Sandbox, http: requests.Session, post: Post
) -> None:
    post(*make_conversions(2), token="pina_secret")
    with sandbox.fault("status=503"):
        post(make_conversion(), token="pina_secret")
    answer = http.get(f"{sandbox.url}/_requests")
    assert "pina_secret" not in answer.text
    newest, oldest = answer.json()["requests"]
    assert (newest["number"], newest["status"], newest["faults"]) == (2, 503, ["status=503"])
    assert (newest["events"], newest["processed"]) == (1, 0)
    assert (oldest["status"], oldest["events"], oldest["processed"]) == (200, 2, 2)
    assert oldest["account"] == ACCOUNT
    assert oldest["message"] == ""
    assert len(http.get(f"{sandbox.url}/_requests?limit=1").json()["requests"]) == 1
    assert http.get(f"{sandbox.url}/_requests?limit=0").json()["requests"] == []
    assert http.get(f"{sandbox.url}/_requests?limit=some").status_code == 400


def test_faults_are_set_listed_and_taken_back_over_http(
    sandbox: Sandbox, http: requests.Session, post: Post
) -> None:
    url = f"{sandbox.url}/_faults"
    created = http.post(url, json={"fault": "status=500", "account": ACCOUNT, "for": 5})
    assert created.status_code == 201
    expected = {"id": 1, "fault": "status=500", "account": ACCOUNT, "for": 5, "strikes": 0}
    assert created.json() == {"faults": [expected]}
    assert post(make_conversion()).status_code == 500
    http.post(url, json={"faults": ["poison=a", "poison=b", "latency=0"]})
    listed = http.get(url).json()["faults"]
    assert [fault["fault"] for fault in listed] == [
        "status=500",
        "poison=a",
        "poison=b",
        "latency=0",
    ]
    assert (listed[0]["for"], listed[0]["strikes"]) == (4, 1)
    assert http.delete(f"{url}?name=poison").json() == {"removed": 2}
    assert http.delete(f"{url}/1").json() == {"removed": 1}
    assert http.delete(f"{url}/1").json() == {"removed": 0}
    assert post(make_conversion()).status_code == 200
    assert http.delete(url).json() == {"removed": 1}
    assert http.get(url).json() == {"faults": []}


def test_a_fault_that_means_nothing_is_400_and_changes_nothing(
    sandbox: Sandbox, http: requests.Session
) -> None:
    answer = http.post(f"{sandbox.url}/_faults", json=["latency=1", "explode"])
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(
        "unknown fault 'explode'; known: poison, max_age, status,"
    )
    assert http.post(f"{sandbox.url}/_faults", data=b"{").status_code == 400
    assert sandbox.faults() == []


def test_faults_never_strike_the_control_paths(sandbox: Sandbox, http: requests.Session) -> None:
    for line in ("status=500", "drop=before", "nonsense"):
        sandbox.add_fault(line)
    assert http.get(f"{sandbox.url}/_ledger").status_code == 200
    assert http.get(f"{sandbox.url}/_health").json() == {"status": "ok"}


def test_the_root_page_tells_what_this_is_and_how_to_use_it(
    sandbox: Sandbox, http: requests.Session, post: Post
) -> None:
    sandbox.add_fault("fail=event-1")
    post(*make_conversions(2))
    page = http.get(sandbox.url)
    assert page.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert f"POST {sandbox.url}/v5/ad_accounts/ID/events[?test=true]" in page.text
    assert "Requests      1, by status 200: 1" in page.text
    assert "Events        2 received: 1 processed, 1 failed," in page.text
    assert "Active        fail=event-1 (affected 1 requests)" in page.text
    assert "drop=WHEN[:RATE]" in page.text
