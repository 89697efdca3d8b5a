"""Every row of the reply table and every oddity, from raw bytes through a real socket."""

from __future__ import annotations

from dataclasses import dataclass

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deliveries.error_codes.replies import REPLY_CODES
from destinations.pinterest.client import NoReply, PinterestClient, Reply
from destinations.pinterest.isolation import Isolation
from destinations.pinterest.outcomes import Outcome, OutcomeKind, Stage
from destinations.pinterest.replies import FollowUp, Reading, clean_text, read_reply
from tests.destinations.pinterest.wire import REPLIES, Wire, golden_reply

WARNINGS = "external_id is missing. We highly recommend this on all events. ; click_id is missing"
UNKNOWN_NAME = (
    "This event has a non-standard name and is currently being labeled as an 'Unknown' event."
)
INVALID_NAME = (
    "Invalid event_name: subscription. "
    "Use a supported conversion event_name (for example subscribe, checkout)."
)
BAD_PROPERTY = (
    "Invalid request: Additional properties are not allowed ('category_name' was unexpected)"
)
NOT_ALL = "Not all events were successfully processed."
LIMIT = "This request exceeded a rate limit. Please wait before trying again."
SORRY = "Something went wrong on our end. Sorry about that."
NO_RESULTS = "The response (HTTP 200) can't be read: it isn't the JSON that Pinterest documents."


def delivered(warning: str = "") -> Outcome:
    return Outcome(OutcomeKind.DELIVERED, warning=warning)


def rejected(message: str, code: str = "pinterest_rejected", warning: str = "") -> Outcome:
    return Outcome(OutcomeKind.REJECTED, Stage.RESPONSE, code, message=message, warning=warning)


def retryable(code: str, message: str, stage: Stage = Stage.RESPONSE) -> Outcome:
    return Outcome(OutcomeKind.RETRYABLE, stage, code, message=message)


def unknown(code: str, message: str) -> Outcome:
    return Outcome(OutcomeKind.UNKNOWN, Stage.RESPONSE, code, message=message)


def paused(code: str, message: str) -> Outcome:
    return Outcome(OutcomeKind.PAUSED, Stage.RESPONSE, code, message=message)


def wordless(status: int) -> str:
    return f"HTTP {status} without a readable reason."


@dataclass(frozen=True)
class Case:
    file: str
    outcomes: list[Outcome]
    follow_up: FollowUp = FollowUp.SETTLE
    retry_after_seconds: float | None = None


UNLABELLED = "Pinterest's result for this event is neither 'processed' nor 'failed'."

