"""Invalid events: the reason, and a short excerpt without personal data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson

from deliveries.ingest import responses
from destinations.pinterest.findings import Finding

EXCERPT_CHARACTERS = 500
MAX_REFUSALS = 1000
"""Of one request, each with its own row; the last row counts the others."""

_READ_CHARACTERS = 4 * EXCERPT_CHARACTERS
_DEEPEST, _MAX_MEMBERS, _MAX_TEXT = 4, 20, 100
_MAX_OUTLINED = 100  # values of one event, more than an excerpt has room for
# From where a word begins, or each of its characters would cost a look at the rest.
_EMAIL = re.compile(r"(?<![^\s\"'<>:,;@\\])[^\s\"'<>:,;@\\]++@[^\s\"'<>:,;@\\]+")
_PERSONAL_KEYS = frozenset(
    {"traits", "ip", "request_ip", "requestip", "email", "phone", "writekey"}
)
_WITHHELD = "(withheld)"

_ANSWERS = {
    "missing_identity": responses.NO_IDENTITY,
    "event_too_large": responses.TOO_LARGE,
    "not_a_number": responses.INVALID_JSON,
    "nested_too_deeply": responses.INVALID_JSON,
}


class EventRefused(Exception):
    """This event can't be accepted; the others in its batch can."""

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(code)
        self.finding = Finding(code, field, message)


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """What a row of the refusals list says."""

    code: str
    field: str
    message: str
    excerpt: str

    @property
    def answer(self) -> str:
        """What RudderStack would answer if nothing in the request can be accepted."""
        return _ANSWERS.get(self.code, responses.INVALID_EVENT)


def refuse_event(finding: Finding, event: Any) -> RefusedEvent:
    """The refusal of one parsed event."""
    outline = orjson.dumps(_Outline().of(event)).decode()
    return RefusedEvent(finding.code, finding.field, finding.message, excerpt_of(outline))


def refuse_body(code: str, message: str, body: bytes) -> RefusedEvent:
    """The refusal of a whole request whose body could not be read as JSON."""
    return RefusedEvent(code, "", message, excerpt_of(body.decode("utf-8", "replace")))


def count_others(count: int) -> RefusedEvent:
    """The one row for all refusals of a request that have none of their own."""
    message = f"{count} more events in the same request were invalid."
    return RefusedEvent("more_refusals", "", message, "")


def excerpt_of(text: str) -> str:
    """The beginning of ``text`` without email addresses, fit for every database."""
    text = text[:_READ_CHARACTERS].replace("\x00", "\ufffd")
    return _EMAIL.sub("(email)", text)[:EXCERPT_CHARACTERS]


class _Outline:
    """The upper levels of an event, what describes a person withheld, as far as there is room."""

    def __init__(self) -> None:
        self._left = _MAX_OUTLINED

    def of(self, value: Any, depth: int = 1) -> Any:
        self._left -= 1
        if isinstance(value, dict):
            if depth > _DEEPEST:
                return "{…}"
            members: dict[str, Any] = {}
            for key in islice(value, _MAX_MEMBERS):
                if self._left <= 0:
                    break
                is_personal = key.lower() in _PERSONAL_KEYS
                members[_writable(key)] = (
                    _WITHHELD if is_personal else self.of(value[key], depth + 1)
                )
            return members
        if isinstance(value, list):
            if depth > _DEEPEST:
                return "[…]"
            return [
                self.of(one, depth + 1) for one in islice(value, _MAX_MEMBERS) if self._left > 0
            ]
        if value is None or isinstance(value, bool | float):
            return value
        return _writable(value if isinstance(value, str) else str(value))


def _writable(text: str) -> str:
    """Short, and without halves of surrogate pairs."""
    return text[:_MAX_TEXT].encode("utf-8", "replace").decode()
