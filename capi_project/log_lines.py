"""One line in the log for a request that was refused because of what the client sent."""

from __future__ import annotations

import logging

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http.multipartparser import MultiPartParserError

CLIENT_ERRORS = (SuspiciousOperation, BadRequest, MultiPartParserError)
"""What is raised when a client sent something that no page of this product sends."""


class WithoutClientTracebacks(logging.Filter):
    """Drops the traceback of a forged Host header, of too many parameters, of a broken form.

    Django logs them as if the code had failed; anybody could fill the log with that. The line
    itself stays.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], CLIENT_ERRORS):
            record.exc_info = record.exc_text = None
        return True
