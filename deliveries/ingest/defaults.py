"""What a batch says once for all of its events: context, integrations, traits, sentAt.

An event's own values win, key by key. What is null or blank in the event counts as missing, as it
does for every other field that ingest adds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from deliveries.ingest.strict_json import DEEPEST
from deliveries.ingest.texts import is_blank

OBJECTS = ("context", "integrations", "traits")
"""The objects of a batch that are defaults of the events in it."""


@dataclass(frozen=True, slots=True)
class BatchDefaults:
    """``objects``: those of ``OBJECTS`` that the batch has; ``sent_at``: None without one."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent_at: Any = None

    def size(self) -> int:
        """Bytes that they may add to each event."""
        try:
            return len(orjson.dumps(self.objects))
        except TypeError:  # something that JSON cannot hold; found with each event
            return sum(map(_rough_size, self.objects.values()))


NO_DEFAULTS = BatchDefaults()


def read_defaults(batch: dict[str, Any]) -> BatchDefaults:
    """The defaults that stand beside the list of events; NO_DEFAULTS without any."""
    objects = {name: batch[name] for name in OBJECTS if isinstance(batch.get(name) or None, dict)}
    sent_at = batch.get("sentAt")
    if is_blank(sent_at):
        return BatchDefaults(objects) if objects else NO_DEFAULTS
    return BatchDefaults(objects, sent_at)


def with_defaults(event: dict[str, Any], defaults: BatchDefaults) -> dict[str, Any]:
    """The event with what it lacks; the same object when it lacks nothing. Changes no argument."""
    added: dict[str, Any] = {}
    for name, default in defaults.objects.items():
        own = event.get(name)
        merged = _merge(default, own)
        if merged is not own:
            added[name] = merged
    if defaults.sent_at is not None and is_blank(event.get("sentAt")):
        added["sentAt"] = defaults.sent_at
    return {**event, **added} if added else event


def _rough_size(value: Any) -> int:
    """About the bytes of a value in JSON, however deep it is."""
    unseen, size = [value], 0
    while unseen:
        one = unseen.pop()
        size += 2
        if isinstance(one, dict):
            size += sum(len(key) + 3 for key in one)
            unseen += one.values()
        elif isinstance(one, list):
            unseen += one
        else:
            size += len(str(one))
    return size


def _merge(default: Any, own: Any, depth: int = 1) -> Any:
    """Objects key by key, to the bottom; of everything else the event's own, if it has one."""
    if is_blank(own):
        return default
    if not isinstance(own, dict) or not isinstance(default, dict) or depth > DEEPEST:
        return own
    changed = {}
    for key, value in default.items():
        mine = own.get(key)
        merged = _merge(value, mine, depth + 1)
        if merged is not mine:
            changed[key] = merged
    # The event's own keys stay in their order, before those that it lacked.
    return {**own, **changed} if changed else own