CASES = [
    Case("200_processed_empty_messages", [delivered()]),
    Case("200_processed_null_messages", [delivered()]),
    Case("200_processed_missing_messages", [delivered()]),
    Case("200_processed_with_warnings", [delivered(WARNINGS)]),
    Case("200_unknown_event_name_warning", [delivered(UNKNOWN_NAME)]),
    Case("200_one_of_two_failed", [delivered(), rejected(INVALID_NAME)]),
    Case(
        "200_failed_without_words",
        [
            rejected(
                "Pinterest rejected this event without a reason.", warning="click_id is missing"
            )
        ],
    ),
    Case(
        "200_unknown_and_missing_status",
        [unknown("unreadable_result", UNLABELLED)] * 3 + [delivered()],
    ),
    Case("200_nul_and_control_characters", [rejected("bad value <b>here</b> [31m")]),
    Case("200_message_is_an_object", [rejected('{"reason":"stale"}')]),
    Case("200_very_long_message", [rejected("x" * 999 + "…")]),
    Case(
        "200_too_few_results",
        [unknown("wrong_result_count", "Pinterest returned 1 results for 2 events.")] * 2,
    ),
    Case(
        "200_too_many_results",
        [unknown("wrong_result_count", "Pinterest returned 2 results for 1 events.")],
    ),
    Case("200_null_events", [unknown("unreadable_reply", NO_RESULTS)]),
    Case(
        "200_error_object",
        [unknown("unreadable_reply", f"HTTP 200 without results. Message: {SORRY}")],
    ),
    Case("200_truncated_json", [unknown("unreadable_reply", NO_RESULTS)] * 3),
    Case(
        "200_body_cut_off",
        [
            unknown(
                "unreadable_reply",
                "The response (HTTP 200) can't be read: the connection was lost.",
            )
        ],
    ),
    Case("200_empty_body", [unknown("unreadable_reply", NO_RESULTS)]),
    Case("200_html", [unknown("unreadable_reply", NO_RESULTS)]),
    Case("200_json_array", [unknown("unreadable_reply", NO_RESULTS)]),
    Case("200_not_utf8", [unknown("unreadable_reply", NO_RESULTS)]),
    Case(
        "200_broken_gzip",
        [
            unknown(
                "unreadable_reply",
                "The response (HTTP 200) can't be read: its compression is damaged.",
            )
        ],
    ),
    Case("200_gzip", [delivered()]),
    Case("200_allowance_spent", [delivered()], retry_after_seconds=17.0),
    Case("202_processed", [delivered()]),
    Case("204_no_content", [unknown("unreadable_reply", NO_RESULTS.replace("200", "204"))]),
    Case("301_redirect", [retryable("redirected", wordless(301), Stage.TRANSPORT)] * 2),
    Case("302_login_page", [retryable("redirected", wordless(302), Stage.TRANSPORT)]),
    Case("400_additional_property", [rejected(BAD_PROPERTY, "invalid_request")]),
    Case(
        "400_additional_property",
        [retryable("invalid_request", BAD_PROPERTY)] * 3,
        FollowUp.SPLIT,
    ),
    Case("400_html", [retryable("invalid_request", wordless(400))] * 2, FollowUp.SPLIT),
    Case(
        "401_authentication_failed",
        [paused("unauthorised", "Authentication failed.")] * 2,
        FollowUp.PAUSE,
    ),
    Case("402_payment_required", [paused("refused", "Payment required.")], FollowUp.PAUSE),
    Case(
        "403_not_permitted",
        [paused("forbidden", "You are not permitted to access that resource.")],
        FollowUp.PAUSE,
    ),
    Case("403_html_firewall", [paused("forbidden", wordless(403))], FollowUp.PAUSE),
    Case(
        "404_account_not_found",
        [paused("account_not_found", "AdAccount not found.")] * 2,
        FollowUp.PAUSE,
    ),
    Case("405_method_not_allowed", [paused("refused", wordless(405))], FollowUp.PAUSE),
    Case("407_proxy_authentication", [paused("refused", wordless(407))], FollowUp.PAUSE),
    Case("408_request_timeout", [retryable("request_timeout", wordless(408))] * 2),
    Case("409_conflict", [retryable("temporarily_refused", "Try again.")]),
    Case("410_gone", [paused("refused", "This version of the API is gone.")] * 2, FollowUp.PAUSE),
    Case("413_too_large", [rejected(wordless(413), "request_too_large")]),
    Case(
        "413_too_large",
        [retryable("request_too_large", wordless(413))] * 4,
        FollowUp.SPLIT_BY_SIZE,
    ),
    Case("415_unsupported_media_type", [paused("refused", wordless(415))], FollowUp.PAUSE),
    *(
        Case(file, [delivered("click_id is missing"), rejected("event_time is too old")])
        for file in (
            "422_details_events",
            "422_top_level_events",
            "422_events_null_in_details",
        )
    ),
    Case("422_without_results", [rejected(NOT_ALL, "invalid_request")]),
    Case("422_without_results", [retryable("invalid_request", NOT_ALL)] * 2, FollowUp.SPLIT),
    Case(
        "422_wrong_number_of_results",
        [retryable("invalid_request", NOT_ALL)] * 2,
        FollowUp.SPLIT,
    ),
    Case(
        "422_wrong_number_of_results", [rejected("Pinterest rejected this event without a reason.")]
    ),
    Case("422_result_without_status", [retryable("invalid_request", NOT_ALL)] * 2, FollowUp.SPLIT),
    Case("422_html", [retryable("invalid_request", wordless(422))] * 2, FollowUp.SPLIT),
    Case("429_with_reset", [retryable("rate_limited", LIMIT)] * 2, retry_after_seconds=37.0),
    Case("429_with_retry_after", [retryable("rate_limited", LIMIT)], retry_after_seconds=12.0),
    Case("429_with_retry_after_date", [retryable("rate_limited", LIMIT)], retry_after_seconds=90.0),
    Case("429_with_unix_reset", [retryable("rate_limited", LIMIT)], retry_after_seconds=60.0),
    Case("429_listed_headers", [retryable("rate_limited", LIMIT)], retry_after_seconds=30.0),
    Case("429_nonsense_headers", [retryable("rate_limited", LIMIT)]),
    Case("429_without_headers", [retryable("rate_limited", LIMIT)]),
    Case("429_retry_after_a_year", [retryable("rate_limited", LIMIT)], retry_after_seconds=3600.0),
    Case("500_error", [retryable("server_error", SORRY)] * 2),
    Case("502_html", [retryable("server_error", wordless(502))]),
    Case(
        "503_ramped_down",
        [
            retryable(
                "server_error",
                "The endpoint has been ramped down and is currently not accepting any traffic.",
            )
        ],
    ),
    Case(
        "503_with_retry_after",
        [retryable("server_error", wordless(503))],
        retry_after_seconds=120.0,
    ),
    Case("504_timeout", [retryable("server_error", wordless(504))]),
    Case("599_odd", [retryable("server_error", wordless(599))]),
    Case("700_no_such_status", [unknown("unexpected_status", wordless(700))]),
]


