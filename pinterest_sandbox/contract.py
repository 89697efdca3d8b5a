"""The contract of the Conversions API, read from the two files beside this one.

`pinterest_events.schema.json` holds the structure of the official OpenAPI 5.23.0, and
`pinterest_events.overlay.json` is a JSON Merge Patch (RFC 7396) with the fields Pinterest has
accepted since. Both are copies of `tests/contract/*`; a test keeps them equal.
"""

from __future__ import annotations

import copy
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

MAX_CONVERSIONS = 1000
"""`maxItems` of `data` in the contract."""

_FOLDER = Path(__file__).parent


def apply_merge_patch(target: Any, patch: Any) -> Any:
    """A JSON Merge Patch applied to a JSON value (RFC 7396); neither argument is changed."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = copy.deepcopy(target) if isinstance(target, dict) else {}
    for key, member in patch.items():
        if member is None:
            merged.pop(key, None)
        else:
            merged[key] = apply_merge_patch(merged.get(key), member)
    return merged


@lru_cache(maxsize=1)
def load_contract() -> Schema:
    """The contract of v5: the schema with its overlay. The root is the request body."""
    schema = json.loads((_FOLDER / "pinterest_events.schema.json").read_text("utf-8"))
    overlay = json.loads((_FOLDER / "pinterest_events.overlay.json").read_text("utf-8"))
    merged: Schema = apply_merge_patch(schema, overlay)
    return merged


def request_shell(contract: Schema) -> Schema:
    """The contract of the request body alone: what `data` holds is not looked at."""
    shell: Schema = copy.deepcopy(contract["$defs"]["EventsRequest"])
    del shell["properties"]["data"]["items"]
    return shell


def conversion_schema(contract: Schema, api_version: str) -> Schema:
    """The contract of one conversion, as a schema of its own.

    The legacy v3 names the account inside each conversion (`advertiser_id`); v5 refuses that key.
    """
    definitions = copy.deepcopy(contract["$defs"])
    if api_version == "v3":
        definitions["Event"]["properties"]["advertiser_id"] = {"$ref": "#/$defs/AdAccountId"}
        definitions["Event"]["required"].append("advertiser_id")
    return {"$ref": "#/$defs/Event", "$defs": definitions}
