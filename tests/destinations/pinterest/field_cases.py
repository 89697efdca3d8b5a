"""Inputs from public bug reports and what is right for each: one file a kind in tests/golden/field.

A line is ``{id, source, kind, via, event, config, expect, note}``. ``via`` says where it is tried:
``transform`` (here) or ``http`` (a request to ingest). ``expect`` names fields of the conversion by
dotted path (null: absent), or ``status``: ok, rejected or filtered.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from destinations.pinterest.findings import EventFiltered, EventRejected
from destinations.pinterest.rudderstack_config import config_from_rudderstack
from destinations.pinterest.transform import conversion_names, transform

FOLDER = Path(__file__).parents[2] / "golden" / "field"
NOW = 1_795_835_000.0  # 2026-11-28T03:03:20Z


def read_cases(via: str) -> dict[str, dict[str, Any]]:
    """The cases that are tried in one way, by their ID."""
    lines = [
        line
        for path in sorted(FOLDER.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return {case["id"]: case for case in map(json.loads, lines) if case["via"] == via}


def conversion_of(event: dict[str, Any], config: dict[str, Any], now: float) -> dict[str, Any]:
    """The fields of the first conversion and ``status``, under RudderStack's config."""
    chosen = config_from_rudderstack(config)[0].transform
    try:
        name = conversion_names(event, chosen)[0]
        return {"status": "ok", **transform(event, name, chosen, now).fields}
    except EventFiltered:
        return {"status": "filtered"}
    except EventRejected:
        return {"status": "rejected"}


def value_at(fields: dict[str, Any], path: str) -> Any:
    value: Any = fields
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value
