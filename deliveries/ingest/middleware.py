"""The first middleware: what SDKs and probes ask goes straight to its view.

Ingest has no sessions, cookies, messages, forms or pages. What the other middleware does for
those takes longer than all that ingest does itself before the database (measured).
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from deliveries.ingest.urls import direct_views

View = Callable[[HttpRequest], HttpResponse]


class IngestFront:
    """Looks the path up among those of ``urls.direct_views``; all others go the usual way."""

    def __init__(self, get_response: View) -> None:
        self._get_response = get_response
        prefix = f"/{settings.URL_PREFIX}/" if settings.URL_PREFIX else "/"
        self._views: dict[str, View] = {prefix + path: view for path, view in direct_views.items()}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._views.get(request.path_info, self._get_response)(request)
