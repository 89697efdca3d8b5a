"""Every golden case comes out exactly, keeps Pinterest's contract, and together they show it
all."""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path

import pytest

from deliveries.error_codes.transform import TRANSFORM_CODES
from tests.destinations.pinterest import golden, mapping_rows
from tests.destinations.pinterest.contract import contract_errors
from tests.destinations.pinterest.golden import CASES

ROOT = Path(__file__).parents[3]
SEED = ROOT.parent / "shared" / "reference" / "seed_pinterest_cloud_mode.txt"
DIGEST = re.compile(r"[0-9a-f]{64}")


CONTRACT_ERRORS = {version: contract_errors(version) for version in ("v5", "v3")}


def cases_that_show(tag: str) -> list[golden.GoldenCase]:
    return [case for case in CASES.values() if tag in case.shows]


def every_text(tree: object) -> list[str]:
    if isinstance(tree, dict):
        return [text for value in tree.values() for text in every_text(value)]
    if isinstance(tree, list):
        return [text for value in tree for text in every_text(value)]
    return [tree] if isinstance(tree, str) else []


@pytest.mark.parametrize("name", CASES)
def test_a_golden_case_comes_out_exactly(name: str) -> None:
    case = CASES[name]
    assert golden.run(case.event, case.config, case.now) == case.expect


@pytest.mark.parametrize("name", [n for n, case in CASES.items() if "conversions" in case.expect])
def test_every_conversion_of_a_golden_case_keeps_the_contract(name: str) -> None:
    case = CASES[name]
    conversions = golden.run(case.event, case.config, case.now)["conversions"]
    errors = CONTRACT_ERRORS[case.config.get("api_version", "v5")]
    assert [error for conversion in conversions for error in errors(conversion)] == []


def test_the_contract_refuses_a_conversion_with_an_unknown_key() -> None:
    conversion = {
        **CASES["a-track-call-becomes-a-conversion"].expect["conversions"][0],
        "colour": 1,
    }
    assert len(CONTRACT_ERRORS["v5"](conversion)) == 1


def test_there_are_at_least_150_cases() -> None:
    assert len(CASES) >= 150


@pytest.mark.parametrize("name", CASES)
def test_a_case_file_is_named_by_its_sentence(name: str) -> None:
    sentence = CASES[name].says.replace("'", "").lower()
    assert re.sub(r"[^a-z0-9]+", "-", sentence).strip("-") == name


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.digests])
def test_every_expected_digest_is_of_the_text_written_beside_it(name: str) -> None:
    case = CASES[name]
    assert case.digests == {
        text: hashlib.sha256(text.encode("utf-8")).hexdigest() for text in case.digests
    }


@pytest.mark.parametrize("name", CASES)
def test_no_expected_digest_is_unexplained(name: str) -> None:
    case = CASES[name]
    expected = {text for text in every_text(case.expect) if DIGEST.fullmatch(text)}
    received = {text.strip().lower() for text in every_text(case.event)}
    assert expected - received <= set(case.digests.values())


def test_every_row_of_the_seed_has_a_case() -> None:
    needed = set(mapping_rows.seed_tags())
    for paths in mapping_rows.SEED_ROWS.values():
        needed |= {f"mapping:{path}" for path in paths}
    assert sorted(tag for tag in needed if not cases_that_show(tag)) == []


@pytest.mark.skipif(not SEED.exists(), reason=f"the seed document is not at {SEED}")
def test_the_table_of_seed_rows_leaves_out_no_row_of_the_document() -> None:
    rows = [line.split("|") for line in SEED.read_text().splitlines() if line.startswith("| ")]
    names = {row[2].split("(")[0].strip().split(".")[-1] for row in rows}
    names -= {"---", "Pinterest event", "Pinterest Tag property", "Pinterest property"}
    listed = {row.split(".", 1)[1] for row in mapping_rows.SEED_ROWS}
    assert rows
    assert names.isdisjoint({""})
    assert sorted(name for name in names if name not in listed) == []
    assert {row[1].strip() for row in rows if row[1].strip() in ECOMMERCE} <= listed


ECOMMERCE = ("Order Completed", "Product Added", "Products Searched", "Product List Filtered")


def test_every_path_has_a_case() -> None:
    assert [tag for tag in mapping_rows.path_tags() if not cases_that_show(tag)] == []


def test_every_rule_has_a_case() -> None:
    assert [tag for tag in mapping_rows.rule_tags() if not cases_that_show(tag)] == []


def test_no_case_shows_a_row_path_or_rule_that_no_table_lists() -> None:
    listed = {*mapping_rows.seed_tags(), *mapping_rows.path_tags(), *mapping_rows.rule_tags()}
    assert sorted({tag for case in CASES.values() for tag in case.shows} - listed) == []


@pytest.mark.parametrize("tag", mapping_rows.path_tags())
def test_without_the_value_at_its_path_the_field_is_another(tag: str) -> None:
    field, path = tag.removeprefix("mapping:").split(":")
    for case in cases_that_show(tag):
        event, config = case.event, case.config
        if path.startswith("destination."):
            config = golden.without(config, path.removeprefix("destination."))
        elif path == "messageId":
            event = golden.with_value(event, path, "another")
        else:
            event = golden.without(event, path)
        bare = golden.run(event, config, case.now)
        assert golden.field_of(bare, field) != golden.field_of(case.expect, field)


@pytest.mark.parametrize("empty", ["", "  ", None], ids=["empty", "blank", "null"])
@pytest.mark.parametrize("tag", mapping_rows.path_tags())
def test_an_empty_earlier_path_never_hides_a_later_one(tag: str, empty: str | None) -> None:
    field, path = tag.removeprefix("mapping:").split(":")
    in_list = "products[" in path
    for case in cases_that_show(tag):
        event = case.event
        for earlier in mapping_rows.PATHS[field]:
            if earlier == path:
                break
            if ("products[" in earlier) == in_list:
                event = golden.with_value(event, earlier, empty)
        result = golden.run(event, case.config, case.now)
        assert golden.field_of(result, field) == golden.field_of(case.expect, field)


@pytest.mark.parametrize("tag", mapping_rows.path_tags())
def test_an_earlier_path_wins_over_all_later_ones(tag: str) -> None:
    field, path = tag.removeprefix("mapping:").split(":")
    paths = mapping_rows.PATHS[field]
    for case in cases_that_show(tag):
        event, config = case.event, case.config
        for later in paths[paths.index(path) + 1 :]:
            value = mapping_rows.decoy(field, later)
            if later.startswith("destination."):
                config = golden.with_value(config, later.removeprefix("destination."), value)
            else:
                event = golden.with_value(event, later, value)
        result = golden.run(event, config, case.now)
        assert golden.field_of(result, field) == golden.field_of(case.expect, field)


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
def test_a_time_without_a_zone_is_utc_wherever_the_machine_stands(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES["a-timestamp-without-a-zone-is-utc"]
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert golden.run(case.event, case.config, case.now) == case.expect
    finally:
        monkeypatch.undo()
        time.tzset()


def test_every_finding_code_has_a_case() -> None:
    expected = set()
    for case in CASES.values():
        expect = case.expect
        expected |= {one["code"] for one in expect.get("errors", []) + expect.get("warnings", [])}
        expected |= {expect["reason"]["code"]} if "reason" in expect else set()
    assert sorted(set(TRANSFORM_CODES) - expected) == []
    assert sorted(expected - set(TRANSFORM_CODES)) == []
