"""What a reply of Pinterest says about each conversion of a request. No I/O, and nothing raises.

Every conversion starts UNKNOWN and a reply can only improve on that:

| reply | each conversion |
|---|---|
| 2xx, as many results as sent | processed: DELIVERED, failed: REJECTED, else UNKNOWN |
| 422 with as many readable results | the same |
| 400, other 422 | one conversion: REJECTED; several: RETRYABLE, follow_up SPLIT |
| 413 | one conversion: REJECTED; several: RETRYABLE, follow_up SPLIT_BY_SIZE |
| 401, 403, 404 | PAUSED |
| 409, 423, 424, 425 | RETRYABLE: these mean "not now" |
| other 4xx (402, 405, 407, 410, 415 ...) | PAUSED: no judgement on events, a resend is no help |
| 408, 429, 5xx | RETRYABLE, after Retry-After or X-RateLimit-Reset |
| 3xx | RETRYABLE: nothing was judged; a wrong address or a proxy's login page |
| unreadable, wrong number of results, no HTTP status | UNKNOWN |
| no reply, request not sent whole | RETRYABLE |
| no reply, request sent whole | UNKNOWN |
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import orjson

from destinations.pinterest.client import NoReply, Reply
from destinations.pinterest.outcomes import Outcome, OutcomeKind, Stage
from destinations.pinterest.rate_headers import RateHeaders, read_rate_headers

MAX_TEXT_CHARACTERS: Final = 1000
"""Pinterest's sentences may quote values of the event; the person owns them, the log is bounded."""


class FollowUp(StrEnum):
    """What the sender of the request is to do with this reading."""

    SETTLE = "settle"
    """The outcomes stand."""

    SPLIT = "split"
    """The request was refused whole: some event in it is bad, or the destination is."""

    SPLIT_BY_SIZE = "split_by_size"
    """The request was too large."""

    PAUSE = "pause"
    """The outcomes stand, and the destination needs a person before anything else is sent."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One reply, read: always as many ``outcomes`` as conversions were sent, in their order.

    ``retry_after_seconds`` is set when the reply asks to hold requests back (at most 3600),
    ``status`` is 0 without a reply, ``refused_whole`` is True for every 400, 413 and unreadable
    422 whatever the size: no conversion was looked at separately.
    """

    follow_up: FollowUp
    outcomes: tuple[Outcome, ...]
    retry_after_seconds: float | None = None
    remaining_requests: int | None = None
    reset_seconds: float | None = None
    request_id: str = ""
    status: int = 0
    refused_whole: bool = False


@dataclass(frozen=True, slots=True)
class _Judgement:
    """What a whole reply amounts to, before the headers are added."""

    follow_up: FollowUp
    outcomes: tuple[Outcome, ...]
    refused_whole: bool = False


# status -> (kind, code). Kinds by ranges come after these, in _judge_status.
_BY_STATUS: Final[dict[int, tuple[OutcomeKind, str]]] = {
    401: (OutcomeKind.PAUSED, "unauthorised"),
    403: (OutcomeKind.PAUSED, "forbidden"),
    404: (OutcomeKind.PAUSED, "account_not_found"),
    408: (OutcomeKind.RETRYABLE, "request_timeout"),
    409: (OutcomeKind.RETRYABLE, "temporarily_refused"),
    423: (OutcomeKind.RETRYABLE, "temporarily_refused"),
    424: (OutcomeKind.RETRYABLE, "temporarily_refused"),
    425: (OutcomeKind.RETRYABLE, "temporarily_refused"),
    429: (OutcomeKind.RETRYABLE, "rate_limited"),
}

_DESTINATION_CODES: Final = frozenset({"unusable_token", "unusable_account"})

_BODY_PROBLEMS: Final = {
    "": "it isn't the JSON that Pinterest documents",
    "connection_lost": "the connection was lost",
    "read_timeout": "it didn't end in time",
    "too_large": "it's too large",
    "bad_encoding": "its compression is damaged",
}


def read_reply(reply: Reply | NoReply, size: int) -> Reading:
    """Read what came back for a request of ``size`` conversions; never raises."""
    if isinstance(reply, NoReply):
        return _read_no_reply(reply, size)
    judgement = _judge(reply, size)
    rates = read_rate_headers(reply.headers)
    return Reading(
        follow_up=judgement.follow_up,
        outcomes=judgement.outcomes,
        retry_after_seconds=_hold_back_seconds(reply.status, rates),
        remaining_requests=rates.remaining_requests,
        reset_seconds=rates.reset_seconds,
        request_id=clean_text(_header(reply, "x-pinterest-rid"))[:100],
        status=reply.status,
        refused_whole=judgement.refused_whole,
    )


def _read_no_reply(reply: NoReply, size: int) -> Reading:
    if reply.code in _DESTINATION_CODES:
        kind, follow_up = OutcomeKind.PAUSED, FollowUp.PAUSE
    elif reply.may_have_arrived:
        kind, follow_up = OutcomeKind.UNKNOWN, FollowUp.SETTLE
    else:
        kind, follow_up = OutcomeKind.RETRYABLE, FollowUp.SETTLE
    outcome = Outcome(kind, Stage.TRANSPORT, reply.code, message=clean_text(reply.message))
    return Reading(follow_up, (outcome,) * size)


