"""Changing single rows of an event map, with what the history says of it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from destinations.forms import EventMappingForm
from destinations.models import Destination, EventMapping
from destinations.pinterest.rule_gate import fold_event_name
from destinations.routing import forget_routes

ROW = "event map row"

Entry = dict[str, Any]
"""A part of a structured change message, as ``change_history`` makes them."""


def map_event(destination: Destination, name: str, target: str) -> list[Entry]:
    """Let the event ``name`` become ``target`` and nothing else; returns what changed, if anything.

    Raises ValidationError for a name or target that the event map can't hold.
    """
    with transaction.atomic():
        Destination.objects.select_for_update().filter(pk=destination.pk).first()
        form = EventMappingForm(
            {"source_event_name": name, "pinterest_event_name": target},
            instance=EventMapping(destination=destination),
        )
        if not form.is_valid():
            raise ValidationError([text for texts in form.errors.values() for text in texts])
        row = form.instance
        rows = rows_of(destination, row.source_event_name)
        same = [one for one in rows if one.pinterest_event_name == row.pinterest_event_name]
        found = [_remove(one) for one in rows if one not in same]
        if not same:
            row.save()
            found.append({"added": {"name": ROW, "object": str(row)}})
        transaction.on_commit(forget_routes)
    return found


def unmap_event(destination: Destination, row_id: int) -> list[Entry]:
    """Remove one row; returns what changed, nothing if it is gone already."""
    with transaction.atomic():
        row = destination.event_mappings.filter(pk=row_id).select_for_update().first()
        found = [_remove(row)] if row is not None else []
        transaction.on_commit(forget_routes)
    return found


def rows_of(destination: Destination, name: str) -> list[EventMapping]:
    """The rows for this event, whatever its case."""
    folded = fold_event_name(name)
    return [
        row
        for row in destination.event_mappings.all()
        if fold_event_name(row.source_event_name) == folded
    ]


def _remove(row: EventMapping) -> Entry:
    entry = {"deleted": {"name": ROW, "object": str(row)}}
    row.delete()
    return entry
