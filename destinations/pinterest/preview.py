"""What would become of an event: one line of JSON in, one answer out. Nothing is sent or stored.

A line is an event, or ``{"event": …, "config": …}`` with a RudderStack destination config.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

import orjson

from .findings import EventFiltered, EventRejected, Finding
from .rudderstack_config import config_from_rudderstack
from .transform import TransformConfig, conversion_names, transform

Answer = dict[str, Any]
"""``status`` is ok (with conversions, warnings), rejected (errors, warnings), filtered (reason) or
error (error: why the line is no event)."""

_DEFAULT = TransformConfig()
_MAX_INTEGER = 400


def preview_line(line: bytes, default_config: TransformConfig | None, now: float) -> Answer:
    """The answer to one line; ``default_config`` is for lines without a config of their own."""
    try:
        written = _read_json(line)
    except (ValueError, RecursionError) as error:
        return _error("not_json", f"This line is not JSON that can be read: {error}.")
    if type(written) is not dict:
        return _error("not_an_object", "This line is JSON, but not an object.")
    config = default_config or _DEFAULT
    event = written
    if "event" in written and type(written["event"]) is dict:
        event = written["event"]
        stated = written.get("config")
        if stated is not None:
            if type(stated) is not dict:
                return _error("config_not_an_object", "The config of this line is not an object.")
            config = config_from_rudderstack(stated)[0].transform
    return preview_event(event, config, now)


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
    raise ValueError(f"{name} is not a JSON value")


def preview_event(event: dict[str, Any], config: TransformConfig, now: float) -> Answer:
    """What the transform makes of an event, with each warning once."""
    try:
        conversions = [
            transform(event, name, config, now) for name in conversion_names(event, config)
        ]
    except EventRejected as rejected:
        return {
            "status": "rejected",
            "errors": _shown(rejected.errors),
            "warnings": _shown(rejected.warnings),
        }
    except EventFiltered as filtered:
        return {
            "status": "filtered",
            "reason": {"code": filtered.code, "message": filtered.message},
        }
    warnings = dict.fromkeys(
        warning for conversion in conversions for warning in conversion.warnings
    )
    return {
        "status": "ok",
        "conversions": [conversion.fields for conversion in conversions],
        "warnings": _shown(warnings),
    }


def _shown(findings: Iterable[Finding]) -> list[dict[str, str]]:
    return [
        {"code": finding.code, "field": finding.field, "message": finding.message}
        for finding in findings
    ]


def _error(code: str, message: str) -> Answer:
    return {"status": "error", "error": {"code": code, "message": message}}
