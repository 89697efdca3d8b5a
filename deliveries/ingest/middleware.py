"""The first middleware: events go straight to their view.

Ingest has no sessions, cookies, messages, forms or pages. What the other middleware does for
those takes longer than all that ingest does itself before the database (measured).
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from deliveries.ingest import status
from deliveries.ingest.urls import event_views
from deliveries.stats.health import readyz

View = Callable[[HttpRequest], HttpResponse]


class IngestFront:
    """Looks the path up among those of events; all others go the usual way.

    /, /health and /readyz are among them because probes ask by address, under names that
    ALLOWED_HOSTS lacks, and without TLS.
    """

    def __init__(self, get_response: View) -> None:
        self._get_response = get_response
        prefix = f"/{settings.URL_PREFIX}/" if settings.URL_PREFIX else "/"
        probes = {"": status.root, "health": status.health, "readyz": readyz}
        views: dict[str, View] = {**event_views, **probes}
        self._views = {prefix + path: view for path, view in views.items()}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._views.get(request.path_info, self._get_response)(request)
