"""Pages are in the language that the browser asks for, if the installation has it."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation


class LanguageMiddleware(LocaleMiddleware):
    """Django's, which leaves the language to whatever the thread does next: here it ends.

    That may be the request of an SDK, whose response doesn't depend on who opened a page before.
    """

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with translation.override(translation.get_language()):
            # Under WSGI nothing is awaited.
            return cast(HttpResponseBase, super().__call__(request))
