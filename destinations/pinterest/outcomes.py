"""What one attempt did to one conversion, in one vocabulary whatever went wrong and wherever."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class OutcomeKind(StrEnum):
    """Where a conversion stands after an attempt; what follows from it is the retry policy's to
    say."""

    DELIVERED = "delivered"
    """Pinterest says it processed this one."""

    REJECTED = "rejected"
    """This one can never succeed as it is: our transform or Pinterest said so."""

    RETRYABLE = "retryable"
    """It was not processed, and the same bytes may well succeed later."""

    UNKNOWN = "unknown"
    """It was sent and the answer is lost or unreadable. The dedup key makes a resend harmless."""

    PAUSED = "paused"
    """The destination was refused, not the event; nothing was judged and no attempt is used up."""


class Stage(StrEnum):
    """Whose fault a failure is."""

    TRANSFORM = "transform"
    """The event: it cannot be made into a conversion."""

    TRANSPORT = "transport"
    """The way to Pinterest: network, name service, TLS, a proxy, our own configuration."""

    RESPONSE = "response"
    """Pinterest answered, and this is its answer."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one attempt for one conversion.

    ``code`` is for machines ("" when delivered; else ``deliveries.error_codes`` has its meaning),
    ``field`` is a path in the sender's event ("" if none), ``message`` is for a person:
    Pinterest's own words where it had any. ``warning`` is Pinterest's remark on a conversion it
    took. The texts are printable and at most 1000 characters long.
    """

    kind: OutcomeKind
    stage: Stage | None = None
    code: str = ""
    field: str = ""
    message: str = ""
    warning: str = ""
