"""Django's page of an error with ``DEBUG``: where it happened, and nothing that somebody could use.

A page that is shown by mistake, or copied into a ticket, must not hold passwords, keys, cookies,
what a form or a link carried, or what stood in variables: those can be tokens and personal data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import FrameType
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.http import HttpRequest, RawPostDataException, UnreadablePostError
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

from capi_project.log_lines import CLIENT_ERRORS

_USER_AND_PASSWORD = re.compile(r"(?<=://)[^/\s]*@")
_HARMLESS = (bool, int, float, type(None))
_SHORTEST = 6
"""A shorter text is everywhere in a page: nobody could read what is left."""


class Filter(SafeExceptionReporterFilter):
    """Settings without secrets, headers and cookies without values that count, no variables."""

    hidden_settings = re.compile(
        r"API|AUTH|TOKEN|KEY|SECRET|PASS|SIGNATURE|COOKIE|CREDENTIAL"
        r"|DATABASE_URL|REDIS_URL|BROKER_URL|QUERY_STRING|REFERER",
        re.IGNORECASE,
    )

    def cleanse_setting(self, key: Any, value: Any) -> Any:
        cleansed = super().cleanse_setting(key, value)
        if isinstance(cleansed, str):
            return _USER_AND_PASSWORD.sub(f"{self.cleansed_substitute}@", cleansed)
        return cleansed

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, str]:
        return dict.fromkeys(getattr(request, "COOKIES", ()), self.cleansed_substitute)

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, str]:
        return dict.fromkeys(request.POST if request else (), self.cleansed_substitute)

    def get_traceback_frame_variables(  # type: ignore[override]  # Django's own returns a list, too
        self, request: HttpRequest, tb_frame: FrameType
    ) -> list[tuple[str, Any]]:
        """Numbers as they are, of all else the type."""
        return [
            (name, value if type(value) in _HARMLESS else _Type(value))
            for name, value in tb_frame.f_locals.items()
        ]


class Reporter(ExceptionReporter):
    """The page itself, with the secrets that an error's own text may quote replaced."""

    def __init__(self, request: HttpRequest | None, *rest: Any, **options: Any) -> None:
        if request is not None and not _can_be_read(request):
            request = None  # Django would fail again while it draws the page
        super().__init__(request, *rest, **options)

    def get_traceback_data(self) -> dict[str, Any]:
        data: dict[str, Any] = super().get_traceback_data()
        if self.request is not None:
            hidden = self.filter.cleansed_substitute
            data["request_GET_items"] = [(name, hidden) for name in self.request.GET]
            data["request_insecure_uri"] = data["request_insecure_uri"].partition("?")[0]
        return data

    def get_traceback_html(self) -> SafeString:
        return mark_safe(self._without_secrets(super().get_traceback_html()))

    def get_traceback_text(self) -> SafeString:
        return mark_safe(self._without_secrets(super().get_traceback_text()))

    def _without_secrets(self, page: str) -> str:
        found = set(_secrets_of_settings()) | set(_secrets_of_request(self.request))
        for secret in sorted(found, key=len, reverse=True):
            if len(secret) >= _SHORTEST:
                page = page.replace(escape(secret), self.filter.cleansed_substitute)
                page = page.replace(secret, self.filter.cleansed_substitute)
        return page


class _Type:
    """Stands for a value of which only the type is shown."""

    def __init__(self, value: Any) -> None:
        self._name = type(value).__name__

    def __repr__(self) -> str:
        return f"<{self._name}>"


def _can_be_read(request: HttpRequest) -> bool:
    """Whether its parameters are known: there may be too many of them, or the body is broken."""
    try:
        return len(request.GET) + len(request.POST) >= 0
    except (*CLIENT_ERRORS, RawPostDataException, UnreadablePostError):
        return False


def _secrets_of_settings() -> Iterator[str]:
    yield settings.SECRET_KEY
    yield from settings.TOKEN_ENCRYPTION_KEYS
    for database in settings.DATABASES.values():
        yield str(database.get("PASSWORD") or "")
    for url in (settings.DATABASE_URL, settings.REDIS_URL, settings.CELERY_BROKER_URL):
        password = urlsplit(url).password or ""
        yield from (password, unquote(password))


def _secrets_of_request(request: HttpRequest | None) -> Iterator[str]:
    if request is None:
        return
    yield from request.COOKIES.values()
    yield str(request.META.get("HTTP_AUTHORIZATION") or "").partition(" ")[2]
    for sent in (request.GET, request.POST):
        for _, values in sent.lists():
            yield from map(str, values)
