"""The outermost middleware: an ID for each request, its duration, and one line on a refusal.

What a line says of a request is bounded and names nobody: the route instead of the URL, and what
a view left in ``request.log_fields``.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from capi_project.log_lines import request_id
from capi_project.web import pool_chooser
from deliveries.ingest.urls import direct_views
from deliveries.stats.process_metrics import note_request

logger: Any = structlog.stdlib.get_logger(__name__)

ID_HEADER = "X-Request-ID"
_USABLE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")


class ObservedRequests:
    """Takes over the sender's ``X-Request-ID`` or makes one; every line of the log has it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._kind_of = pool_chooser(settings.URL_PREFIX)
        prefix = f"/{settings.URL_PREFIX}/" if settings.URL_PREFIX else "/"
        self._paths = {prefix + path for path in direct_views}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = request.META.get("webserver.complete_at") or time.monotonic()
        sent_id = request.META.get("HTTP_X_REQUEST_ID", "")
        own_id = sent_id if _USABLE_ID.fullmatch(sent_id) else secrets.token_hex(8)
        token = request_id.set(own_id)
        try:
            response = self._get_response(request)
            response.headers[ID_HEADER] = own_id
            seconds = time.monotonic() - started
            note_request(self._kind_of(request.path_info), response.status_code, seconds)
            self._log(request, response, seconds)
        finally:
            request_id.reset(token)
        return response

    def _log(self, request: HttpRequest, response: HttpResponse, seconds: float) -> None:
        """One line: a refusal is the sender's business (INFO), a failure ours (ERROR)."""
        fields: dict[str, Any] = getattr(request, "log_fields", {})
        status = response.status_code
        if status < 400 and not fields.get("refused"):
            write, event = logger.debug, "Request answered"
        elif getattr(response, "_has_been_logged", False):
            return
        elif status < 400:
            write, event = logger.info, "Events refused"
        elif status < 500:
            write, event = logger.info, "Request refused"
        else:
            write, event = logger.error, "Request failed"
        response._has_been_logged = True  # type: ignore[attr-defined]  # Django would warn as well
        write(
            event,
            method=request.method if request.method in _METHODS else "other",
            route=self._route_of(request),
            status=status,
            duration_ms=round(seconds * 1000, 1),
            **fields,
        )

    def _route_of(self, request: HttpRequest) -> str:
        """The pattern that the path matched, and never the path: that may hold anything."""
        if request.path_info in self._paths:
            return request.path_info
        return request.resolver_match.route if request.resolver_match else "unknown"


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