def fetch(file: str) -> Reply:
    """Have the client receive these bytes over a socket that is closed behind them."""
    with Wire(lambda connection: connection.sendall(golden_reply(file))) as wire:
        client = PinterestClient(
            base_url=wire.url, api_version="v5", advertiser_id="123", token="pina_secret"
        )
        reply = client.send(b'{"data":[{}]}')
        client.close()
    assert isinstance(reply, Reply)
    return reply


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.file}-{len(case.outcomes)}")
def test_this_reply_means_exactly_these_outcomes(case):
    reading = read_reply(fetch(case.file), len(case.outcomes))

    assert list(reading.outcomes) == case.outcomes
    assert reading.follow_up == case.follow_up
    assert reading.retry_after_seconds == case.retry_after_seconds
    assert reading.status == int(case.file[:3])


def test_no_golden_reply_is_left_untested():
    assert {path.stem for path in REPLIES.glob("*.http")} == {case.file for case in CASES}


def test_every_code_has_its_help():
    codes = {outcome.code for case in CASES for outcome in case.outcomes} - {""}

    assert codes <= REPLY_CODES.keys()
    for code, help_text in REPLY_CODES.items():
        assert help_text.meaning.endswith("."), code
        assert help_text.remedy.endswith("."), code


def test_the_request_id_and_the_allowance_are_kept():
    reading = read_reply(fetch("200_processed_with_warnings"), 1)

    assert reading.request_id == "5124037280915226"
    assert reading.remaining_requests == 119999
    assert reading.reset_seconds == 42.0


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize(
    ("file", "refused_whole"),
    [
        ("400_additional_property", True),
        ("413_too_large", True),
        ("422_without_results", True),
        ("401_authentication_failed", False),
        ("500_error", False),
        ("200_processed_null_messages", False),
    ],
)
def test_a_reading_tells_a_whole_refusal_from_a_judgement_whatever_the_size(
    file, refused_whole, size
):
    assert read_reply(fetch(file), size).refused_whole is refused_whole


def test_a_cut_off_body_does_not_hide_what_the_status_said():
    cut_off = Reply(401, {}, b'{"code":2,"mess', 5, body_problem="connection_lost")

    assert read_reply(cut_off, 1).follow_up is FollowUp.PAUSE


@pytest.mark.parametrize(
    ("reply", "kind", "follow_up"),
    [
        (NoReply("read_timeout", "late", True, 1), OutcomeKind.UNKNOWN, FollowUp.SETTLE),
        (NoReply("connection_lost", "late", True, 1), OutcomeKind.UNKNOWN, FollowUp.SETTLE),
        (NoReply("connection_lost", "late", False, 1), OutcomeKind.RETRYABLE, FollowUp.SETTLE),
        (NoReply("dns_failure", "late", False, 1), OutcomeKind.RETRYABLE, FollowUp.SETTLE),
        (NoReply("unusable_token", "late", False, 0), OutcomeKind.PAUSED, FollowUp.PAUSE),
        (NoReply("unusable_account", "late", False, 0), OutcomeKind.PAUSED, FollowUp.PAUSE),
    ],
)
def test_without_a_reply_it_counts_whether_the_request_may_have_arrived(reply, kind, follow_up):
    assert read_reply(reply, 2) == Reading(
        follow_up, (Outcome(kind, Stage.TRANSPORT, reply.code, message="late"),) * 2
    )


