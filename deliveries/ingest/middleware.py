"""The first middleware: what SDKs and probes ask goes straight to its view.

Ingest has no sessions, cookies, messages, forms or pages. What the other middleware does for
those takes longer than all that ingest does itself before the database (measured).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse

from deliveries.ingest import responses, status
from deliveries.ingest.cors import allow_origin
from deliveries.ingest.schemes import came_in_clear
from deliveries.ingest.urls import direct_views, key_views, tolerant_paths, unknown_folders

View = Callable[[HttpRequest], HttpResponse]

_SLASHES = re.compile("/+")


class IngestFront:
    """Looks the path up among those of ``urls.direct_views``; all others go the usual way."""

    def __init__(self, get_response: View) -> None:
        self._get_response = get_response
        prefix = f"/{settings.URL_PREFIX}/" if settings.URL_PREFIX else "/"
        self._views: dict[str, View] = {
            prefix + path: _without_clear_text(view) if path in key_views else view
            for path, view in direct_views.items()
        }
        self._spellings = {plain_path(prefix + path): prefix + path for path in tolerant_paths}
        self._unknown = tuple(prefix + folder for folder in unknown_folders)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        view = self._views.get(request.path_info)
        if view is None:
            meant = self._spellings.get(plain_path(request.path_info), "")
            view = self._views.get(meant)
        if view is None:
            if _length_of(request) > settings.MAX_REQUEST_BYTES:
                return responses.refused(413, responses.TOO_LARGE)
            if not request.path_info.startswith(self._unknown):
                return self._get_response(request)
            view = status.unknown_path
        try:
            return view(request)
        except SuspiciousOperation:  # such as more than 1,000 parameters; Django answers a page
            return responses.refused(400, responses.UNREADABLE_REQUEST)


def _without_clear_text(view: View) -> View:
    """Where HTTPS_ONLY says so, an SDK is told to send its key over TLS, and nothing is taken."""
    if not settings.HTTPS_ONLY:
        return view

    def refuse_or_go_on(request: HttpRequest) -> HttpResponse:
        if not came_in_clear(request):
            return view(request)
        response = responses.refused(403, responses.NOT_HTTPS)
        allow_origin(response, request.META, ())
        return response

    return refuse_or_go_on


def _length_of(request: HttpRequest) -> int:
    """The announced size of the body; the server has not read one that is too large."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def plain_path(path: str) -> str:
    """The path as it was meant by whoever configured a host with a slash at its end.

    ``//v1/batch``, ``/v1/track/`` and ``/V1/Track`` are answered by no other page, so an SDK that
    sends there would lose its events.
    """
    return _SLASHES.sub("/", path).strip().rstrip("/ ").lower()
