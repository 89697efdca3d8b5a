"""A source's events that no destination got: which they are, and how to send them after all."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from deliveries.models import Event
from deliveries.search.zones import ZONE, write_moment
from deliveries.source_states import has_route, read_source_states
from deliveries.stats.unrouted import LOOKED_BACK, SENDABLE_FOR, newest_unrouted
from destinations.models import Source

SHOWN = 50
SECONDS = 0.3
"""No other step of looking for them begins after so long."""


def describe_unrouted(request: HttpRequest, source: Source) -> dict[str, Any]:
    """What pages of the source say: its state, and the address of a replay of what is unrouted.

    ``replay_url`` is "" when nobody can send anything: no destination is on, the person may not, or
    Pinterest would accept none of them.
    """
    now = timezone.now()
    state = read_source_states([source], now)[source.pk]
    url = ""
    may_send = request.user.has_perm("deliveries.operate_delivery")
    if state.unrouted and state.unrouted.sendable_count and may_send and has_route(source):
        since = max(state.unrouted.since, now - SENDABLE_FOR + timedelta(minutes=5))
        until = now + timedelta(minutes=1)
        query = {
            "source": source.pk,
            "since": write_moment(since.replace(second=0, microsecond=0)),
            "until": write_moment(until.replace(second=0, microsecond=0)),
            ZONE: timezone.get_current_timezone_name(),
        }
        on = [one.pk for one in source.destinations.all() if one.enabled]
        if len(on) == 1:
            query["destination"] = on[0]
        url = f"{reverse('admin:deliveries_bulkaction_ask', args=['replay'])}?{urlencode(query)}"
    return {"state": state, "unrouted": state.unrouted, "replay_url": url}


def unrouted_events(
    admin: ModelAdmin[Source], request: HttpRequest, source: Source
) -> HttpResponse:
    """The newest of them."""
    if not admin.has_view_permission(request, source):
        raise PermissionDenied
    described = describe_unrouted(request, source)
    events: list[Event] = []
    lowest = None
    if described["unrouted"]:
        deadline = time.monotonic() + SECONDS
        events, lowest = newest_unrouted(
            source.pk,
            timezone.now() - LOOKED_BACK,
            SHOWN,
            lambda: time.monotonic() < deadline,
        )
    context = {
        **admin.admin_site.each_context(request),
        "title": gettext("Unrouted events of %(name)s") % {"name": source.name},
        "opts": admin.opts,
        "source": source,
        "original": source,
        "events": events,
        "is_partial": lowest is not None,
        "shown_count": SHOWN,
        **described,
    }
    return TemplateResponse(request, "admin/destinations/source/unrouted.html", context)
