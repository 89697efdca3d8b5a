"""Entries in the history for what people do with deliveries, and for exports of the log."""

from __future__ import annotations

from dataclasses import replace

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest
from django.utils import translation

from admin_base.site import signed_in
from deliveries.models import Delivery
from deliveries.privacy.masking import mask_text
from deliveries.search import Names, read_selection
from destinations.models import Destination, Source


def note_deliveries(request: HttpRequest, ids: list[int], message: str) -> None:
    """Who did what with which deliveries: one entry, in the history of a single one."""
    LogEntry.objects.create(
        user_id=signed_in(request).pk,
        content_type=ContentType.objects.get_for_model(Delivery),
        object_id=str(ids[0]) if len(ids) == 1 else None,
        object_repr=f"Delivery {ids[0]}" if len(ids) == 1 else _deliveries(len(ids)),
        action_flag=CHANGE,
        change_message=message,
    )


def _deliveries(count: int) -> str:
    """For the history, which is kept in English."""
    return "1 delivery" if count == 1 else f"{count:,} deliveries"


def note_export(request: HttpRequest, kind: str) -> None:
    """Who took what out of the log: the filters in words, and of a search only that it was one."""
    with translation.override("en"):
        said = f"Exported as {kind.upper()}: {_say_filters(request)}."
    LogEntry.objects.create(
        user_id=signed_in(request).pk,
        content_type=ContentType.objects.get_for_model(Delivery),
        object_repr="Delivery log",
        action_flag=CHANGE,
        change_message=said,
    )


def _say_filters(request: HttpRequest) -> str:
    if request.GET.get("q"):
        return "a search"
    try:
        selection = read_selection(request.GET)
    except (ValueError, OverflowError):
        return "a filter that can't be read, so nothing"
    names = Names(
        dict(Destination.objects.values_list("pk", "name")),
        dict(Source.objects.values_list("pk", "name")),
    )
    said = replace(
        selection,
        event_name=mask_text(selection.event_name),
        conversion_name=mask_text(selection.conversion_name),
    ).say(names)
    return "; ".join(f"{what}: {which}" for what, which in said) or "everything"
