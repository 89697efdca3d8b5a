"""Every model of the queue and its log."""

from deliveries.models.actions import BulkAction, SavedLink
from deliveries.models.counters import LogContents, PruneMark, SearchKey, Tally
from deliveries.models.log import Attempt, Batch, Delivery, Event, Refusal
from deliveries.models.queue import Claim, Lane, Pulse

__all__ = [
    "Attempt",
    "Batch",
    "BulkAction",
    "Claim",
    "Delivery",
    "Event",
    "Lane",
    "LogContents",
    "PruneMark",
    "Pulse",
    "Refusal",
    "SavedLink",
    "SearchKey",
    "Tally",
]
