"""The golden cases of the transform: reading one file, and running one event as a delivery does."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from destinations.pinterest.findings import EventFiltered, EventRejected, Finding
from destinations.pinterest.transform import TransformConfig, conversion_names, transform

FOLDER = Path(__file__).parents[2] / "golden" / "transform"
DEFAULT_NOW = "2024-05-01T10:00:00Z"


@dataclass(frozen=True)
class GoldenCase:
    name: str
    says: str
    shows: tuple[str, ...]
    event: dict
    config: dict
    now: float
    expect: dict
    digests: dict[str, str]


def read_case(path: Path) -> GoldenCase:
    written = json.loads(path.read_text(encoding="utf-8"))
    return GoldenCase(
        name=path.stem,
        says=written["says"],
        shows=tuple(written["shows"]),
        event=written["event"],
        config=written["config"],
        now=datetime.fromisoformat(written.get("now", DEFAULT_NOW)).timestamp(),
        expect=written["expect"],
        digests=written.get("digests", {}),
    )


CASES = {path.stem: read_case(path) for path in sorted(FOLDER.glob("*.json"))}


def config_from(keywords: dict) -> TransformConfig:
    rows = keywords.get("event_map", [])
    return TransformConfig(**{**keywords, "event_map": tuple((row[0], row[1]) for row in rows)})


def shown(findings: tuple[Finding, ...]) -> list[dict[str, str]]:
    return [{"code": finding.code, "field": finding.field} for finding in findings]


def run(event: dict, config: dict, now: float) -> dict:
    """What becomes of the event, in the words of a golden case's ``expect``."""
    transform_config = config_from(config)
    conversions: list[dict] = []
    warnings: list[Finding] = []
    try:
        for name in conversion_names(event, transform_config):
            conversion = transform(event, name, transform_config, now)
            conversions.append(conversion.fields)
            warnings += [one for one in conversion.warnings if one not in warnings]
    except EventFiltered as filtered:
        return {"status": "filtered", "reason": {"code": filtered.code}}
    except EventRejected as rejected:
        return {
            "status": "rejected",
            "errors": shown(rejected.errors),
            "warnings": shown(rejected.warnings),
        }
    return {"status": "ok", "conversions": conversions, "warnings": shown(tuple(warnings))}


def path_steps(path: str) -> list[str | int]:
    return [int(step) if step.isdigit() else step for step in re.findall(r"[^.\[\]]+", path)]


def without(tree: dict, path: str) -> dict:
    """A copy of the tree that lacks the value at the path; KeyError when it never had one."""
    copied = copy.deepcopy(tree)
    *parents, last = path_steps(path)
    holder = copied
    for step in parents:
        holder = holder[step]
    del holder[last]
    return copied


def with_value(tree: dict, path: str, value: object) -> dict:
    """A copy of the tree with the value at the path (keys only), parents made where missing."""
    copied = copy.deepcopy(tree)
    *parents, last = path_steps(path)
    holder = copied
    for step in parents:
        holder = holder[step] if isinstance(step, int) else holder.setdefault(step, {})
    holder[last] = value
    return copied


def field_of(result: dict, field: str) -> object:
    """The value of a Pinterest field ("4.em", "5.contents.id") in the first conversion."""
    if result["status"] != "ok":
        return result["status"]
    conversion = result["conversions"][0]
    section, _, name = field.partition(".")
    if section == "2":
        return conversion["event_name"]
    if name == "app_platform":
        return conversion["action_source"]
    holder = {"3": "", "4": "user_data", "5": "custom_data"}[section]
    fields = conversion.get(holder, {}) if holder else conversion
    if name.startswith("contents."):
        return [
            content.get(name.removeprefix("contents.")) for content in fields.get("contents", [])
        ]
    return fields.get(name)
