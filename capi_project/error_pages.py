"""What is shown when a page breaks: not every failure is a fault of the page."""

from __future__ import annotations

import errno
import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.views import defaults

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


def server_error(request: HttpRequest) -> HttpResponse:
    """503 when nothing can be stored or the database does not answer, else 500."""
    if _is_about_storage(sys.exc_info()[1]):
        return HttpResponse(
            loader.get_template("503.html").render(), status=503, headers={"Retry-After": "30"}
        )
    return defaults.server_error(request)


def _is_about_storage(error: BaseException | None) -> bool:
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM
    return isinstance(error, OperationalError | InterfaceError)
