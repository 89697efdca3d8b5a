"""Is it up, and which version is it? What load balancers, probes and robots ask."""

from __future__ import annotations

import logging

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from deliveries.doctor.seen import is_ours
from deliveries.ingest import responses
from deliveries.ingest.addresses import find_request_ip
from deliveries.ingest.envelope import to_text
from deliveries.stats import storage

logger = logging.getLogger(__name__)


@csrf_exempt
@never_cache
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """200 with RudderStack's words when this process can store events, else 503."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except DatabaseError as error:
        logger.error("The database doesn't respond: %s.", type(error).__name__)
        return responses.refused(503, responses.NO_DATABASE)
    if not storage.watch.is_fine():
        return responses.refused(503, responses.NO_STORAGE)
    return JsonResponse(
        {
            "appType": "EMBEDDED",
            "server": "UP",
            "db": "UP",
            "acceptingEvents": "TRUE",
            "routingEvents": "TRUE",
            "mode": "NORMAL",
            "backendConfigMode": "JSON",
            "lastSync": to_text(timezone.now()),
            "lastRegulationSync": "",
        }
    )


@csrf_exempt
@never_cache
@require_safe
def root(request: HttpRequest) -> HttpResponse:
    """The admin for a person's browser; for a probe the same as /health, as at RudderStack."""
    if "text/html" in request.META.get("HTTP_ACCEPT", ""):
        return redirect("admin:index")
    return health(request)


@csrf_exempt
@require_safe
def version(request: HttpRequest) -> HttpResponse:
    """What is running; for a test request of this installation also how it was asked."""
    answer: dict[str, object] = {
        "Version": settings.VERSION,
        "Commit": settings.COMMIT,
        "BuildDate": "",
        "BuiltBy": "CAPI Relay",
        "Features": {},
    }
    if is_ours(request.META):
        address = find_request_ip(
            request.META, settings.TRUSTED_PROXY_COUNT, settings.TRUSTED_PROXY_HEADER
        )
        answer["Seen"] = {"scheme": request.scheme, "address": address}
    return JsonResponse(answer)


@csrf_exempt
@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    return HttpResponse("User-agent: * \nDisallow: / \n", content_type=responses.PLAIN_TEXT)


@csrf_exempt
def unknown_path(request: HttpRequest, **_: str) -> HttpResponse:
    """An SDK reads the answer, so it is text and not a page."""
    return responses.refused(404, responses.UNKNOWN_PATH)
