"""What a RudderStack destination config says of consent and of event names that aren't sent.

RudderStack stores consent settings by kind of source (cloud, web, …); what it hands to a
destination is the list of one of them. Both are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .cleaning import clean
from .consent_gate import KETCH_PURPOSES, ONETRUST_COOKIES, ConsentBlock

CONSENT_SETTINGS = ("consentManagement", ONETRUST_COOKIES, KETCH_PURPOSES)
EVENT_LIST_SETTINGS = ("eventFilteringOption", "whitelistedEvents", "blacklistedEvents")

_DEFAULT_PROVIDER = "oneTrust"
_OLDER_KEYS = {ONETRUST_COOKIES: "oneTrustCookieCategory", KETCH_PURPOSES: "purpose"}
_LISTS = {"whitelistedEvents": "allow", "blacklistedEvents": "deny"}
# What arrives here are a server's events: the settings of cloud sources come first.
_FIRST_KIND = "cloud"


def read_consent(config: dict[str, Any], notes: list[str]) -> tuple[ConsentBlock, ...]:
    """The consent blocks of a config; what cannot be read is noted."""
    blocks = list(_blocks(config, notes))
    for setting, key in _OLDER_KEYS.items():
        consents = _texts(_of_one_kind(setting, config, notes), key)
        if consents:
            strategy = "or" if setting == KETCH_PURPOSES else "and"
            blocks.append(ConsentBlock(setting, strategy, consents))
    return tuple(blocks)


def _blocks(config: dict[str, Any], notes: list[str]) -> Iterator[ConsentBlock]:
    setting = "consentManagement"
    for number, row in enumerate(_of_one_kind(setting, config, notes), start=1):
        if type(row) is not dict:
            notes.append(f"Row {number} of {setting} was omitted: it isn't an object.")
            continue
        provider = row.get("provider") or _DEFAULT_PROVIDER
        consents = _texts(row.get("consents"), "consent")
        if not consents:
            continue  # RudderStack's form leaves such blocks behind
        if type(provider) is not str or not provider.isalnum():
            notes.append(f"Row {number} of {setting} was omitted: it has no known provider.")
            continue
        strategy = "or" if row.get("resolutionStrategy") in ("or", "any") else "and"
        yield ConsentBlock(provider, strategy, consents)


def _of_one_kind(setting: str, config: dict[str, Any], notes: list[str]) -> list[Any]:
    """The list of a setting: itself, or that of one kind of source."""
    value = config.get(setting)
    if type(value) is dict:
        lists = {kind: one for kind, one in value.items() if type(one) is list and one}
        if not lists:
            return []
        kind = _FIRST_KIND if _FIRST_KIND in lists else next(iter(lists))
        if any(one != lists[kind] for one in lists.values()):
            notes.append(
                f"{setting} differs by source: that of {clean(kind)[:50]} sources was used."
            )
        return lists[kind]
    if type(value) is list:
        return value
    if value not in (None, ""):
        notes.append(f"{setting} was omitted: it isn't a list.")
    return []


def _texts(rows: Any, key: str) -> tuple[str, ...]:
    """The texts at ``key``, each once and as they are: RudderStack compares with case and
    blanks."""
    if type(rows) is not list:
        return ()
    found = (row.get(key) for row in rows if type(row) is dict)
    return tuple(dict.fromkeys(one for one in found if type(one) is str and one.strip()))


def read_event_list(config: dict[str, Any], notes: list[str]) -> tuple[str, tuple[str, ...]]:
    """The mode of the event list (off, allow, deny), and its names."""
    option = config.get("eventFilteringOption")
    mode = _LISTS.get(option, "off") if type(option) is str else "off"
    if mode == "off":
        return "off", ()
    assert type(option) is str
    names = tuple(dict.fromkeys(filter(None, map(clean, _texts(config.get(option), "eventName")))))
    if not names:
        notes.append(f"{option} was omitted: it has no event names.")
        return "off", ()
    return mode, names
