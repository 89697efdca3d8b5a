"""Send a corrected copy: the event of a delivery that failed, mended by a person, as a new one."""

from __future__ import annotations

from typing import Any

import orjson
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from deliveries.admin.history_notes import note_deliveries
from deliveries.db.compression import unpack
from deliveries.identity.reading import People
from deliveries.ingest.corrected_copy import prefill, read_copy, store_copy
from deliveries.ingest.refusals import RefusedEvent
from deliveries.ingest.responses import BodyRefused
from deliveries.models import Delivery, Event
from deliveries.phrases import pretty
from deliveries.privacy.masked_rows import sees_personal_data
from deliveries.statuses import RETRYABLE_BY_A_PERSON
from destinations.models import Destination, Source
from destinations.pinterest.preview import preview_event

MAX_CHARACTERS = 600_000
"""More than the largest event has, written with indents or not."""
Problem = dict[str, str]


def correct_view(request: HttpRequest, pk: int) -> HttpResponse:
    """The form; a POST stores the copy if it can be sent, and says what keeps it otherwise.

    For those who may retry, and may see what they change.
    """
    if not request.user.has_perm("deliveries.operate_delivery") or not sees_personal_data(
        request.user
    ):
        raise PermissionDenied
    delivery = get_object_or_404(Delivery, pk=pk)
    event = Event.objects.filter(pk=delivery.event_id).first()
    source = Source.objects.filter(pk=event.source_id).first() if event else None
    destination = Destination.objects.filter(pk=delivery.destination_id).first()
    page = reverse("admin:deliveries_delivery_change", args=[pk])
    if (
        event is None
        or event.body is None
        or source is None
        or destination is None
        or destination.archived_at is not None
        or delivery.status not in RETRYABLE_BY_A_PERSON
    ):
        messages.warning(
            request,
            gettext(
                "A corrected copy can't be sent: the delivery isn't open to retries, or its event, "
                "source, or destination is gone."
            ),
        )
        return HttpResponseRedirect(page)
    text = pretty(prefill(orjson.loads(unpack(event.body))))
    problems: list[Problem] = []
    if request.method == "POST":
        text = request.POST.get("event", "")
        copy, problems = _send(text, delivery, source, destination)
        if copy is not None:
            note_deliveries(request, [pk], f"Sent a corrected copy: delivery {copy.pk}.")
            note_deliveries(request, [copy.pk], f"Created as a corrected copy of delivery {pk}.")
            messages.success(request, gettext("The corrected copy was stored and is sent now."))
            return HttpResponseRedirect(reverse("admin:deliveries_delivery_change", args=[copy.pk]))
    context = {
        **admin.site.each_context(request),
        "title": gettext("Send a corrected copy"),
        "opts": Delivery._meta,
        "original": delivery,
        "event": event,
        "destination": destination,
        "source": source,
        "text": text[:MAX_CHARACTERS],
        "problems": problems,
        "error": {
            "code": delivery.error_code,
            "field": delivery.error_field,
            "message": delivery.error_message,
        },
    }
    return TemplateResponse(request, "admin/deliveries/delivery/correct.html", context)


def _send(
    text: str, delivery: Delivery, source: Source, destination: Destination
) -> tuple[Delivery | None, list[Problem]]:
    """The delivery of the copy; or why there is none, and then nothing was stored."""
    if len(text) > MAX_CHARACTERS:
        return None, [_problem("event_too_large", gettext("This event is too large."))]
    now = timezone.now()
    try:
        judged = read_copy(text, delivery.pk, now)
    except BodyRefused as refused:
        reason = refused.__cause__ or refused.text
        return None, [
            _problem(
                "not_json",
                gettext("The event isn't valid JSON: %(error)s.") % {"error": reason},
            )
        ]
    if judged is None:
        return None, [
            _problem("too_many_copies", gettext("This delivery has too many corrected copies."))
        ]
    if isinstance(judged, RefusedEvent):
        return None, [_problem(judged.code, judged.message, judged.field)]
    recalled = People().of(source.space, judged.event)
    answer: dict[str, Any] = preview_event(
        judged.event,
        destination.transform_config(),
        now.timestamp(),
        recalled.memory if recalled else None,
    )
    if answer["status"] == "filtered":
        return None, [answer["reason"]]
    if answer["status"] != "ok":
        return None, answer["errors"]
    copy = store_copy(delivery, source, destination, judged, now)
    if copy is None:
        return None, [_problem("not_stored", gettext("The copy wasn't stored. Try again."))]
    return copy, []


def _problem(code: str, message: str, field: str = "") -> Problem:
    return {"code": code, "field": field, "message": message}
