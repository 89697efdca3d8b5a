"""How many of the last events a destination would filter, with values that aren't saved yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext

from deliveries.admin.preview_page import RECENT_AMONG, read_config
from deliveries.db.compression import unpack
from deliveries.error_codes import meaning_of
from deliveries.models import Event
from deliveries.querysets import small_body
from destinations.models import Destination
from destinations.pinterest.findings import EventFiltered, EventRejected
from destinations.pinterest.transform import TransformConfig, conversion_names

LOOKED_AT = 1_000
MAX_SENTENCES = 3
"""Of one code: the most frequent ones."""


@dataclass(slots=True)
class Reason:
    """Why events would be filtered: the code, how many, and the most frequent sentences."""

    code: str
    count: int = 0
    sentences: Counter[str] = field(default_factory=Counter)

    @property
    def meaning(self) -> str:
        return meaning_of(self.code)

    @property
    def examples(self) -> list[tuple[str, int]]:
        return self.sentences.most_common(MAX_SENTENCES)


@dataclass(slots=True)
class Tally:
    """What was counted: events looked at, those without a body, and reasons by frequency."""

    count: int = 0
    unread_count: int = 0
    filtered_count: int = 0
    saved_count: int | None = None
    """How many the saved destination filters; None without a saved one."""
    reasons: dict[str, Reason] = field(default_factory=dict)

    @property
    def by_frequency(self) -> list[Reason]:
        return sorted(self.reasons.values(), key=lambda reason: -reason.count)


def filtered_view(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Counts what the posted form would filter among the newest events of its sources.

    Only for those who may save the form: rules answer questions on values that others may not see.
    """
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    verb = "change" if pk else "add"
    if not request.user.has_perm(f"destinations.{verb}_destination"):
        raise PermissionDenied
    destination = get_object_or_404(Destination, pk=pk) if pk else Destination()
    saved = destination.transform_config() if pk else None
    source_ids = _source_ids(request, destination)
    config, problems, is_unsaved = read_config(request, destination)
    tally = None
    if config is not None:
        tally = count_filtered(read_recent(source_ids), config, saved if is_unsaved else None)
    context = {
        **admin.site.each_context(request),
        "title": (gettext("Recent events: %(name)s") % {"name": destination.name})
        if destination.name
        else gettext("Recent events"),
        "opts": Destination._meta,
        "pk": pk,
        "problems": problems,
        "tally": tally,
        "is_unsaved": is_unsaved,
        "has_sources": bool(source_ids),
    }
    return TemplateResponse(request, "admin/destinations/destination/filtered.html", context)


def _source_ids(request: HttpRequest, destination: Destination) -> list[int]:
    if "advertiser_id" in request.POST:
        return [int(one) for one in request.POST.getlist("sources") if one.isdecimal()]
    return list(destination.sources.values_list("pk", flat=True)) if destination.pk else []


def read_recent(source_ids: list[int]) -> list[bytes | memoryview | None]:
    """The stored bodies of the newest events of these sources, None for one that is large or gone.

    Two queries; the second reads a range of IDs.
    """
    newest = Event.objects.order_by("-pk").values_list("pk", flat=True).first()
    if newest is None or not source_ids:
        return []
    found = Event.objects.filter(source_id__in=source_ids, pk__gt=newest - RECENT_AMONG)
    return list(found.order_by("-pk").values_list(small_body(), flat=True)[:LOOKED_AT])


def count_filtered(
    bodies: Iterable[bytes | memoryview | None],
    config: TransformConfig,
    saved: TransformConfig | None,
) -> Tally:
    """What these settings would filter, and how much of it the saved ones do."""
    tally = Tally(saved_count=0 if saved is not None else None)
    for body in bodies:
        if body is None:
            tally.unread_count += 1
            continue
        tally.count += 1
        event = orjson.loads(unpack(body))
        filtered = _filtered(event, config)
        if filtered is not None:
            tally.filtered_count += 1
            reason = tally.reasons.setdefault(filtered.code, Reason(filtered.code))
            reason.count += 1
            reason.sentences[filtered.message] += 1
        if saved is not None and tally.saved_count is not None:
            tally.saved_count += _filtered(event, saved) is not None
    return tally


def _filtered(event: dict[str, Any], config: TransformConfig) -> EventFiltered | None:
    try:
        conversion_names(event, config)
    except EventFiltered as filtered:
        return filtered
    except EventRejected:
        return None  # nothing to do with who may be sent
    return None
