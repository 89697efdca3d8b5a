"""Every model of the queue and its log."""

from deliveries.models.actions import BulkAction, SavedLink
from deliveries.models.counters import (
    JobCursor,
    LogContents,
    SearchKey,
    SeenEvent,
    Snapshot,
    Tally,
    locked_cursor,
)
from deliveries.models.log import Attempt, Batch, Delivery, Event, Refusal
from deliveries.models.people import ConsentWait, Person, SecondChance
from deliveries.models.queue import Circuit, Claim, Heartbeat

__all__ = [
    "Attempt",
    "Batch",
    "BulkAction",
    "Circuit",
    "Claim",
    "ConsentWait",
    "Delivery",
    "Event",
    "Heartbeat",
    "JobCursor",
    "LogContents",
    "Person",
    "Refusal",
    "SavedLink",
    "SearchKey",
    "SecondChance",
    "SeenEvent",
    "Snapshot",
    "Tally",
    "locked_cursor",
]
