"""How the log is written: lines for people, or JSON (LOG_FORMAT), without what clients make up.

Everything goes through the standard library's loggers. What structlog's loggers are given as
keywords stays apart in JSON; a line for people has it behind the text.
"""

from __future__ import annotations

import logging
import re
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

import orjson
import structlog
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http.multipartparser import MultiPartParserError

CLIENT_ERRORS = (SuspiciousOperation, BadRequest, MultiPartParserError)
"""What is raised when a client sent something that no page of this product sends."""

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Of the HTTP request that this thread answers; "" in a worker."""

Fields = MutableMapping[str, Any]
_PERSONAL = re.compile(
    # An email address; from the beginning of a word only, so that the time grows with the text.
    r"(?<![^\s@'\"<>=,;:(])[^\s@'\"<>=,;:(]+@[^\s@'\"<>,;)]+\.\w+"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b"  # an IPv4 address
    r"|\b(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F:]+"  # an IPv6 address
    r"|\+?\d[\d ()./-]{8,}\d"  # a phone number
    r"|\b[0-9a-fA-F]{64}\b"  # a hash of one of them
    r"|\bpina_\w+|\bBearer \S+|\bBasic \S+"  # a token
)


class WithoutClientTracebacks(logging.Filter):
    """Drops the traceback of a forged Host header, of too many parameters, of a broken form.

    Django logs them as if the code had failed; anybody could fill the log with that. The line
    itself stays.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], CLIENT_ERRORS):
            record.exc_info = record.exc_text = None
        return True


class WithoutPaths(logging.Filter):
    """Django's own lines on a request name its path, which may hold anything: the route stays."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        if record.name.startswith("django.request") and request is not None:
            match = getattr(request, "resolver_match", None)
            route = match.route if match else "unknown"
            record.args = tuple(
                route if argument == getattr(request, "path", None) else argument
                for argument in (record.args if isinstance(record.args, tuple) else ())
            )
        return True


def make_formatter(in_json: bool) -> logging.Formatter:
    """The formatter of the one handler (settings.LOGGING)."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _add_request_id,
    ]
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    before = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if in_json:
        last: list[Any] = [stamp, structlog.processors.format_exc_info, _mask_exception, _to_json]
    else:
        last = [stamp, structlog.processors.format_exc_info, _mask_exception, _to_line]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[before, *last], use_get_message=True
    )


def configure(in_json: bool) -> None:
    """structlog's loggers are the standard library's; to be called once, with the settings."""
    logging.captureWarnings(in_json)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            _add_request_id,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def mask(text: str) -> str:
    """A text that may quote what somebody sent, without what looks like a person or a token."""
    return _PERSONAL.sub("[…]", text)


def _add_request_id(logger: Any, method: str, fields: Fields) -> Fields:
    if found := request_id.get():
        fields["request_id"] = found
    return fields


def _mask_exception(logger: Any, method: str, fields: Fields) -> Fields:
    """The text of an exception may quote what it failed at."""
    if "exception" in fields:
        fields["exception"] = mask(fields["exception"])
    return fields


def _to_json(logger: Any, method: str, fields: Fields) -> str:
    return orjson.dumps(fields, default=str).decode()


def _to_line(logger: Any, method: str, fields: Fields) -> str:
    stamp, level, name = (fields.pop(key, "") for key in ("timestamp", "level", "logger"))
    event, exception = fields.pop("event", ""), fields.pop("exception", "")
    rest = "".join(f" {key}={value}" for key, value in fields.items())
    line = f"{stamp[:19].replace('T', ' ')} {level.upper()} {name}: {event}{rest}"
    return f"{line}\n{exception}" if exception else line
