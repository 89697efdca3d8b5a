"""Who may be sent: every row of the truth tables, on both ways into the gates."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import re2

from destinations.pinterest import bot_gate
from destinations.pinterest.bot_gate import crawler_in
from destinations.pinterest.consent_gate import (
    CategoryError,
    ConsentBlock,
    read_categories,
    split_list,
    write_categories,
)
from destinations.pinterest.findings import EventFiltered
from destinations.pinterest.rule_gate import (
    OPERATORS,
    Condition,
    EventRule,
    fold_event_name,
    problem_with,
)
from destinations.pinterest.transform import TransformConfig, conversion_names, transform

GOLDEN = Path(__file__).parents[2] / "golden"
FOLDERS = ("consent", "rules", "bots")
NOW = 1_714_557_600.0
EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Order Completed",
    "messageId": "m-100",
    "timestamp": "2024-05-01T10:00:00Z",
    "traits": {"email": "ann@example.com"},
}


class Row(NamedTuple):
    """One row of a truth table; ``expect`` is ``sent``, a code with its sentence, or what is
    sent."""

    config: TransformConfig
    event: dict[str, Any]
    expect: Any


def config_of(written: dict[str, Any]) -> TransformConfig:
    config = dict(written)
    if "consent_categories" in config:
        config["consent_categories"] = read_categories(config["consent_categories"])
    if "event_rules" in config:
        config["event_rules"] = tuple(
            EventRule(
                rule["sends"],
                rule["any_of"],
                tuple(Condition(*condition) for condition in rule["conditions"]),
            )
            for rule in config["event_rules"]
        )
    if "listed_events" in config:
        config["listed_events"] = tuple(config["listed_events"])
    return TransformConfig(**config)


def read_rows() -> dict[str, Row]:
    rows = {}
    for folder in FOLDERS:
        for path in sorted((GOLDEN / folder).glob("*.json")):
            for case in json.loads(path.read_text("utf-8"))["cases"]:
                rows[f"{folder}/{path.stem}: {case['says']}"] = Row(
                    config_of(case["config"]), EVENT | case["event"], case["expect"]
                )
    return rows


ROWS = read_rows()


def test_there_are_at_least_60_rows_and_every_operator_has_one() -> None:
    assert len(ROWS) >= 60
    used = {
        condition.operator
        for row in ROWS.values()
        for rule in row.config.event_rules
        for condition in rule.conditions
    }
    assert used == OPERATORS.keys()


@pytest.mark.parametrize("name", ROWS)
def test_a_row_of_a_truth_table(name: str) -> None:
    config, event, expect = ROWS[name]
    before = copy.deepcopy(event)
    if isinstance(expect, dict) and "code" in expect:
        with pytest.raises(EventFiltered) as planned:
            conversion_names(event, config)
        with pytest.raises(EventFiltered) as sent:
            transform(event, "checkout", config, NOW)
        assert {"code": planned.value.code, "message": planned.value.message} == expect
        assert {"code": sent.value.code, "message": sent.value.message} == expect
    else:
        assert conversion_names(event, config)
        conversion = transform(event, "checkout", config, NOW)
        opt_out = conversion.fields.get("custom_data", {}).get("opt_out_type")
        warnings = [one.code for one in conversion.warnings if one.code in GATE_WARNINGS]
        if expect == "sent":
            expect = {}
        assert opt_out == expect.get("opt_out_type")
        assert warnings == expect.get("warnings", [])
    assert event == before


GATE_WARNINGS = ("bot_suspected", "ldp_incomplete")


def test_a_destination_without_gates_has_none() -> None:
    assert TransformConfig().gates is None
    assert TransformConfig(consent_categories=(ConsentBlock("x", "or", ("a",)),)).gates is None
    for on in (
        {"consent_mode": "as_sender"},
        {"us_privacy": "limit"},
        {"event_list": "deny"},
        {"bots": "mark"},
    ):
        assert TransformConfig(**on).gates is not None  # type: ignore[arg-type]


def test_an_identify_call_is_no_matter_for_the_gates() -> None:
    with pytest.raises(EventFiltered) as filtered:
        conversion_names(EVENT | {"type": "identify"}, TransformConfig(consent_mode="strict"))
    assert filtered.value.code == "unsupported_type"


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("", ()),
        ("oneTrust: C0002", (ConsentBlock("oneTrust", "and", ("C0002",)),)),
        (
            " custom (OR) : a , b,a\n\nsegment: Ad vertising",
            (
                ConsentBlock("custom", "or", ("a", "b")),
                ConsentBlock("segment", "and", ("Ad vertising",)),
            ),
        ),
        ('x (any): "a, b", " c", d', (ConsentBlock("x", "or", ("a, b", " c", "d")),)),
        ("x (all): a:b", (ConsentBlock("x", "and", ("a:b",)),)),
    ],
)
def test_categories_are_read_and_written(text: str, blocks: tuple[ConsentBlock, ...]) -> None:
    assert read_categories(text) == blocks
    assert read_categories(write_categories(blocks)) == blocks


@pytest.mark.parametrize(
    "line", ["C0002", "oneTrust:", ": a", "x (most): a", 'x: "a', 'x: "a" b', "(or): a"]
)
def test_a_line_that_cannot_be_read_is_named(line: str) -> None:
    with pytest.raises(CategoryError) as unreadable:
        read_categories(f"oneTrust: C0002\n{line}")
    assert unreadable.value.line == 2


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        (Condition("", "is", "a"), "path_missing"),
        (Condition("..", "is", "a"), "path_missing"),
        (Condition("event", "equals", "a"), "operator_unknown"),
        (Condition("event", "is", ""), "value_missing"),
        (Condition("event", "in", " , "), "value_missing"),
        (Condition("event", "in", '"a'), "list_unreadable"),
        (Condition("properties.total", "lt", "much"), "not_comparable"),
        (Condition("event", "matches", "(a"), "pattern_invalid"),
        (Condition("event", "matches", r"(a)\1"), "pattern_invalid"),
        (Condition("event", "matches", "(?=a)"), "pattern_invalid"),
        (Condition("event", "matches", "((a{100}){100}){100}"), "pattern_invalid"),
        (Condition("event", "matches", "a" * 501), "pattern_too_long"),
        (Condition("event", "exists", ""), ""),
        (Condition("timestamp", "ge", "2026-01-01"), ""),
    ],
)
def test_a_condition_that_cannot_be_used_is_named(condition: Condition, problem: str) -> None:
    assert problem_with(condition) == problem
    if problem:
        with pytest.raises(ValueError, match="rule 1"):
            TransformConfig(event_rules=(EventRule(False, False, (condition,)),))


def seconds(size: int) -> float:
    rule = EventRule(False, False, (Condition("properties.x", "matches", "(a+)+(a+)+b$"),))
    config = TransformConfig(event_rules=(rule,))
    event = EVENT | {"properties": {"x": "a" * size}}
    conversion_names(event, config)
    best = 10.0
    for _ in range(5):
        started = time.perf_counter()
        conversion_names(event, config)
        best = min(best, time.perf_counter() - started)
    return best


def test_a_hostile_pattern_costs_no_more_than_the_text_is_long() -> None:
    """Twice as long costs twice as much; a backtracking engine would not end on the first."""
    assert seconds(80_000) < 30 * seconds(10_000)


def test_a_hostile_user_agent_costs_no_more_than_it_is_long() -> None:
    """``[a-z0-9\\-_]*(bot|…)`` takes Python's re a third of a second for each of these."""
    crawler_in("warm up")
    started = time.perf_counter()
    for number in range(100):
        assert crawler_in(f"{number} " + "http" * 240) == ""
    plain = time.perf_counter()
    for number in range(100):
        crawler_in(f"{number} Mozilla/5.0 (Windows NT 10.0) Chrome/124.0.0.0 Safari/537.36")
    assert plain - started < 200 * (time.perf_counter() - plain)


def test_nearly_every_pattern_of_crawlers_is_used() -> None:
    unread = [one for one in bot_gate.CRAWLERS if not bot_gate._is_linear(one)]
    assert len(unread) <= len(bot_gate.CRAWLERS) // 200
    assert isinstance(bot_gate._patterns()[0], re2._Regexp)


def test_names_are_folded_as_in_the_event_map() -> None:
    assert fold_event_name(" Order\u200b  COMPLETED ") == "order completed"
    assert fold_event_name("X" * 300) == "x" * 300


def test_a_list_of_values_drops_what_is_empty_or_double() -> None:
    assert split_list(' a, ,b ,a,"" ,"c"') == ("a", "b", "c")
