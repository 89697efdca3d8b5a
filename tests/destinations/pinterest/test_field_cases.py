"""What real senders were reported to send comes out right."""

from __future__ import annotations

import pytest

from tests.destinations.pinterest.contract import contract_errors
from tests.destinations.pinterest.field_cases import NOW, conversion_of, read_cases, value_at

CASES = read_cases("transform")


@pytest.mark.parametrize("name", CASES)
def test_a_field_case_comes_out_right(name: str) -> None:
    case = CASES[name]
    fields = conversion_of(case["event"], case["config"], NOW)
    if "status" not in case["expect"]:
        assert fields["status"] == "ok"
    found = {path: value_at(fields, path) for path in case["expect"]}
    assert found == case["expect"]


@pytest.mark.parametrize("name", CASES)
def test_the_conversion_of_a_field_case_keeps_the_contract(name: str) -> None:
    case = CASES[name]
    fields = conversion_of(case["event"], case["config"], NOW)
    if fields.pop("status") == "ok":
        version = "v3" if case["config"].get("apiVersion") == "legacyApi" else "v5"
        assert contract_errors(version)(fields) == []
