"""Which deliveries a person means: the filters of the log as a value that can be stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Self

from django.db.models import Q
from django.utils.dateparse import parse_datetime

from deliveries.models import Delivery, Event
from deliveries.querysets import DeliveryQuerySet
from deliveries.statuses import DeliveryStatus

CLOSED_WITHIN = timedelta(days=7)
"""``settled_since`` is about what came in so long before at most: ids tell nothing of closing."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Deliveries by what the log can be filtered by; nothing given means all.

    ``since <= created_at < until`` (for a replay: the event's ``received_at``). Raises ValueError
    for a status that there is not and for a moment without a time zone.
    """

    destination_ids: tuple[int, ...] = ()
    source_id: int | None = None
    statuses: tuple[str, ...] = ()
    conversion_name: str = ""
    error_code: str = ""
    since: datetime | None = None
    until: datetime | None = None
    event_name: str = ""
    batch_id: int | None = None
    settled_since: datetime | None = None

    def __post_init__(self) -> None:
        if unknown := set(self.statuses) - set(DeliveryStatus.values):
            raise ValueError(f"There is no status {', '.join(sorted(unknown))}.")
        for moment in (self.since, self.until, self.settled_since):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("A moment needs a time zone.")

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """What ``to_json`` made. Raises ValueError for anything else."""
        if unknown := set(stored) - {field.name for field in fields(cls)}:
            raise ValueError(f"Deliveries cannot be selected by {', '.join(sorted(unknown))}.")
        values = dict(stored)
        for name in ("destination_ids", "statuses"):
            values[name] = tuple(values.get(name, ()))
        for name in ("since", "until", "settled_since"):
            if values.get(name):
                values[name] = parse_datetime(values[name])
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """The filters that are set, as JSON can hold them."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
            if value not in ((), "", None)
        }

    def deliveries(self, statuses: frozenset[str]) -> DeliveryQuerySet:
        """The deliveries meant that are in one of ``statuses``."""
        wanted = (statuses & set(self.statuses)) if self.statuses else statuses
        found = Delivery.objects.filter(status__in=sorted(wanted))
        if wanted and wanted <= {DeliveryStatus.PENDING, DeliveryStatus.SENDING}:
            found = found.filter(due_at__isnull=False)  # what the small index of the due asks for
        if self.destination_ids:
            found = found.filter(destination_id__in=self.destination_ids)
        if self.source_id is not None:
            found = found.of_source(self.source_id)
        if self.conversion_name:
            found = found.filter(conversion_name=self.conversion_name)
        if self.error_code:
            found = found.filter(~Q(error_code=""), error_code=self.error_code)
        if self.event_name:
            found = found.of_event_name(self.event_name)
        if self.batch_id is not None:
            found = found.filter(batch_id=self.batch_id)
        if self.settled_since is not None:
            found = found.filter(
                created_at__gte=self.settled_since - CLOSED_WITHIN,
                settled_at__gte=self.settled_since,
            )
        if self.since is not None:
            found = found.filter(created_at__gte=self.since)
        if self.until is not None:
            found = found.filter(created_at__lt=self.until)
        return found

    def events(self) -> Any:
        """The events of the time range, source and name: what a replay plans anew."""
        found = Event.objects.all()
        if self.source_id is not None:
            found = found.filter(source_id=self.source_id)
        if self.event_name:
            found = found.filter(name=self.event_name)
        if self.since is not None:
            found = found.filter(received_at__gte=self.since)
        if self.until is not None:
            found = found.filter(received_at__lt=self.until)
        return found
