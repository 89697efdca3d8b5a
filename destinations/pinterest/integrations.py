"""The ``integrations`` object of an event: is this destination meant, and what is set for it?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from .cleaning import clean
from .values import boolean, usable_text

# What most SDKs send with every event.
_ALL_ON = {"All": True}

_PINTEREST = frozenset(
    {
        "pinterest",
        # RudderStack's "Pinterest Tag" and PINTEREST_TAG.
        "pinteresttag",
        # Segment's "Pinterest Conversions API", and how people shorten it.
        "pinterestconversionsapi",
        "pinterestconversionapi",
        "pinterestconversions",
        "pinterestapiforconversions",
        "pinterestcapi",
        "pinterestapi",
        "pinterestads",
    }
)
# Segment puts a word before or behind the names of its own kind of destinations.
_FRAMEWORK = "actions"


def integration_names(destination_name: str) -> frozenset[str]:
    """The folded names this destination answers to: the usual ones for Pinterest, and its own."""
    return (_PINTEREST | {fold_name(destination_name)}) - {"", "all"}


def fold_name(name: str) -> str:
    """Only the letters and digits of a name, without case: "Pinterest Tag" and PINTEREST_TAG
    alike."""
    folded = clean(name).casefold()
    folded = "".join(filter(str.isalnum, folded)) or folded
    if folded not in _PINTEREST:
        for bare in (folded.removeprefix(_FRAMEWORK), folded.removesuffix(_FRAMEWORK)):
            if bare in _PINTEREST:
                return bare
    return folded


def is_switched_off(integrations: Any, names: frozenset[str]) -> bool:
    """Whether the event says no for this destination, or for all without naming this one."""
    if integrations == _ALL_ON:
        return False
    all_off = named = False
    for key, value in _entries(integrations):
        folded = fold_name(key)
        if folded == "all":
            all_off = boolean(value) is False
        elif folded in names:
            if boolean(value) is False:
                return True
            named = named or not (
                value is None or (type(value) is str and usable_text(value) is None)
            )
    return all_off and not named


def integration_settings(integrations: Any, names: frozenset[str]) -> Iterable[dict[str, Any]]:
    """The objects that the event sets for this destination (an object there means on)."""
    return () if integrations == _ALL_ON else _settings(integrations, names)


def _settings(integrations: Any, names: frozenset[str]) -> Iterator[dict[str, Any]]:
    for key, value in _entries(integrations):
        if type(value) is dict and fold_name(key) in names:
            yield value


def _entries(integrations: Any) -> Iterator[tuple[str, Any]]:
    """The switches of an object, or of JSON text that is one, as pixels and forms send it."""
    if type(integrations) is str and integrations.lstrip()[:1] == "{":
        try:
            integrations = orjson.loads(integrations)
        except ValueError:
            return
    if type(integrations) is dict:
        yield from integrations.items()
