"""jsonschema-rs says of whatever JSON may arrive what python-jsonschema says."""

from __future__ import annotations

import copy
import random
from typing import Any

import jsonschema_rs
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pinterest_sandbox.contract import conversion_schema, load_contract, request_shell
from pinterest_sandbox.validation import BodyRefused, validator_for
from tests.pinterest_sandbox.conversions import make_conversion

SCHEMAS = {version: conversion_schema(load_contract(), version) for version in ("v5", "v3")}
CHECKS = {
    version: jsonschema_rs.Draft202012Validator(schema).is_valid
    for version, schema in SCHEMAS.items()
}
VALIDATORS = {version: Draft202012Validator(schema) for version, schema in SCHEMAS.items()}

PYTHONS_OWN: dict[str, set[tuple[tuple[Any, ...], str]]] = {
    "v5": set(),
    "v3": {(("advertiser_id",), "12345678\n"), (("advertiser_id",), "١٢٣")},
}
"""What python-jsonschema accepts only because Python's patterns know all digits and end a line
early."""

ODD_VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    1.0,
    1.5,
    2**53,
    1e300,
    30721,
    101,
    "",
    "web",
    "new",
    "laptop",
    "cellular_4g",
    "x" * 36,
    "ü" * 64,
    "x" * 65,
    "x" * 201,
    "12345678",
    "12345678\n",
    "١٢٣",
    "1" * 19,
    [],
    ["a"],
    ["a", None],
    [{}],
    [[]],
    ["x"] * 101,
    {},
    {"em": ["a"]},
    {"id": "a", "quantity": 2.0},
]


def _strategy(schema: dict[str, Any], definitions: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values near the schema: mostly right, now and then something odd at any depth."""
    if "$ref" in schema:
        return _strategy(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    kinds = schema.get("type", "object")
    kind = kinds[0] if isinstance(kinds, list) else kinds
    odd = st.sampled_from(ODD_VALUES)
    if kind == "object":
        members = {
            key: _strategy(member, definitions)
            for key, member in schema.get("properties", {}).items()
        }
        required = {key: members[key] for key in schema.get("required", [])}
        optional = {key: member for key, member in members.items() if key not in required}
        right = st.fixed_dictionaries(required, optional=optional)
        return _mostly(right, st.one_of(odd, right.map(lambda value: {**value, "unknown": 1})))
    if kind == "array":
        return _mostly(st.lists(_strategy(schema["items"], definitions), max_size=3), odd)
    if "enum" in schema:
        return _mostly(st.sampled_from(schema["enum"]), odd)
    if kind == "integer":
        return _mostly(st.integers(0, 50), odd)
    if kind == "boolean":
        return _mostly(st.booleans(), odd)
    return _mostly(st.sampled_from(["a", "b" * 30, "123"]), odd)


def _mostly(right: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 39).flatmap(lambda dice: odd if dice == 0 else right)


@pytest.mark.parametrize("version", ["v5", "v3"])
def test_jsonschema_rs_agrees_with_jsonschema_on_generated_conversions(version: str) -> None:
    verdicts: set[bool] = set()

    @settings(max_examples=400, deadline=None, derandomize=True, database=None)
    @given(_strategy(SCHEMAS[version], SCHEMAS[version]["$defs"]))
    def agree(value: Any) -> None:
        expected = VALIDATORS[version].is_valid(value)
        verdicts.add(expected)
        assert CHECKS[version](value) is expected

    agree()
    assert verdicts == {True, False}


def _whole_conversion(version: str) -> dict[str, Any]:
    """A valid conversion that uses every property of the contract."""
    conversion: dict[str, Any] = _fill(SCHEMAS[version], SCHEMAS[version]["$defs"])
    return conversion


def _fill(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _fill(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    kinds = schema["type"]
    match kinds[0] if isinstance(kinds, list) else kinds:
        case "object":
            return {key: _fill(member, definitions) for key, member in schema["properties"].items()}
        case "array":
            return [_fill(schema["items"], definitions)]
        case "integer":
            return 7
        case "boolean":
            return True
        case _:
            return schema.get("enum", ["123"])[0]


@pytest.mark.parametrize("version", ["v5", "v3"])
def test_every_property_agrees_with_jsonschema_on_every_odd_value(version: str) -> None:
    whole = _whole_conversion(version)
    assert VALIDATORS[version].is_valid(whole)
    assert CHECKS[version](whole) is True
    disagreements = set()
    refused = 0
    for path in _paths(whole):
        for odd in [*ODD_VALUES, ...]:
            changed = _replaced(whole, path, odd)
            expected = VALIDATORS[version].is_valid(changed)
            refused += not expected
            if CHECKS[version](changed) is not expected:
                disagreements.add((path, odd))
    assert disagreements == PYTHONS_OWN[version]
    assert refused > 1000


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        members: list[tuple[Any, Any]] = [*value.items()]
    elif isinstance(value, list):
        members = [*enumerate(value)]
    else:
        return [path]
    return [path, *(one for key, member in members for one in _paths(member, (*path, key)))]


def _replaced(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """A copy with the value at the path replaced; `...` takes it away."""
    if not path:
        return {} if odd is ... else odd
    changed = copy.deepcopy(value)
    target = changed
    for step in path[:-1]:
        target = target[step]
    if odd is ...:
        del target[path[-1]]
    else:
        target[path[-1]] = odd
    return changed


@pytest.mark.parametrize("kept", range(16))
def test_the_rule_for_user_data_agrees_with_jsonschema_in_every_combination(kept: int) -> None:
    fields = {
        "em": ["a"],
        "hashed_maids": ["b"],
        "client_ip_address": "192.0.2.7",
        "client_user_agent": "Mozilla/5.0",
    }
    chosen = {key: value for at, (key, value) in enumerate(fields.items()) if kept >> at & 1}
    conversion = make_conversion(user_data={**chosen, "ph": ["c"], "something_new": 1})
    enough = bool({"em", "hashed_maids"} & chosen.keys()) or (
        {"client_ip_address", "client_user_agent"} <= chosen.keys()
    )
    assert VALIDATORS["v5"].is_valid(conversion) is enough
    assert CHECKS["v5"](conversion) is enough


def test_jsonschema_rs_agrees_on_numbers_as_orjson_reads_them() -> None:
    shuffled = random.Random(3)
    for _ in range(200):
        digits = shuffled.choice(["1", "-1", "9" * 18, "9" * 25, "1.0", "1.5", "1e3", "1e-3", "-0"])
        conversion = make_conversion(event_time=orjson.loads(digits))
        assert CHECKS["v5"](conversion) is VALIDATORS["v5"].is_valid(conversion)


@pytest.mark.parametrize(
    "document",
    [
        {"data": [1]},
        {"data": [1] * 1000},
        {"data": [1] * 1001},
        {"data": []},
        {"data": {}},
        {"data": None},
        {"data": [1], "more": 1},
        {},
        [],
        "data",
        None,
    ],
)
def test_the_shell_of_a_request_agrees_with_jsonschema(document: Any) -> None:
    shell = request_shell(load_contract())
    assert jsonschema_rs.Draft202012Validator(shell).is_valid(document) is Draft202012Validator(
        shell
    ).is_valid(document)


@pytest.mark.parametrize("number", ["12345678\n", "١٢٣"])
def test_what_only_pythons_patterns_accept_is_refused_with_words(number: str) -> None:
    conversion = _replaced(_whole_conversion("v3"), ("advertiser_id",), number)
    with pytest.raises(BodyRefused, match="does not match"):
        validator_for("v3").read_conversions(orjson.dumps({"data": [conversion]}))
