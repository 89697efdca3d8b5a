"""What became of the deliveries, counted: for commands, which may read the whole log."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Count, Max, QuerySet
from django.utils import timezone

from deliveries.db.id_ranges import within
from deliveries.models import Delivery, Refusal
from deliveries.statuses import DeliveryStatus
from destinations.models import Destination

_DURATION = re.compile(r"([0-9]{1,9})\s*(s|m|min|h|d|w)")
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def parse_since(text: str, now: datetime) -> datetime:
    """``24h``, ``7d``, ``90min`` before ``now``, or an ISO date or date-time (server's zone).

    Raises ValueError with a sentence for the person who typed it.
    """
    trimmed = text.strip()
    try:
        if duration := _DURATION.fullmatch(trimmed.lower()):
            return now - int(duration[1]) * _UNITS[duration[2]]
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", trimmed):
            moment = datetime.combine(date.fromisoformat(trimmed), time.min)
        else:
            moment = datetime.fromisoformat(trimmed)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} isn't a duration such as 24h or 7d, or a date such as 2026-05-01 "
            "or 2026-05-01T12:30."
        ) from None
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment


def build_report(since: datetime | None = None) -> dict[str, Any]:
    """Counts of deliveries and refusals, all of them or those since a moment.

    ``{"totals": {status: n}, "destinations": [{"name", "paused", "totals": {status: n},
    "errors": [{"code", "count", "example"}]}], "completed_from_memory": n, "refusals": n}``.
    ``example`` is the message of the newest delivery with that code. Destinations without
    deliveries are there with zeros.
    """
    deliveries: QuerySet[Delivery] = Delivery.objects.all()
    refusals: QuerySet[Refusal] = Refusal.objects.all()
    if since is not None:
        deliveries = within(deliveries, "created_at", since)
        refusals = within(refusals, "received_at", since)
    counts: dict[int, dict[str, int]] = {}
    for destination_id, status, count in (
        deliveries.order_by().values_list("destination_id", "status").annotate(count=Count("pk"))
    ):
        counts.setdefault(destination_id, _zeros())[status] = count
    errors = _count_errors(deliveries)
    known = {destination.pk: destination for destination in Destination.objects.all()}
    totals = _zeros()
    for of_destination in counts.values():
        for status, count in of_destination.items():
            totals[status] += count
    gone = sorted(counts.keys() - known.keys())
    return {
        "totals": totals,
        "destinations": [
            {
                "name": known[pk].name if pk in known else f"deleted (no. {pk})",
                "paused": pk in known and known[pk].paused_at is not None,
                "totals": counts.get(pk, _zeros()),
                "errors": errors.get(pk, []),
            }
            for pk in (*known, *gone)
        ],
        "completed_from_memory": deliveries.exclude(completed="").count(),
        "refusals": refusals.count(),
    }


def _count_errors(deliveries: Any) -> dict[int, list[dict[str, Any]]]:
    """Per destination its error codes, most frequent first."""
    rows = list(
        deliveries.exclude(error_code="")
        .order_by()
        .values("destination_id", "error_code")
        .annotate(count=Count("pk"), newest=Max("pk"))
    )
    examples = dict(
        Delivery.objects.filter(pk__in=[row["newest"] for row in rows]).values_list(
            "pk", "error_message"
        )
    )
    errors: dict[int, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: (-row["count"], row["error_code"])):
        errors.setdefault(row["destination_id"], []).append(
            {
                "code": row["error_code"],
                "count": row["count"],
                "example": examples.get(row["newest"], ""),
            }
        )
    return errors


def _zeros() -> dict[str, int]:
    return {status.value: 0 for status in DeliveryStatus}
