"""What ingest answers: plain text, with the statuses and sentences that RudderStack's SDKs know.

Never JSON: rudder-sdk-python treats a 4xx with a JSON body that lacks ``code`` as a network fault
and sends the whole batch again.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpResponse

PLAIN_TEXT = "text/plain; charset=utf-8"

NO_WRITE_KEY_IN_HEADER = "failed to read writekey from header"
NO_WRITE_KEY_IN_QUERY = "failed to read writekey from query params"
UNKNOWN_WRITE_KEY = "invalid write key"
SOURCE_DISABLED = "source is disabled"
NOT_HTTPS = "use https: this server accepts no write keys over plain http"
ORIGIN_NOT_ALLOWED = "origin is not allowed"
INVALID_JSON = "invalid json"
UNSUPPORTED_ENCODING = "content encoding is not supported: use gzip, deflate or identity"
UNREADABLE_REQUEST = "failed to read request: too many or invalid parameters"
UNREADABLE_BODY = "failed to read body from request"
EMPTY_BATCH = "empty batch payload"
INVALID_EVENT = "event is not a valid rudder event"
NO_IDENTITY = "request neither has anonymousId nor userId"
TOO_LARGE = "request size exceeds max limit"
TOO_MANY_REQUESTS = "max requests limit reached"
NO_STORAGE = "events can't be stored at the moment"
NO_DATABASE = "Cannot connect to db"
WRONG_METHOD = "Method Not Allowed"
UNKNOWN_PATH = "404 page not found"


class RequestRefused(Exception):
    """This request is answered with ``status`` and ``text``, and nothing of it was stored."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = dict(headers or {})


class BodyRefused(RequestRefused):
    """The body cannot be used; ``code`` and ``excerpt`` are for the refusals list."""

    def __init__(self, status: int, text: str, code: str, excerpt: bytes = b"") -> None:
        accepts = {"Accept-Encoding": "gzip, deflate, identity"}  # RFC 9110, 15.5.16
        super().__init__(status, text, accepts if status == 415 else None)
        self.code = code
        self.excerpt = excerpt


def accepted() -> HttpResponse:
    """200 ``OK`` without a line end: one mobile SDK compares the whole body."""
    return _plain(b"OK", 200, {})


def refused(status: int, text: str, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """An error as Go's ``http.Error`` writes it."""
    nosniff = {"X-Content-Type-Options": "nosniff"}
    return _plain(f"{text}\n".encode(), status, {**nosniff, **(headers or {})})


def _plain(body: bytes, status: int, headers: Mapping[str, str]) -> HttpResponse:
    # The length as well: without it a server would send the body in chunks.
    headers = {"Content-Length": str(len(body)), **headers}
    return HttpResponse(body, status=status, content_type=PLAIN_TEXT, headers=headers)
