"""What an event costs does not depend on what it does not use."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from destinations.pinterest.plans import _plan_for_shape
from destinations.pinterest.transform import TransformConfig, conversion_names, transform

NOW = 1_714_557_600.0
EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Some Event 3",
    "messageId": "m-1",
    "timestamp": "2024-05-01T10:00:00Z",
    "context": {"traits": {"email": "ann@example.com"}},
}


def lines_run(config: TransformConfig) -> int:
    """How many lines of Python one event takes."""
    count = 0

    def trace(frame: FrameType, kind: str, argument: Any) -> Any:
        nonlocal count
        count += kind == "line"
        return trace

    def run() -> None:
        for name in conversion_names(EVENT, config):
            transform(EVENT, name, config, NOW)

    run()
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return count


def config_with_map(rows: int) -> TransformConfig:
    return TransformConfig(event_map=tuple((f"Some Event {row}", "lead") for row in range(rows)))


def test_an_event_costs_the_same_under_a_map_of_ten_and_of_ten_thousand_rows() -> None:
    assert lines_run(config_with_map(10)) == lines_run(config_with_map(10_000))


def test_plans_are_kept_by_shape_alone_and_not_without_bound() -> None:
    config = TransformConfig()
    transform(EVENT, "lead", config, NOW)
    before = _plan_for_shape.cache_info()
    for number in range(50):
        unmapped = EVENT | {"properties": {f"key {number}": number}, f"top {number}": number}
        transform(unmapped, "lead", config, NOW)
    after = _plan_for_shape.cache_info()
    assert after.misses - before.misses <= 1
    assert after.maxsize == 1024
