"""The golden cases of identity memory: what some people's events say, and what each conversion
gets.

A step is an event of one source at one moment. ``gets`` is its ``user_data`` in plain words: the
texts behind the digests, without ``external_id``; or the code of its rejection.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "golden" / "identity"
PLAIN = frozenset({"click_id", "client_ip_address", "client_user_agent"})
SOURCES: dict[str, dict[str, Any]] = {
    "server": {"identity_memory": "on", "identity_space": "shop"},
    "browser": {"identity_memory": "on", "identity_space": "shop", "is_public": True},
    "browser with address": {
        "identity_memory": "with_address",
        "identity_space": "shop",
        "is_public": True,
    },
    "stranger": {"identity_memory": "on"},
    "forgetful": {"identity_memory": "off", "identity_space": "shop"},
}


@dataclass(frozen=True)
class Step:
    source: str
    at: datetime
    event: dict[str, Any]
    gets: dict[str, Any] | str | None


@dataclass(frozen=True)
class Timeline:
    says: str
    steps: tuple[Step, ...]


def read_timeline(path: Path) -> Timeline:
    written = json.loads(path.read_text(encoding="utf-8"))
    steps = []
    for number, step in enumerate(written["steps"]):
        event = {
            "messageId": f"{path.stem}-{number}",
            "timestamp": step["at"],
            "receivedAt": step["at"],
            **step["event"],
        }
        at = datetime.fromisoformat(step["at"])
        steps.append(Step(step["from"], at, event, step.get("gets")))
    return Timeline(written["says"], tuple(steps))


TIMELINES = {path.stem: read_timeline(path) for path in sorted(FOLDER.glob("*.json"))}


def expected_user_data(gets: dict[str, Any]) -> dict[str, Any]:
    """``gets`` as Pinterest gets it."""
    return {
        name: value if name in PLAIN else [sha256(text.encode()).hexdigest() for text in value]
        for name, value in gets.items()
    }


def without_external_id(user_data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in user_data.items() if name != "external_id"}
