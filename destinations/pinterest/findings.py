"""What the transform has to say about an event: errors, warnings, and why it is not sent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark on one event.

    ``code`` is for machines and never changes once released, ``field`` is the path in the
    *sender's* event it is about ("" when it is about the whole event), ``message`` is a sentence
    for a person. No finding quotes personal data.
    """

    code: str
    field: str
    message: str


class EventRejected(Exception):
    """This event can never become a conversion as it is; ``errors`` says why (never empty)."""

    def __init__(self, errors: tuple[Finding, ...], warnings: tuple[Finding, ...] = ()) -> None:
        super().__init__("; ".join(error.code for error in errors))
        self.errors = errors
        self.warnings = warnings


class EventFiltered(Exception):
    """This event is not meant for Pinterest; nothing is wrong with it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
