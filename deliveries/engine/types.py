"""What passes from one part of the engine to the next, in the order in which it comes to be."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from deliveries.statuses import DeliveryStatus
from destinations.models import Destination
from destinations.pinterest.client import NoReply, Reply
from destinations.pinterest.findings import EventFiltered, Finding
from destinations.pinterest.identity import Completed
from destinations.pinterest.outcomes import Outcome
from destinations.pinterest.replies import Reading


class NewDelivery(NamedTuple):
    """Columns of a delivery that is added; pending, unless the event isn't for Pinterest."""

    event_id: int
    destination_id: int
    conversion_name: str
    status: str = DeliveryStatus.PENDING.value
    error_stage: str = ""
    error_code: str = ""
    error_field: str = ""
    error_message: str = ""
    due_at: datetime | None = None
    created_at: datetime | None = None
    settled_at: datetime | None = None
    attempt_count: int = 0
    conversion_event_id: str = ""
    completed: str = ""
    warnings: tuple[()] = ()


@dataclass(frozen=True, slots=True)
class Claimed:
    """A lease on ``delivery_ids`` (oldest due first) until ``expires_at``, fenced by ``token``."""

    token: uuid.UUID
    destination_id: int
    expires_at: datetime
    delivery_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """What dispatch needs to know of a claimed delivery and its event."""

    id: int
    attempts_used: int
    conversion_name: str
    message_id: str
    source_id: int
    body: bytes | memoryview | None
    is_granted: bool = False
    """Its person granted consent after the event."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A delivery's conversion, encoded: the event it was made of is not kept beside it."""

    delivery_id: int
    attempts_used: int
    conversion: bytes
    event_id: str
    warnings: tuple[Finding, ...]
    matchable: int
    completed: tuple[Completed, ...] = ()


@dataclass(frozen=True, slots=True)
class SentRequest:
    """One HTTP request and what came of it."""

    destination: Destination
    sent_at: datetime
    body: bytes
    size: int
    reply: Reply | NoReply
    reading: Reading


@dataclass(frozen=True, slots=True)
class Judged:
    """What one attempt did to one delivery: an outcome, or ``filtered`` when it is not to be sent.

    ``attempts_used`` counts this attempt. ``position`` is its place in the batch, None if it was
    not sent. ``batch_id`` is set when that is an earlier batch than the one being settled.
    ``conversion_event_id`` is "" when it equals the message ID. ``matchable`` says what Pinterest
    may match a person by (``tallies.MATCH_BITS``), ``completed`` what of it comes from identity
    memory.
    ``waits_under``: the keys of the people of whom more would have to be known.
    ``waits_for_consent``: of a filtered one that is sent if its person grants consent, that
    person's key, and when the event happened.
    """

    delivery_id: int
    attempts_used: int
    outcome: Outcome
    filtered: EventFiltered | None = None
    position: int | None = None
    batch_id: int | None = None
    conversion_event_id: str = ""
    warnings: tuple[Finding, ...] = ()
    matchable: int = 0
    completed: tuple[Completed, ...] = ()
    waits_under: tuple[bytes, ...] = ()
    waits_for_consent: tuple[uuid.UUID, datetime] | None = None
