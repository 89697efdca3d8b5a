"""Whose event IDs everybody who sees the log may read: a dedup key can make one of anything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deliveries.models import Delivery
from deliveries.privacy.masking import HIDDEN, is_readable_path
from destinations.models import Destination
from destinations.pinterest.event import split_path


def has_readable_event_ids(dedup_key: str) -> bool:
    """Whether event IDs made by this key are values that ``masking`` leaves readable."""
    return is_readable_path(split_path(dedup_key))


def with_readable_event_ids() -> frozenset[int]:
    """IDs of the destinations whose own event IDs may be read; one query."""
    keys = Destination.objects.values_list("pk", "dedup_key")
    return frozenset(pk for pk, dedup_key in keys if has_readable_event_ids(dedup_key))


def hides_own_event_id(own: str, dedup_key: str) -> bool:
    """Whether the event ID of a delivery (blank: the message ID) is hidden with personal data.

    ``dedup_key`` is the destination's of today. Without one nobody knows what made an ID that
    differs from the message ID.
    """
    return bool(own) and not has_readable_event_ids(dedup_key)


def hide_event_ids(conversions: Any, readable: Iterable[int] = ()) -> Any:
    """``conversions`` with the event IDs hidden that do not stand at one of the positions."""
    if not isinstance(conversions, list):
        return conversions
    shown = frozenset(readable)
    return [
        {**one, "event_id": HIDDEN}
        if isinstance(one, dict) and "event_id" in one and position not in shown
        else one
        for position, one in enumerate(conversions)
    ]


def message_id_positions(batch_id: int) -> frozenset[int]:
    """The places in a batch whose event ID is the message ID."""
    found = Delivery.objects.filter(batch_id=batch_id, conversion_event_id="")
    positions = found.values_list("batch_position", flat=True)
    return frozenset(position for position in positions if position is not None)
