"""Pinterest's contract as a validator: the public schema with the newer fields merged in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema

FOLDER = Path(__file__).parents[2] / "contract"


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def contract_errors(api_version: str) -> Callable[[dict[str, Any]], list[str]]:
    """A function that lists what is wrong with one conversion, compiled once.

    v3 names the advertiser inside each event; the public schema describes v5 only.
    """
    schema = json.loads((FOLDER / "pinterest_events.schema.json").read_text())
    overlay = json.loads((FOLDER / "pinterest_events.overlay.json").read_text())
    merged = merge_patch(schema, overlay)
    if api_version == "v3":
        merged["$defs"]["Event"]["properties"]["advertiser_id"] = {"type": "string", "minLength": 1}
    validator = jsonschema.Draft202012Validator({**merged, "$ref": "#/$defs/Event"})
    return lambda conversion: [error.message for error in validator.iter_errors(conversion)]