def test_header_names_may_have_any_case():
    reply = Reply(429, {"RETRY-AFTER": "7", "X-Pinterest-RID": "abc"}, b"", 1)

    reading = read_reply(reply, 1)

    assert (reading.retry_after_seconds, reading.request_id) == (7.0, "abc")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "Mon, 23 Nov 2026 12:01:30 GMT"}, None),
        ({"retry-after": "Mon, 99 Nov 2026 12:01:30 GMT", "date": "x"}, None),
        (
            {
                "retry-after": "Mon, 23 Nov 2026 11:00:00 GMT",
                "date": "Mon, 23 Nov 2026 12:00:00 GMT",
            },
            0.0,
        ),
        ({"retry-after": "5", "x-ratelimit-reset": "20"}, 20.0),
        ({"x-ratelimit-reset": "99999"}, 3600.0),
        ({"x-ratelimit-reset": "1795435260"}, None),
        ({}, None),
    ],
)
def test_the_wait_asked_for_by_a_429_is_read_defensively(headers, seconds):
    assert read_reply(Reply(429, headers, b"", 1), 1).retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain", "plain"),
        ("  a\r\n\tb\x00c ", "a b c"),
        ("\u202egnp.exe", "gnp.exe"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("Zürich – 東京", "Zürich – 東京"),
        ("y" * 1000, "y" * 1000),
        ("y" * 1001, "y" * 999 + "…"),
    ],
)
def test_foreign_text_is_made_fit_for_database_and_page(text, cleaned):
    assert clean_text(text) == cleaned


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=20,
)
RESULT = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["processed", "failed", "", "PROCESSED", None, 7]),
        "error_message": JSON,
        "warning_message": JSON,
    },
)
ANSWER = JSON | st.fixed_dictionaries(
    {},
    optional={
        "events": JSON | st.lists(RESULT, max_size=5),
        "details": JSON | st.fixed_dictionaries({"events": st.lists(RESULT, max_size=5)}),
        "message": JSON,
    },
)
HEADER = st.sampled_from(
    ["Retry-After", "x-ratelimit-reset", "X-RateLimit-Remaining", "Date", "x-pinterest-rid"]
)


@given(
    status=st.sampled_from([200, 204, 302, 400, 401, 404, 408, 413, 422, 429, 503])
    | st.integers(-1, 1200),
    headers=st.dictionaries(HEADER | st.text(max_size=9), st.text(max_size=60)),
    body=st.binary(max_size=60) | ANSWER.map(orjson.dumps),
    size=st.integers(0, 6),
)
@example(status=200, headers={}, body=b"[" * 100_000, size=2)
@example(status=200, headers={}, body=b'{"events":[{"status":"failed"}]', size=1)
@example(status=429, headers={"Date": "Mon, 1 Jan 0001 00:00:00 +2359"}, body=b"", size=1)
@example(status=429, headers={"Retry-After": "Fri, 31 Dec 9999 23:59:59 -2359"}, body=b"", size=1)
def test_any_reply_is_read_into_exactly_one_outcome_for_each_conversion(
    status, headers, body, size
):
    reading = read_reply(Reply(status, headers, body, 1), size)

    assert len(reading.outcomes) == size
    for outcome in reading.outcomes:
        assert (outcome.code == "") == (outcome.kind is OutcomeKind.DELIVERED)
        assert outcome.code in REPLY_CODES or outcome.code == ""
        assert len(outcome.message) <= 1000
        assert len(outcome.warning) <= 1000
        assert (outcome.message + outcome.warning).isprintable()
    for seconds in (reading.retry_after_seconds, reading.reset_seconds):
        assert seconds is None or 0 <= seconds <= 3600
    assert reading.remaining_requests is None or reading.remaining_requests >= 0
    if size:
        search = Isolation(size)
        span = search.next_span()
        decided = search.learn(span, reading)
        assert len(decided) + len(search.undecided()) == size
