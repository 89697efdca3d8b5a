"""What would become of an event: one line of JSON in, one answer out. Nothing is sent or stored.

A line is an event, or ``{"event": …, "config": …}``: an event as it is stored with a RudderStack
destination config.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from typing import Any

import orjson

from .findings import EventFiltered, EventRejected, Finding
from .gates import CONSENT_CODES
from .identity import Memory, ids_of
from .rudderstack_config import config_from_rudderstack
from .transform import TransformConfig, conversion_names, names_once_granted, transform

Answer = dict[str, Any]
"""``status`` is ok (with conversions, warnings), rejected (errors, warnings), filtered (reason) or
error (error: why the line is no event)."""

_DEFAULT = TransformConfig()
_MAX_INTEGER = 400


def preview_line(
    line: bytes,
    default_config: TransformConfig | None,
    now: float,
    preview_sent: Callable[[bytes, TransformConfig], Answer] | None = None,
) -> Answer:
    """The answer to one line; ``default_config`` is for lines without a config of their own.

    ``preview_sent`` answers what has not been stored yet, but is as a sender writes it: every line
    that is not ``{"event": …}`` around an event. Without it such a line counts as stored.
    """
    config = default_config or _DEFAULT
    try:
        written = _read_json(line)
    except (ValueError, RecursionError) as error:
        if preview_sent is not None:
            return preview_sent(line, config)
        return error_answer("not_json", f"This line isn't valid JSON: {error}.")
    if type(written) is not dict:
        return error_answer("not_an_object", "This line isn't a JSON object.")
    if type(written.get("event")) is not dict:
        return preview_sent(line, config) if preview_sent else preview_event(written, config, now)
    stated = written.get("config")
    if stated is not None:
        if type(stated) is not dict:
            return error_answer("config_not_an_object", "The config in this line isn't an object.")
        config = config_from_rudderstack(stated)[0].transform
    return preview_event(written["event"], config, now)


def _read_json(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        # The slow reader also takes escaped lone surrogates, which some senders cut out of emoji.
        return json.loads(line, parse_constant=_refuse_constant, parse_int=_read_integer)


def _read_integer(digits: str) -> float:
    # Python refuses to read thousands of digits; such a number is of no use to anybody.
    return int(digits) if len(digits) < _MAX_INTEGER else math.inf


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} isn't a JSON value")


def preview_event(
    event: dict[str, Any],
    config: TransformConfig,
    now: float,
    remembered: Memory | None = None,
) -> Answer:
    """What the transform makes of an event, with each warning once.

    ``remembered``: what is known of its person; the answer then says what came from it
    (``completed``: field, call, Unix time at which it was seen). The reason of an event that is
    filtered until its person grants consent has ``waits``.
    """
    try:
        conversions = [
            transform(event, name, config, now, remembered)
            for name in conversion_names(event, config)
        ]
    except EventRejected as rejected:
        return {
            "status": "rejected",
            "errors": _shown(rejected.errors),
            "warnings": _shown(rejected.warnings),
        }
    except EventFiltered as filtered:
        reason: dict[str, Any] = {"code": filtered.code, "message": filtered.message}
        if (
            filtered.code in CONSENT_CODES
            and any(ids_of(event))
            and names_once_granted(event, config)
        ):
            reason["waits"] = True
        return {"status": "filtered", "reason": reason}
    warnings = dict.fromkeys(
        warning for conversion in conversions for warning in conversion.warnings
    )
    answer: Answer = {
        "status": "ok",
        "conversions": [conversion.fields for conversion in conversions],
        "warnings": _shown(warnings),
    }
    if completed := conversions[0].completed:  # the same for each name
        answer["completed"] = [one._asdict() for one in completed]
    return answer


def _shown(findings: Iterable[Finding]) -> list[dict[str, str]]:
    return [
        {"code": finding.code, "field": finding.field, "message": finding.message}
        for finding in findings
    ]


def error_answer(code: str, message: str) -> Answer:
    """The answer to a line that is no event."""
    return {"status": "error", "error": {"code": code, "message": message}}
