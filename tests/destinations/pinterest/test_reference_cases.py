"""Our conversions against those of the reference destination: equal, or different by a named
rule."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from destinations.pinterest.findings import EventFiltered, EventRejected
from destinations.pinterest.rudderstack_config import config_from_rudderstack
from destinations.pinterest.transform import conversion_names, transform
from tests import services
from tests.destinations.pinterest import reference_rules as rules
from tests.destinations.pinterest.contract import contract_errors
from tests.destinations.pinterest.reference_mapping import ABSENT

NOW = 1_800_000_000.0
CASES = Path(services.shared_folder() or "shared") / "data" / "reference_cases.jsonl.gz"
pytestmark = pytest.mark.skipif(
    not CASES.is_file(), reason=f"the cases of the reference destination are not at {CASES}"
)


def read_cases() -> list[dict[str, Any]]:
    with gzip.open(CASES, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def fields_of(conversion: dict[str, Any]) -> dict[str, Any]:
    """Every field by its path; user_data and custom_data are taken apart."""
    fields = {
        key: value for key, value in conversion.items() if key not in ("user_data", "custom_data")
    }
    for section in ("user_data", "custom_data"):
        fields |= {f"{section}.{key}": value for key, value in conversion.get(section, {}).items()}
    return fields


def differences(ours: dict[str, Any], theirs: dict[str, Any], case: dict) -> list[rules.Difference]:
    own, other = fields_of(ours), fields_of(theirs)
    return [
        rules.Difference(
            field,
            own.get(field, ABSENT),
            other.get(field, ABSENT),
            case["event"],
            case["config"],
            ours,
        )
        for field in sorted(own.keys() | other.keys() - {"event_name"})
        if field != "event_name" and own.get(field, ABSENT) != other.get(field, ABSENT)
    ]


def compare(case: dict[str, Any]) -> tuple[str, list[str], list[str]]:
    """What the comparison comes to, the rules it took, and what no rule explains."""
    config = config_from_rudderstack(case["config"])[0].transform
    event, reference = case["event"], case.get("reference")
    try:
        names = conversion_names(event, config)
        conversions = [transform(event, name, config, NOW).fields for name in names]
    except EventRejected as rejected:
        code = rejected.errors[0].code
        if reference is None:
            return "both refuse", [], []
        explained = rules.nobody_could_be_matched(code, event)
        return (
            "ours refuses",
            ["nobody_could_be_matched"],
            [] if explained else [f"rejected {code}"],
        )
    except EventFiltered as filtered:
        if reference is None:
            return "both refuse", [], []
        return "ours refuses", [], [f"filtered {filtered.code}"]
    wrong = [error for one in conversions for error in contract_errors(config.api_version)(one)]
    if reference is None:
        return "reference failed, ours delivers", [], wrong
    used, unexplained = [], wrong
    theirs = [sent["body"] for sent in reference]
    if list(names) != [sent["event_name"] for sent in theirs]:
        used.append("names_by_table_and_any_case")
        if not rules.names_by_table_and_any_case(list(names), event, case["config"]):
            unexplained.append(f"event_name: {names}")
    for difference in differences(conversions[0], theirs[0], case):
        rule = next((rule for rule in rules.RULES if rule(difference)), None)
        if rule is None:
            unexplained.append(f"{difference.field}: {difference.ours!r} not {difference.theirs!r}")
        else:
            used.append(rule.__name__)
    return "better by rule" if used or unexplained else "equal", used, unexplained


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    results: Counter[str] = Counter()
    used: Counter[str] = Counter()
    unexplained = {}
    for case in read_cases():
        result, rule_names, left = compare(case)
        results[result] += 1
        used.update(set(rule_names))
        if left:
            unexplained[case["id"]] = left
    return {"results": results, "rules": used, "unexplained": unexplained}


def test_every_difference_from_the_reference_is_explained_by_a_named_rule(
    table: dict[str, Any], record_property: Any
) -> None:
    for kind in ("results", "rules"):
        for name, count in table[kind].most_common():
            print(f"{count:5} {name}")
            record_property(name, count)
    assert table["unexplained"] == {}


def test_hardly_an_event_that_the_reference_delivers_is_refused_here(table: dict[str, Any]) -> None:
    results = table["results"]
    assert results["ours refuses"] < results["reference failed, ours delivers"]


def test_a_rule_does_not_excuse_a_wrong_value() -> None:
    event = {"type": "track", "traits": {"email": "ann@example.com"}, "properties": {"value": 1}}
    for field in ("user_data.em", "custom_data.value", "custom_data.contents", "wifi", "app_name"):
        wrong = rules.Difference(field, "wrong", ABSENT, event, {}, {"action_source": "web"})
        assert [rule.__name__ for rule in rules.RULES if rule(wrong)] == []
