"""A RudderStack destination config of type PINTEREST_TAG, as a destination of ours.

The settings are those RudderStack's own form writes; each one is taken, or a note says why not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .cleaning import clean
from .config import TransformConfig
from .event_names import is_own_name, standard_name, target_name
from .rudderstack_gates import (
    CONSENT_SETTINGS,
    EVENT_LIST_SETTINGS,
    read_consent,
    read_event_list,
)
from .values import boolean, usable_text

API_VERSIONS = {"newapi": "v5", "v5": "v5", "legacyapi": "v3", "v3": "v3"}

IGNORED: dict[str, str] = {
    "sendingUnHashedData": "hashed values are sent as is, all others are hashed",
    "enableDeduplication": "only the dedup key matters",
    "tagId": "it only applies to the browser tag",
    "enhancedMatch": "it only applies to the browser tag",
    "customProperties": "they only apply to the browser tag",
    "useNativeSDK": "it only applies to the browser tag",
    "connectionMode": "every event is delivered from the server",
}
"""Settings without a meaning here, and why."""


@dataclass(frozen=True, slots=True)
class ImportedConfig:
    """What a RudderStack config says: how to transform, and how to reach the ad account."""

    transform: TransformConfig
    token: str = field(default="", repr=False)
    test_mode: bool = False


def config_from_rudderstack(
    config: dict[str, Any], name: str = ""
) -> tuple[ImportedConfig, tuple[str, ...]]:
    """The destination named ``name`` that ``config`` describes, and notes for a person.

    Nothing is refused: a setting of the wrong kind counts as absent and is noted. No note quotes a
    token.
    """
    notes: list[str] = []
    read = _Reader(config, notes)
    api_version = _api_version(config.get("apiVersion"), notes)
    account_keys = ("adAccountId", "advertiserId")
    if api_version == "v3":
        account_keys = ("advertiserId", "adAccountId")
    categories = read_consent(config, notes)
    event_list, listed_events = read_event_list(config, notes)
    imported = ImportedConfig(
        transform=TransformConfig(
            destination_name=name,
            api_version=api_version,
            advertiser_id=read.text(account_keys[0]) or read.text(account_keys[1]),
            app_id=read.text("appId"),
            dedup_key=read.text("deduplicationKey"),
            unmapped_events="as_custom" if read.flag("sendAsCustomEvent") else "by_name",
            # RudderStack's own default is off.
            send_external_id=read.flag("sendExternalId"),
            event_map=_event_map(config.get("eventsMapping"), notes),
            # RudderStack evaluates consent as soon as there are categories.
            consent_mode="as_sender" if categories else "off",
            consent_categories=categories,
            event_list=event_list,
            listed_events=listed_events,
        ),
        token=read.text("conversionToken"),
        test_mode=read.flag("sendAsTestEvent"),
    )
    for key in config:
        if key in IGNORED:
            notes.append(f"{key} is ignored: {IGNORED[key]}.")
        elif key not in _TAKEN:
            notes.append(f"{clean(key)[:100]} is ignored: unknown setting.")
    return imported, tuple(notes)


_TAKEN = frozenset(
    {
        "apiVersion",
        "adAccountId",
        "advertiserId",
        "appId",
        "conversionToken",
        "deduplicationKey",
        "eventsMapping",
        "sendAsCustomEvent",
        "sendAsTestEvent",
        "sendExternalId",
        *CONSENT_SETTINGS,
        *EVENT_LIST_SETTINGS,
    }
)


@dataclass(frozen=True, slots=True)
class _Reader:
    config: dict[str, Any]
    notes: list[str]

    def text(self, key: str) -> str:
        """The setting as trimmed text, "" without one."""
        value = self.config.get(key)
        if value is None:
            return ""
        text = None if type(value) is bool else usable_text(value)
        if text is None:
            if value != "":
                self.notes.append(f"{key} was omitted: it isn't text.")
            return ""
        if text.startswith(("{{", "env.")):
            self.notes.append(f"{key} was omitted: only RudderStack can fill in its value.")
            return ""
        return text

    def flag(self, key: str) -> bool:
        """The setting as yes or no; no without one."""
        value = self.config.get(key)
        if value is None or value == "":
            return False
        flag = bool(value) if value in (0, 1) else boolean(value)
        if flag is None:
            self.notes.append(f"{key} is treated as false: it's neither true nor false.")
            return False
        return flag


def _api_version(value: Any, notes: list[str]) -> str:
    if value is None or value == "":
        return "v5"
    version = API_VERSIONS.get(value.strip().lower()) if type(value) is str else None
    if version is None:
        notes.append("apiVersion is treated as v5: it's neither newApi nor legacyApi.")
        return "v5"
    return version


def _event_map(rows: Any, notes: list[str]) -> tuple[tuple[str, str], ...]:
    if rows is None:
        return ()
    if type(rows) is not list:
        notes.append("eventsMapping was omitted: it isn't a list.")
        return ()
    event_map: dict[tuple[str, str], None] = {}
    for number, row in enumerate(rows, start=1):
        source = row.get("from") if type(row) is dict else None
        target = row.get("to") if type(row) is dict else None
        if type(source) is not str or type(target) is not str or not clean(source):
            notes.append(f"Row {number} of eventsMapping was omitted: it needs “from” and “to”.")
            continue
        name = target_name(target)
        if not name:
            notes.append(f"Row {number} of eventsMapping was omitted: “to” is empty.")
            continue
        if standard_name(target) is None and not is_own_name(clean(target)):
            notes.append(f"Row {number} of eventsMapping: “to” is now {name}.")
        event_map[clean(source), name] = None
    return tuple(event_map)
