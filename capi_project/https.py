"""Pages that were asked for without TLS are redirected, where HTTPS_ONLY says so."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.middleware.security import SecurityMiddleware

from deliveries.ingest.schemes import came_in_clear


class HttpsMiddleware(SecurityMiddleware):
    """Django's, but not for a proxy that doesn't say how it was asked: that would never end."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        if not (self.redirect and came_in_clear(request)):
            return None
        return super().process_request(request)
