"""`bin/bench transform` measures the real thing and says so in one JSON object."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import orjson
import pytest

from benchmarks import transform as bench
from benchmarks.workload import make_event, make_lines
from tests.destinations.pinterest.contract import contract_errors


def test_the_workload_is_the_same_for_the_same_seed_and_of_the_stated_mix() -> None:
    lines = make_lines(200)
    assert lines == make_lines(200)
    assert lines != make_lines(200, seed=2)
    kinds = Counter(event.get("event", event["type"]) for event in map(orjson.loads, lines))
    assert kinds == {"Order Completed": 100, "page": 50, "Product Added": 50}
    assert 2_000 < sum(map(len, lines)) / len(lines) < 2_600


def test_the_measured_batch_is_a_request_that_keeps_the_contract() -> None:
    body = orjson.loads(bench.transform_batch(make_lines(40), bench.config_with_map(10)))
    assert [contract_errors("v5")(conversion) for conversion in body["data"]] == [[]] * 40
    user_data = body["data"][0]["user_data"]
    hashed = [
        "em",
        "ph",
        "ge",
        "db",
        "ln",
        "fn",
        "ct",
        "st",
        "zp",
        "country",
        "hashed_maids",
        "external_id",
    ]
    assert [name for name in hashed if name in user_data] == hashed


def test_the_floor_does_all_but_the_transform() -> None:
    body = orjson.loads(bench.floor_batch(make_lines(3)))
    assert body == {"data": [make_event(number) for number in range(3)]}


def test_all_gates_are_on_and_filter_no_event_of_the_workload() -> None:
    gated = replace(bench.config_with_map(10), **bench.GATES)
    assert gated.gates is not None
    lines = [bench.with_consent(line) for line in make_lines(40)]
    assert bench.transform_batch(lines, gated) == bench.transform_batch(
        lines, bench.config_with_map(10)
    )


def test_json_output_is_one_object_with_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    bench.main(["--json", "--events", "60", "--rounds", "3", "--batch", "20", "--map-rows", "500"])
    result = json.loads(capsys.readouterr().out)
    assert result["events_per_second"] > 0
    assert result["floor_events_per_second"] > 0
    assert result["gated_events_per_second"] > 0
    assert result["share_with_gates"] > 0
    assert result["share_of_floor"] > 0  # sixty events are too few to say more of speeds
    assert result["peak_rss_mb"] > 10
    settings = result["settings"]
    assert [settings[key] for key in ("events", "rounds", "batch", "map_rows")] == [60, 3, 20, 500]


def test_a_streamed_run_says_what_it_needed(capsys: pytest.CaptureFixture[str]) -> None:
    bench.main(["--json", "--memory", "--events", "300"])
    result = json.loads(capsys.readouterr().out)
    assert (result["settings"]["memory"], result["events_per_second"] > 0) == (True, True)
