"""The contract files, the patch that joins them, and who may import whom."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pinterest_sandbox
from pinterest_sandbox.contract import apply_merge_patch, load_contract

SANDBOX = Path(pinterest_sandbox.__file__).parent
CONTRACT = Path(__file__).parents[1] / "contract"


@pytest.mark.parametrize("name", ["pinterest_events.schema.json", "pinterest_events.overlay.json"])
def test_the_sandbox_carries_the_same_contract_as_the_tests(name: str) -> None:
    assert (SANDBOX / name).read_bytes() == (CONTRACT / name).read_bytes()


def test_the_sandbox_imports_nothing_else_of_the_project() -> None:
    imported = {
        module
        for path in SANDBOX.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for module in _modules(node)
    }
    ours = ("destinations", "deliveries", "capi_project", "django", "celery")
    assert {module for module in imported if module.split(".")[0] in ours} == set()


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""] if node.level == 0 else ["destinations"] * (node.level > 1)
    return []


def test_the_overlay_adds_the_fields_newer_than_the_schema() -> None:
    definitions = load_contract()["$defs"]
    assert definitions["Event"]["properties"]["advertiser_tracking_enabled"] == {"type": "boolean"}
    assert definitions["ContentItem"]["properties"]["item_brand_id"]["maxLength"] == 64
    assert definitions["Event"]["properties"]["event_id"] == {"type": "string"}


@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [  # from RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": "foo"}, "bar", "bar"),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_follows_rfc_7396(target: object, patch: object, merged: object) -> None:
    assert apply_merge_patch(target, patch) == merged
