"""Faults that can be injected, and how to write them.

A fault is written as `NAME[=ARGUMENT][,account=ID][,for=N]`, for `--fault`, `POST /_faults`, and
`Sandbox.add_fault`:

    poison=ID[,ID…]           400 for the whole request if a conversion has this event_id
    max_age=DAYS              400 with the same message for the whole request if a conversion is
                              older
    status=CODE[:RATE]        this HTTP status (300-599) instead of a response; nothing is recorded
    latency=SECONDS           delays the response; latency=MIN-MAX by a random time
    fail=RATE | ID[,ID…]      200 in which these conversions are `failed`
    partial422=RATE | ID[,ID…]  422 with a result for each conversion, these are `failed`
    rate_limit=N[/SECONDS]    429 after N requests of an account within this time (60 s)
    retry_after=SECONDS       a Retry-After header with 408, 429, and 5xx
    drop=WHEN[:RATE]          closes the connection: `before` the body is read, `after` the
                              conversions were evaluated, or `midway` through the response
    truncate[=RATE]           half of the response's JSON, with a correct Content-Length
    wrong_count[=RATE]        200 with one result too few
    nonsense[=RATE]           200 with an HTML page

RATE is a probability from 0 to 1: per conversion for `fail` and `partial422`, otherwise per
request. Write an event_id that looks like a rate as `id:1`. `account` limits a fault to one
ad account (v3: that of the first conversion, which `drop=before` can't see); `for` ends it
after it affected N requests. `status=422` is a 422 without results.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

_SUFFIX = re.compile(r",\s*(account|for)=([^,]*)\s*$")
_RATE = re.compile(r"(0(\.\d+)?|\.\d+|1(\.0+)?)")


class FaultRefused(ValueError):
    """The text or JSON does not describe a fault; `str()` says what was expected."""


@dataclass(slots=True)
class Fault:
    """One injected fault. Only the attributes its `name` uses are set.

    `rate` is a probability (0-1) of each request or conversion; `seconds` is a (min, max) wait or
    a window; `count` the requests a window admits; `status` an HTTP status; `moment` one of
    `before`, `after`, `midway`; `remaining` the number of requests left (None: no limit).
    """

    name: str
    text: str
    event_ids: frozenset[str] = frozenset()
    rate: float = 1.0
    seconds: tuple[float, float] = (0.0, 0.0)
    count: int = 0
    status: int = 0
    moment: str = ""
    account: str = ""
    remaining: int | None = None
    fault_id: int = 0
    strikes: int = 0

    def as_json(self) -> dict[str, Any]:
        """What `GET /_faults` shows: {"id", "fault", "account", "for", "strikes"}."""
        return {
            "id": self.fault_id,
            "fault": self.text,
            "account": self.account or None,
            "for": self.remaining,
            "strikes": self.strikes,
        }


def parse_fault(text: str, *, account: str = "", for_requests: int | None = None) -> Fault:
    """The fault a line asks for. Raises FaultRefused with a sentence for a person."""
    line = text.strip()
    while match := _SUFFIX.search(line):
        line = line[: match.start()]
        if match[1] == "account":
            account = match[2].strip()
        else:
            for_requests = _read_count(match[2], "for")
    if for_requests is not None and for_requests < 1:
        raise FaultRefused("for must be 1 or more")
    name, equals, argument = line.partition("=")
    name, _, rate = (name, "", "") if equals else name.partition(":")
    if name not in _READERS:
        raise FaultRefused(f"unknown fault {name!r}; known: {', '.join(_READERS)}")
    fault = Fault(name=name, text=line, account=account, remaining=for_requests)
    _READERS[name](fault, argument if equals else rate)
    return fault


def read_faults(document: Any) -> list[Fault]:
    """The faults of a `POST /_faults` body.

    A line, an object {"fault": line, "account"?, "for"?, "event_ids"?: [..]}, a list of these, or
    {"faults": list}. `event_ids` spares the commas of a line. Raises FaultRefused.
    """
    if isinstance(document, dict) and "faults" in document:
        document = document["faults"]
    if isinstance(document, list):
        return [fault for member in document for fault in read_faults(member)]
    if isinstance(document, str):
        return [parse_fault(document)]
    if not isinstance(document, dict) or not isinstance(document.get("fault"), str):
        raise FaultRefused('expected {"fault": "NAME=ARGUMENT", "account"?, "for"?}')
    unknown = document.keys() - {"fault", "account", "for", "event_ids"}
    if unknown:
        raise FaultRefused(f"unknown key {sorted(unknown)[0]!r}")
    line = document["fault"]
    event_ids = document.get("event_ids")
    if event_ids is not None:
        if not isinstance(event_ids, list) or not all(isinstance(one, str) for one in event_ids):
            raise FaultRefused("event_ids must be a list of strings")
        if line not in ("poison", "fail", "partial422") or not event_ids:
            raise FaultRefused("event_ids requires poison, fail or partial422 without an argument")
        line = f"{line}=id:"
    account, for_requests = document.get("account") or "", document.get("for")
    if not isinstance(account, str):
        raise FaultRefused("account must be a string")
    if for_requests is not None and type(for_requests) is not int:
        raise FaultRefused("for must be a whole number")
    fault = parse_fault(line, account=account, for_requests=for_requests)
    if event_ids is not None:
        fault.event_ids = frozenset(event_ids)
        fault.text = f"{fault.name}={','.join(event_ids)}"
    return [fault]


def _read_number(text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise FaultRefused(f"{what} must be a number of 0 or more, not {text!r}")
    return number


def _read_count(text: str, what: str) -> int:
    if not (text.strip().isascii() and text.strip().isdigit()):
        raise FaultRefused(f"{what} must be a whole number, not {text!r}")
    return int(text)


def _read_rate(fault: Fault, text: str) -> None:
    fault.rate = _read_number(text, "the rate") if text else 1.0
    if fault.rate > 1:
        raise FaultRefused(f"the rate must be between 0 and 1, not {text!r}")


def _read_event_ids(fault: Fault, text: str) -> None:
    if not text:
        raise FaultRefused(f"{fault.name} needs an event_id")
    fault.event_ids = frozenset(one.strip().removeprefix("id:") for one in text.split(","))


def _read_rate_or_event_ids(fault: Fault, text: str) -> None:
    if _RATE.fullmatch(text):
        _read_rate(fault, text)
    else:
        _read_event_ids(fault, text)


def _read_status(fault: Fault, text: str) -> None:
    code, _, rate = text.partition(":")
    fault.status = _read_count(code, "the status")
    if not 300 <= fault.status <= 599:
        raise FaultRefused(f"the status must be between 300 and 599, not {code!r}")
    _read_rate(fault, rate)


def _read_latency(fault: Fault, text: str) -> None:
    shortest, _, longest = text.partition("-")
    low = _read_number(shortest, "the latency")
    high = _read_number(longest, "the latency") if longest else low
    if high < low:
        raise FaultRefused(f"the latency must be written MIN-MAX, not {text!r}")
    fault.seconds = (low, high)


def _read_rate_limit(fault: Fault, text: str) -> None:
    count, _, seconds = text.partition("/")
    fault.count = _read_count(count, "the rate limit")
    window = _read_number(seconds, "the window") if seconds else 60.0
    if not window:
        raise FaultRefused("the window must be longer than 0 seconds")
    fault.seconds = (window, window)


def _read_max_age(fault: Fault, text: str) -> None:
    seconds = _read_number(text, "max_age") * 86_400
    fault.seconds = (seconds, seconds)


def _read_retry_after(fault: Fault, text: str) -> None:
    seconds = _read_number(text, "retry_after")
    fault.seconds = (seconds, seconds)


def _read_drop(fault: Fault, text: str) -> None:
    fault.moment, _, rate = text.partition(":")
    if fault.moment not in ("before", "after", "midway"):
        raise FaultRefused(f"drop must be before, after or midway, not {fault.moment!r}")
    _read_rate(fault, rate)


_READERS = {
    "poison": _read_event_ids,
    "max_age": _read_max_age,
    "status": _read_status,
    "latency": _read_latency,
    "fail": _read_rate_or_event_ids,
    "partial422": _read_rate_or_event_ids,
    "rate_limit": _read_rate_limit,
    "retry_after": _read_retry_after,
    "drop": _read_drop,
    "truncate": _read_rate,
    "wrong_count": _read_rate,
    "nonsense": _read_rate,
}
