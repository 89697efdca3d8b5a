"""What Pinterest says, as bytes: the 200 with its results and the errors in their own words.

Error bodies are `{"code", "message", "status": "failure"}`; the code and text of each status are
those of the OpenAPI file and of recorded live answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

STANDARD_NAMES = frozenset(
    {
        "add_payment_info",
        "add_to_cart",
        "add_to_wishlist",
        "app_install",
        "app_open",
        "checkout",
        "contact",
        "custom",
        "customize_product",
        "find_location",
        "initiate_checkout",
        "lead",
        "page_visit",
        "schedule",
        "search",
        "signup",
        "start_trial",
        "submit_application",
        "subscribe",
        "view_category",
        "view_content",
        "watch_video",
    }
)
NO_EXTERNAL_ID = (
    "external_id is missing. We highly recommend this on all events."
    " It may improve reporting performance such as ROAS/CPA."
)
NO_CLICK_ID = "click_id is missing"
UNKNOWN_NAME = (
    "This event has a non-standard name and is currently being labeled as an 'Unknown' event."
)
FAILED = (
    "Invalid event_name: {}. Use a supported conversion event_name (for example subscribe, "
    "checkout)."
)
NOT_ALL_PROCESSED = "Not all events were successfully processed."

JSON = "application/json"
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"

_ERRORS: dict[int, tuple[int, str]] = {
    400: (4196, "The request was invalid."),
    401: (2, "Authentication failed."),
    403: (29, "You are not permitted to access that resource."),
    404: (2, "AdAccount not found."),
    405: (405, "Method not allowed."),
    408: (408, "The request timed out."),
    411: (411, "A Content-Length is required."),
    413: (413, "The request body is too large."),
    429: (
        8,
        "This request exceeded a rate limit. This can happen if the client exceeds one of the"
        " published rate limits or if multiple write operations are applied to an object within"
        " a short time window.",
    ),
    500: (12, "Something went wrong on our end. Sorry about that."),
    503: (
        4197,
        "The endpoint has been ramped down and is currently not accepting any traffic.",
    ),
}
_PROXY_TEXTS = {
    502: b"upstream connect error or disconnect/reset before headers",
    504: b"upstream request timeout",
}
_UNPROCESSED_CODE = 953


@dataclass(slots=True)
class Answer:
    """One HTTP answer. `message` repeats the error text for the request log."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    message: str = ""


def json_answer(document: Any, status: int = 200) -> Answer:
    return Answer(status, orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))


def error_answer(status: int, message: str = "") -> Answer:
    """The error Pinterest (502, 504: its proxy) gives under this status; `message` overrides."""
    if status in _PROXY_TEXTS:
        text = _PROXY_TEXTS[status]
        return Answer(status, text, TEXT, message=text.decode())
    if status == 422:
        return _unprocessed(orjson.dumps({}))
    code, standard = _ERRORS.get(status, (status, "The request could not be completed."))
    words = message or standard
    body = orjson.dumps({"code": code, "message": words, "status": "failure"})
    return Answer(status, body, message=words)


def invalid_request(reason: str) -> Answer:
    """400, in the form Pinterest gives python-jsonschema's words."""
    return error_answer(400, f"Invalid request: {reason}")


def results_for(conversions: list[dict[str, Any]], failures: dict[int, str]) -> list[bytes]:
    """One JSON result for each conversion. `failures`: position -> error_message."""
    fragments = _PROCESSED
    results = [
        fragments[
            not (user_data := conversion["user_data"]).get("external_id"),
            not user_data.get("click_id"),
            conversion["event_name"] not in STANDARD_NAMES,
        ]
        for conversion in conversions
    ]
    for position, message in failures.items():
        results[position] = _result("failed", message, "")
    return results


def judged_answer(
    results: list[bytes], *, received: int, processed: int, unprocessable: bool = False
) -> Answer:
    """200 with the results; with `unprocessable` 422 that carries the same under `details`."""
    body = b'{"num_events_received":%d,"num_events_processed":%d,"events":[%b]}' % (
        received,
        processed,
        b",".join(results),
    )
    return _unprocessed(body) if unprocessable else Answer(200, body)


def nonsense_answer() -> Answer:
    return Answer(
        200, b"<!doctype html><title>Pinterest</title><h1>Just a moment\xe2\x80\xa6</h1>\n", HTML
    )


def _unprocessed(details: bytes) -> Answer:
    body = b'{"code":%d,"message":"%b","details":%b}' % (
        _UNPROCESSED_CODE,
        NOT_ALL_PROCESSED.encode(),
        details,
    )
    return Answer(422, body, message=NOT_ALL_PROCESSED)


def _result(status: str, error: str, warning: str) -> bytes:
    return orjson.dumps({"status": status, "error_message": error, "warning_message": warning})


def _processed_fragments() -> dict[tuple[bool, bool, bool], bytes]:
    """The eight possible results of a processed conversion, by the warnings it earns."""
    return {
        (external, click, unknown): _result(
            "processed",
            "",
            " ; ".join(
                text
                for text, earned in (
                    (NO_EXTERNAL_ID, external),
                    (NO_CLICK_ID, click),
                    (UNKNOWN_NAME, unknown),
                )
                if earned
            ),
        )
        for external in (True, False)
        for click in (True, False)
        for unknown in (True, False)
    }


_PROCESSED = _processed_fragments()
