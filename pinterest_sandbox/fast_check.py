"""A JSON Schema turned into a Python function that answers only yes or no, quickly.

A benchmark sends some thousand conversions a second through the sandbox, and python-jsonschema
needs about a millisecond for each. `compile_check` gives the same verdict as
`jsonschema.Draft202012Validator(schema).is_valid` for JSON values as orjson reads them (a property
test compares the two); the words of a refusal are left to jsonschema. Keywords that the contract
does not use are refused at compile time, so that the contract cannot outgrow this file unnoticed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from types import NoneType
from typing import Any

Check = Callable[[Any], bool]
Schema = dict[str, Any]
Rule = dict[type, Check | None]
"""What a schema asks of each Python type: a missing type is refused, None asks nothing more."""

_PYTHON_TYPES: dict[str, frozenset[type]] = {
    "string": frozenset({str}),
    "null": frozenset({NoneType}),
    "boolean": frozenset({bool}),
    "integer": frozenset({int, float}),
    "number": frozenset({int, float}),
    "object": frozenset({dict}),
    "array": frozenset({list}),
}
_ANY_TYPE = frozenset().union(*_PYTHON_TYPES.values())
_ANNOTATIONS = frozenset({"$schema", "$comment", "$defs"})
_BY_KIND: dict[str, frozenset[str]] = {
    "string": frozenset({"minLength", "maxLength", "pattern"}),
    "number": frozenset({"minimum", "maximum"}),
    "array": frozenset({"items", "minItems", "maxItems"}),
    "object": frozenset({"properties", "required", "additionalProperties"}),
}
_SUPPORTED = _ANNOTATIONS.union({"$ref", "type", "enum", "anyOf"}, *_BY_KIND.values())
_NOTHING: frozenset[type] = frozenset()


class UnsupportedSchema(Exception):
    """The schema uses a keyword this compiler does not know; nothing was compiled."""


def compile_check(schema: Schema) -> Check:
    """A function `value -> bool`. Raises UnsupportedSchema on a keyword it does not know.

    `$ref` may point into the schema's own `$defs` only, and not back to itself.
    """
    rule = _compile(schema, schema.get("$defs", {}))

    def check(value: Any) -> bool:
        narrower = rule.get(type(value), _refuse)
        return narrower is None or narrower(value)

    return check


def _refuse(value: Any) -> bool:
    return False


def _compile(schema: Schema, definitions: Schema) -> Rule:
    unknown = schema.keys() - _SUPPORTED
    if unknown:
        raise UnsupportedSchema(f"keywords not supported: {', '.join(sorted(unknown))}")
    if "$ref" in schema:
        return _compile_reference(schema, definitions)
    rule: Rule = dict.fromkeys(_accepted_types(schema))
    for kind, check in _checks_by_type(schema, definitions):
        if kind in rule:
            rule[kind] = _both(rule[kind], check)
    if "enum" in schema:
        rule = {str: _both(rule.get(str, _refuse), _compile_enum(schema))}
    if "anyOf" in schema:
        either = _compile_any_of(schema, definitions)
        rule = {kind: _both(check, either) for kind, check in rule.items()}
    return rule


def _both(first: Check | None, second: Check) -> Check:
    if first is None:
        return second

    def check(value: Any) -> bool:
        return first(value) and second(value)

    return check


def _compile_reference(schema: Schema, definitions: Schema) -> Rule:
    prefix = "#/$defs/"
    reference = schema["$ref"]
    if schema.keys() - _ANNOTATIONS != {"$ref"} or not reference.startswith(prefix):
        raise UnsupportedSchema(f"only a bare $ref into $defs is supported, not {reference}")
    return _compile(definitions[reference.removeprefix(prefix)], definitions)


def _type_names(schema: Schema) -> list[str]:
    names = schema.get("type", [])
    return names if isinstance(names, list) else [names]


def _accepted_types(schema: Schema) -> frozenset[type]:
    if "type" not in schema:
        return _ANY_TYPE
    return frozenset().union(*(_PYTHON_TYPES[name] for name in _type_names(schema)))


def _compile_enum(schema: Schema) -> Check:
    if not all(isinstance(choice, str) for choice in schema["enum"]):
        raise UnsupportedSchema("enum is supported for strings only")
    return frozenset(schema["enum"]).__contains__


def _compile_any_of(schema: Schema, definitions: Schema) -> Check:
    branches = [compile_check({**branch, "$defs": definitions}) for branch in schema["anyOf"]]

    def check(value: Any) -> bool:
        for branch in branches:  # noqa: SIM110 - any() over a generator costs twice as much
            if branch(value):
                return True
        return False

    return check


def _checks_by_type(schema: Schema, definitions: Schema) -> Iterator[tuple[type, Check]]:
    """What each Python type has to pass beyond being of that type."""
    names = _type_names(schema)
    if "integer" in names and "number" not in names:
        yield float, float.is_integer  # JSON Schema counts 1.0 as an integer
    if schema.keys() & _BY_KIND["string"]:
        yield str, _compile_string(schema)
    if schema.keys() & _BY_KIND["number"]:
        check = _compile_number(schema)
        yield int, check
        yield float, check
    if schema.keys() & _BY_KIND["array"]:
        yield list, _compile_array(schema, definitions)
    if schema.keys() & _BY_KIND["object"]:
        yield dict, _compile_object(schema, definitions)


def _compile_string(schema: Schema) -> Check:
    shortest = schema.get("minLength", 0)
    longest = schema.get("maxLength", float("inf"))
    search = re.compile(schema.get("pattern", "")).search

    def check(value: str) -> bool:
        return shortest <= len(value) <= longest and search(value) is not None

    return check


def _compile_number(schema: Schema) -> Check:
    lowest = schema.get("minimum", float("-inf"))
    highest = schema.get("maximum", float("inf"))

    def check(value: float) -> bool:
        within: bool = lowest <= value <= highest
        return within

    return check


def _compile_array(schema: Schema, definitions: Schema) -> Check:
    fewest = schema.get("minItems", 0)
    most = schema.get("maxItems", float("inf"))
    rule = _compile(schema.get("items", {}), definitions)

    def check(value: list[Any]) -> bool:
        if not fewest <= len(value) <= most:
            return False
        for member in value:
            narrower = rule.get(type(member), _refuse)
            if narrower is not None and not narrower(member):
                return False
        return True

    return check


def _compile_object(schema: Schema, definitions: Schema) -> Check:
    required = frozenset(schema.get("required", ()))
    if schema.get("additionalProperties", True) not in (True, False):
        raise UnsupportedSchema("additionalProperties is supported as a boolean only")
    rules = {
        key: _compile(member, definitions) for key, member in schema.get("properties", {}).items()
    }
    unnamed: Rule = dict.fromkeys(_ANY_TYPE if schema.get("additionalProperties", True) else ())

    def check(value: dict[str, Any]) -> bool:
        for key, member in value.items():
            narrower = rules.get(key, unnamed).get(type(member), _refuse)
            if narrower is not None and not narrower(member):
                return False
        return required <= value.keys()

    return check
