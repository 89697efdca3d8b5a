"""``GET /metrics``: hands out the last snapshot, and adds what the processes counted."""

from __future__ import annotations

import secrets
from ipaddress import ip_address

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from deliveries.ingest import responses
from deliveries.ingest.addresses import find_request_ip
from deliveries.metrics.collecting import NAME
from deliveries.metrics.families import render
from deliveries.models import Snapshot
from deliveries.stats.process_metrics import read_all


@csrf_exempt
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """One row by its key, and small files. 404 until METRICS_TOKEN or METRICS_ALLOWED_IPS is set.

    Without a database, what the processes counted is still there.
    """
    if not settings.METRICS_ON:
        return responses.refused(404, responses.UNKNOWN_PATH)
    if not (_has_token(request) or _is_allowed(request)):
        if settings.METRICS_TOKEN:
            return responses.refused(401, "unauthorized", {"WWW-Authenticate": "Bearer"})
        return responses.refused(403, "forbidden")
    try:
        text = Snapshot.objects.filter(name=NAME).values_list("text", flat=True).first() or ""
    except DatabaseError:
        text = ""
    text += render(read_all(settings.METRICS_DIR, timezone.now().timestamp()))
    return HttpResponse(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _has_token(request: HttpRequest) -> bool:
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return (
        bool(settings.METRICS_TOKEN)
        and scheme.lower() == "bearer"
        and secrets.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())
    )


def _is_allowed(request: HttpRequest) -> bool:
    address = find_request_ip(
        request.META, settings.TRUSTED_PROXY_COUNT, settings.TRUSTED_PROXY_HEADER
    )
    return bool(address) and any(
        ip_address(address) in network for network in settings.METRICS_ALLOWED_IPS
    )
