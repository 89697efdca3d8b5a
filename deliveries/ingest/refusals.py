"""What could not become an event: the reason, and a short excerpt that spares the person in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from deliveries.ingest import responses
from destinations.pinterest.findings import Finding

EXCERPT_CHARACTERS = 500
MAX_REFUSALS = 1000
"""Of one request, each with its own row; the last row counts the others."""

_READ_CHARACTERS = 4 * EXCERPT_CHARACTERS
_DEEPEST, _MAX_MEMBERS, _MAX_TEXT = 4, 20, 100
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
    """This event cannot be taken; its neighbours can."""

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
        """What RudderStack would say to the request if nothing of it can be taken."""
        return _ANSWERS.get(self.code, responses.INVALID_EVENT)


def refuse_event(finding: Finding, event: Any) -> RefusedEvent:
    """The refusal of one parsed event."""
    outline = orjson.dumps(_outline(event, 1)).decode()
    return RefusedEvent(finding.code, finding.field, finding.message, excerpt_of(outline))


def refuse_body(code: str, message: str, body: bytes) -> RefusedEvent:
    """The refusal of a whole request whose body could not be read as JSON."""
    return RefusedEvent(code, "", message, excerpt_of(body.decode("utf-8", "replace")))


def limit_refusals(refused: list[RefusedEvent]) -> list[RefusedEvent]:
    """At most ``MAX_REFUSALS`` of them: a request can hold a million wrong events."""
    if len(refused) <= MAX_REFUSALS:
        return refused
    others = len(refused) - MAX_REFUSALS + 1
    message = f"{others} more events of the same request were refused."
    return [*refused[: MAX_REFUSALS - 1], RefusedEvent("more_refusals", "", message, "")]


def excerpt_of(text: str) -> str:
    """The beginning of ``text`` without e-mail addresses, fit for every database."""
    text = text[:_READ_CHARACTERS].replace("\x00", "\ufffd")
    return _EMAIL.sub("(e-mail)", text)[:EXCERPT_CHARACTERS]


def _outline(value: Any, depth: int) -> Any:
    """The upper levels of an event, what describes a person withheld."""
    if isinstance(value, dict):
        if depth > _DEEPEST:
            return "{…}"
        return {
            _writable(key): _WITHHELD
            if key.lower() in _PERSONAL_KEYS
            else _outline(member, depth + 1)
            for key, member in list(value.items())[:_MAX_MEMBERS]
        }
    if isinstance(value, list):
        if depth > _DEEPEST:
            return "[…]"
        return [_outline(member, depth + 1) for member in value[:_MAX_MEMBERS]]
    if value is None or isinstance(value, bool | float):
        return value
    return _writable(str(value))


def _writable(text: str) -> str:
    """Short, and without halves of surrogate pairs."""
    return text[:_MAX_TEXT].encode("utf-8", "replace").decode()
