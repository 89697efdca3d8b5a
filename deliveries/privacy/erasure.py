"""What the retention of personal data takes from rows of the log that stay.

An event's body is not the only place that names a person. Search keys find her, Pinterest quotes
what it was sent, a path may hold a key that the sender made of an address, and a dedup key may
make an event ID of one. All that goes in the transaction that takes the body. What stays are
codes, times, counts, message IDs (a repeat is known by them) and event names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db.models import Q

from deliveries.db.bulk_sql import update_rows
from deliveries.models import Attempt, Batch, Delivery, Event, Refusal, SearchKey
from deliveries.privacy.event_ids import with_readable_event_ids
from deliveries.privacy.masking import HIDDEN, holds_personal_text
from deliveries.statuses import OPEN, RETRYABLE_BY_A_PERSON, DeliveryStatus
from destinations.pinterest.gates import QUOTING_CODES


class _Texts(NamedTuple):
    """The columns of a delivery that may name somebody."""

    id: int
    conversion_event_id: str
    error_field: str
    error_message: str
    warnings: list[dict[str, str]]


def erase_events(ids: Sequence[int]) -> tuple[int, set[int]]:
    """Take bodies, search keys and texts of these events, unless a delivery is owed.

    Returns how many had a body, and the IDs of those that are kept. A constant number of
    statements.
    """
    deliveries = list(
        Delivery.objects.filter(event_id__in=ids).values_list(
            "pk", "event_id", "status", "error_code", "destination_id", *_Texts._fields[1:]
        )
    )
    # A retry by a person waits for this lock, and finds a body that is gone already. Without it
    # a delivery could become open between the look and the UPDATE.
    failed = [pk for pk, _, status, *_ in deliveries if status in RETRYABLE_BY_A_PERSON]
    locked = (
        Delivery.objects.filter(pk__any_of=failed)
        .select_for_update()
        .values_list("event_id", "status")
    )
    states = [*((event_id, status) for _, event_id, status, *_ in deliveries), *locked]
    kept = {event_id for event_id, status in states if status in OPEN}
    erasable = [pk for pk in ids if pk not in kept]
    count = Event.objects.filter(pk__any_of=erasable, body__isnull=False).update(body=None)
    # After the bodies: who writes keys of old events locks them first, and is through by now.
    SearchKey.objects.filter(event_id__in=erasable).delete()
    closed = [row for row in deliveries if row[1] not in kept]
    _erase_delivery_texts(closed)
    _erase_attempt_texts([pk for pk, *_ in closed])
    return count, kept


def erase_batches(ids: Sequence[int]) -> int:
    """Take the bodies of these batches and what Pinterest said; returns how many had any."""
    has_any = Q(request_body__isnull=False) | Q(response_body__isnull=False) | ~Q(error_message="")
    chosen = Batch.objects.filter(has_any, pk__any_of=ids)
    return int(chosen.update(request_body=None, response_body=None, error_message=""))


def erase_refusals(ids: Sequence[int]) -> int:
    """Take excerpts and messages of these refusals; returns how many had any."""
    chosen = Refusal.objects.filter(pk__any_of=ids)
    fields = chosen.exclude(field="").values_list("pk", "field")
    personal = [pk for pk, field in fields if holds_personal_text(field)]
    Refusal.objects.filter(pk__any_of=personal).update(field="")
    return int(chosen.exclude(excerpt="", message="").update(excerpt="", message=""))


def _erase_delivery_texts(deliveries: Sequence[tuple[Any, ...]]) -> None:
    readable = with_readable_event_ids()
    changed = []
    for pk, _, status, code, destination_id, event_id, field, message, warnings in deliveries:
        row = _Texts(
            pk,
            _shown_event_id(event_id, destination_id in readable),
            _shown_field(field),
            # Why else an event was filtered is one of our own sentences, the same for everybody.
            message if status == DeliveryStatus.FILTERED and code not in QUOTING_CODES else "",
            [
                {**warning, "field": _shown_field(str(warning.get("field", ""))), "message": ""}
                for warning in warnings
            ],
        )
        if row[1:] != (event_id, field, message, warnings):
            changed.append(row)
    update_rows(Delivery, "id", _Texts._fields[1:], changed)


def _erase_attempt_texts(delivery_ids: Sequence[int]) -> None:
    with_text = list(
        Attempt.objects.filter(delivery_id__in=delivery_ids)
        .exclude(error_message="", error_field="")
        .values_list("pk", "error_field")
    )
    attempts = Attempt.objects.filter(pk__any_of=[pk for pk, _ in with_text])
    attempts.exclude(error_message="").update(error_message="")
    personal = [pk for pk, field in with_text if _shown_field(field) != field]
    Attempt.objects.filter(pk__any_of=personal).update(error_field="")


def _shown_event_id(own: str, is_readable: bool) -> str:
    """Not blank once hidden: blank says that it is the message ID."""
    return own if not own or (is_readable and "@" not in own) else HIDDEN


def _shown_field(field: str) -> str:
    return "" if holds_personal_text(field) else field