def _judge(reply: Reply, size: int) -> _Judgement:
    answer = _parse(reply.body)
    if 200 <= reply.status < 300:
        return _Judgement(FollowUp.SETTLE, _read_results(reply, answer, size))
    if reply.status == 422:
        results = _find_results(answer)
        if results is not None and len(results) == size and all(map(_is_readable, results)):
            return _Judgement(FollowUp.SETTLE, _read_each(results))
    if reply.status in (400, 422):
        return _refuse_whole(reply, answer, size, "invalid_request", FollowUp.SPLIT)
    if reply.status == 413:
        return _refuse_whole(reply, answer, size, "request_too_large", FollowUp.SPLIT_BY_SIZE)
    kind, code = _judge_status(reply.status)
    stage = Stage.TRANSPORT if code == "redirected" else Stage.RESPONSE
    outcome = Outcome(kind, stage, code, message=_reason(reply, answer))
    follow_up = FollowUp.PAUSE if kind is OutcomeKind.PAUSED else FollowUp.SETTLE
    return _Judgement(follow_up, (outcome,) * size)


def _judge_status(status: int) -> tuple[OutcomeKind, str]:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 300 <= status < 400:
        return OutcomeKind.RETRYABLE, "redirected"
    if 400 <= status < 500:
        return OutcomeKind.PAUSED, "refused"
    if 500 <= status < 600:
        return OutcomeKind.RETRYABLE, "server_error"
    return OutcomeKind.UNKNOWN, "unexpected_status"


def _refuse_whole(
    reply: Reply, answer: dict[str, Any], size: int, code: str, follow_up: FollowUp
) -> _Judgement:
    """One alone is to blame; of several nobody knows which, so none is blamed."""
    kind = OutcomeKind.REJECTED if size == 1 else OutcomeKind.RETRYABLE
    outcome = Outcome(kind, Stage.RESPONSE, code, message=_reason(reply, answer))
    return _Judgement(
        FollowUp.SETTLE if size <= 1 else follow_up, (outcome,) * size, refused_whole=True
    )


def _read_results(reply: Reply, answer: dict[str, Any], size: int) -> tuple[Outcome, ...]:
    results = _find_results(answer)
    if results is not None and len(results) == size:
        return _read_each(results)
    if results is None:
        code, message = "unreadable_reply", _describe_unreadable(reply, answer)
    else:
        code = "wrong_result_count"
        message = f"Pinterest returned {len(results)} results for {size} events."
    return (Outcome(OutcomeKind.UNKNOWN, Stage.RESPONSE, code, message=message),) * size


def _find_results(answer: dict[str, Any]) -> list[Any] | None:
    """Find the per-event results: ``details.events`` (a 422), then ``events``."""
    details = answer.get("details")
    for holder in (details, answer):
        if isinstance(holder, dict) and isinstance(holder.get("events"), list):
            results: list[Any] = holder["events"]
            return results
    return None


def _read_each(results: list[Any]) -> tuple[Outcome, ...]:
    # Results repeat (the same warning on every event), and outcomes are immutable: make each once.
    known: dict[tuple[str, str, str], Outcome] = {}
    outcomes = []
    for result in results:
        key = (_status(result), _text(result, "error_message"), _text(result, "warning_message"))
        if key not in known:
            known[key] = _read_result(*key)
        outcomes.append(known[key])
    return tuple(outcomes)


def _read_result(status: str, error: str, warning: str) -> Outcome:
    if status == "processed":
        return Outcome(OutcomeKind.DELIVERED, message=error, warning=warning)
    if status == "failed":
        message = error or "Pinterest rejected this event without a reason."
        kind, code = OutcomeKind.REJECTED, "pinterest_rejected"
    else:
        message = error or "Pinterest's result for this event is neither 'processed' nor 'failed'."
        kind, code = OutcomeKind.UNKNOWN, "unreadable_result"
    return Outcome(kind, Stage.RESPONSE, code, message=message, warning=warning)


def _is_readable(result: Any) -> bool:
    return _status(result) in ("processed", "failed")


def _status(result: Any) -> str:
    return _text(result, "status").strip().lower()


def _text(result: Any, name: str) -> str:
    """Read a text of Pinterest's: null, "" and missing are the same (its nullable-field policy)."""
    value = result.get(name) if isinstance(result, dict) else None
    if value is None:
        return ""
    return clean_text(value if isinstance(value, str) else orjson.dumps(value).decode())


def _parse(body: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _reason(reply: Reply, answer: dict[str, Any]) -> str:
    return _text(answer, "message") or f"HTTP {reply.status} without a readable reason."


def _describe_unreadable(reply: Reply, answer: dict[str, Any]) -> str:
    said = _text(answer, "message")
    if said:
        return clean_text(f"HTTP {reply.status} without results. Message: {said}")
    problem = _BODY_PROBLEMS.get(reply.body_problem, reply.body_problem)
    return clean_text(f"The response (HTTP {reply.status}) can't be read: {problem}.")


def _header(reply: Reply, name: str) -> str:
    return next((value for key, value in reply.headers.items() if key.lower() == name), "")


def _hold_back_seconds(status: int, rates: RateHeaders) -> float | None:
    """Say how long Pinterest wants no request; None when it does not ask for that.

    A spent allowance counts even on a 200: the next request would only earn a 429.
    """
    asked = rates.retry_after_seconds if not 200 <= status < 300 else None
    reset = rates.reset_seconds if status == 429 or rates.remaining_requests == 0 else None
    return max((seconds for seconds in (asked, reset) if seconds is not None), default=None)


def clean_text(text: str, limit: int = MAX_TEXT_CHARACTERS) -> str:
    """Make foreign text fit for a database and a page.

    What is not printable (NUL, control and direction characters, lone surrogates) becomes a
    space, white space is trimmed, and the result is at most ``limit`` characters long.
    """
    text = text[: 4 * limit]
    if not text.isprintable():
        text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    text = text.strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"
