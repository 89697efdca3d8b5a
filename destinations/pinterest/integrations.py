"""The ``integrations`` object of an event: is this destination meant, and what is set for it?"""

from __future__ import annotations

from typing import Any

_PINTEREST = "pinteresttag"
# What most SDKs send with every event.
_ALL_ON = {"All": True}


def integration_names(destination_name: str) -> frozenset[str]:
    """The folded names this destination answers to: RudderStack's two, and its own."""
    return frozenset({_PINTEREST, fold_name(destination_name)} - {""})


def fold_name(name: str) -> str:
    """A name without case, spaces and ``_``: "Pinterest Tag" and PINTEREST_TAG are the same."""
    return "".join(name.casefold().replace("_", " ").split())


def is_switched_off(integrations: Any, names: frozenset[str]) -> bool:
    """Whether the event says false for this destination, or for all without naming this one."""
    if type(integrations) is not dict or integrations == _ALL_ON:
        return False
    all_off = named = False
    for key, value in integrations.items():
        folded = fold_name(key)
        if folded == "all":
            all_off = _is_false(value)
        elif folded in names:
            if _is_false(value):
                return True
            named = named or value is not None
    return all_off and not named


def integration_settings(integrations: Any, names: frozenset[str]) -> dict[str, Any]:
    """What the event sets for this destination (an object there means on); empty for nothing."""
    if type(integrations) is dict and integrations != _ALL_ON:
        for key, value in integrations.items():
            if type(value) is dict and fold_name(key) in names:
                return value
    return {}


def _is_false(value: Any) -> bool:
    return value is False or (type(value) is str and value.strip().lower() == "false")
