"""Settling: write what became of claimed deliveries, in one transaction, if they are still ours."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import F

from deliveries.db.bulk_sql import insert_rows, update_rows
from deliveries.db.compression import pack
from deliveries.engine.circuit import note_reply
from deliveries.engine.retry import RetryPolicy, next_state
from deliveries.engine.types import Claimed, Judged, SentRequest
from deliveries.identity.later_consent import Wait, note_waits
from deliveries.identity.second_chance import note_waiting
from deliveries.models import Attempt, Batch, Delivery
from deliveries.stats.tallies import Requested, Settled, remembered_bits, tally_settled
from deliveries.statuses import OPEN, DeliveryStatus
from destinations.pinterest.client import Reply
from destinations.pinterest.identity import write_completed
from destinations.pinterest.outcomes import OutcomeKind, Stage
from destinations.pinterest.replies import FollowUp


class DeliveryRow(NamedTuple):
    """What settling writes to a delivery; its ID, then columns by their names."""

    id: int
    status: str
    due_at: datetime | None
    claim_token: uuid.UUID | None
    attempt_count: int
    settled_at: datetime | None
    batch_id: int | None
    batch_position: int | None
    conversion_event_id: str
    error_stage: str
    error_code: str
    error_field: str
    error_message: str
    completed: str
    warnings: list[dict[str, str]]


class AttemptRow(NamedTuple):
    """What settling writes of an attempt."""

    delivery_id: int
    number: int
    batch_id: int | None
    batch_position: int | None
    outcome: str
    error_stage: str
    error_code: str
    error_field: str
    error_message: str
    ended_at: datetime


def settle(
    claimed: Claimed,
    judged: Sequence[Judged],
    sent: SentRequest | None,
    *,
    policy: RetryPolicy,
    now: datetime,
    draw_jitter: Callable[[], float],
    retry_after_seconds: float | None = None,
) -> int | None:
    """Write the batch, the deliveries and their attempts; a constant number of statements.

    ``retry_after_seconds`` is what Pinterest asked for earlier in this claim; the reply in
    ``sent``, if there is one, speaks for itself. Deliveries whose claim has passed to another
    worker in the meantime are left alone. Returns the ID of the batch, None when nothing was sent.
    """
    draft = _draft_batch(sent, judged) if sent is not None else None
    with transaction.atomic():
        batch_id = None
        if draft is not None:
            draft.save(force_insert=True)
            batch_id = draft.pk
        earlier = Counter(one.batch_id for one in judged if one.batch_id is not None)
        for earlier_id, count in earlier.items():  # rare: blame that was held back for a while
            Batch.objects.filter(pk=earlier_id).update(rejected_count=F("rejected_count") + count)
        if sent is not None:
            retry_after_seconds = sent.reading.retry_after_seconds
        rows = [
            _delivery_row(one, batch_id, policy, now, retry_after_seconds, draw_jitter())
            for one in judged
        ]
        ours: dict[int, datetime] = dict(
            update_rows(
                Delivery,
                "id",
                DeliveryRow._fields[1:],
                rows,
                guard={"claim_token": claimed.token},
                returning=("id", "created_at"),
            )
        )
        insert_rows(
            Attempt,
            AttemptRow._fields,
            [
                _attempt_row(one, batch_id, now)
                for one in judged
                if one.delivery_id in ours and _was_tried(one)
            ],
        )
        waiting = [
            (key, one.delivery_id)
            for one in judged
            if one.waits_under and one.delivery_id in ours
            for key in one.waits_under
        ]
        if waiting:
            note_waiting(waiting, now)
        note_waits(
            [
                _wait_of(one, claimed.destination_id, now)
                for one in judged
                if one.waits_for_consent is not None and one.delivery_id in ours
            ]
        )
        tally_settled(
            claimed.destination_id,
            [
                Settled(
                    created_at,
                    row.status,
                    row.error_code,
                    one.matchable,
                    remembered_bits(one.completed) if one.completed else None,
                    [warning.code for warning in one.warnings] if one.warnings else (),
                )
                for one, row in zip(judged, rows, strict=True)
                if one.outcome.kind is not OutcomeKind.PAUSED
                and (created_at := ours.get(one.delivery_id)) is not None
            ],
            now,
            _requested(sent, judged) if sent is not None else None,
        )
        if sent is not None:
            note_reply(claimed.destination_id, sent.reply, sent.reading, now)
    return batch_id


def _requested(sent: SentRequest, judged: Sequence[Judged]) -> Requested:
    reply = sent.reply
    return Requested(
        str(reply.status) if isinstance(reply, Reply) else reply.code,
        int(reply.duration_ms),
        sent.size,
        sum(one.attempts_used > 1 for one in judged if _was_tried(one) and one.batch_id is None),
    )


def _wait_of(one: Judged, destination_id: int, now: datetime) -> Wait:
    """What is noted of a filtered delivery that is sent if its person grants consent."""
    assert one.waits_for_consent is not None
    assert one.filtered is not None
    key, said_at = one.waits_for_consent
    is_denied = one.filtered.code == "consent_denied"
    # Which key its source has is not known here: as if it were a secret one.
    return Wait(
        one.delivery_id,
        key,
        destination_id,
        now,
        said_at,
        said_at if is_denied else None,
        is_denied,
    )


def _was_tried(one: Judged) -> bool:
    """A pause judges nothing and a filter tries nothing: neither is an attempt."""
    return one.filtered is None and one.outcome.kind is not OutcomeKind.PAUSED


def _delivery_row(
    one: Judged,
    batch_id: int | None,
    policy: RetryPolicy,
    now: datetime,
    retry_after_seconds: float | None,
    jitter: float,
) -> DeliveryRow:
    outcome = one.outcome
    stage: str
    if one.filtered is not None:
        status, due_at, attempts_used = DeliveryStatus.FILTERED, None, one.attempts_used - 1
        stage, code, field, message = Stage.TRANSFORM, one.filtered.code, "", one.filtered.message
    else:
        after = next_state(
            outcome.kind, one.attempts_used, policy, now, retry_after_seconds, jitter
        )
        status, due_at, attempts_used = (
            DeliveryStatus(after.status),
            after.due_at,
            after.attempts_used,
        )
        stage, code, field, message = (
            outcome.stage or "",
            outcome.code,
            outcome.field,
            outcome.message,
        )
    return DeliveryRow(
        one.delivery_id,
        status.value,
        due_at,
        None,
        attempts_used,
        None if status in OPEN else now,
        one.batch_id or batch_id,
        one.position,
        one.conversion_event_id,
        str(stage),
        code,
        field[:255],
        message,
        write_completed(one.completed),
        [
            {"code": warning.code, "field": warning.field, "message": warning.message}
            for warning in one.warnings
        ],
    )


def _attempt_row(one: Judged, batch_id: int | None, now: datetime) -> AttemptRow:
    outcome = one.outcome
    return AttemptRow(
        one.delivery_id,
        one.attempts_used,
        one.batch_id or batch_id,
        one.position,
        str(outcome.kind),
        str(outcome.stage or ""),
        outcome.code,
        outcome.field[:255],
        outcome.message,
        now,
    )


def _draft_batch(sent: SentRequest, judged: Sequence[Judged]) -> Batch:
    """The batch's row, compressed outside the transaction that stores it."""
    counts = Counter(one.outcome.kind for one in judged if one.batch_id is None)
    reply = sent.reply
    batch = Batch(
        destination=sent.destination,
        sent_at=sent.sent_at,
        duration_ms=reply.duration_ms,
        api_version=sent.destination.api_version,
        test_mode=sent.destination.test_mode,
        conversion_count=sent.size,
        delivered_count=counts[OutcomeKind.DELIVERED],
        rejected_count=counts[OutcomeKind.REJECTED],
        retryable_count=counts[OutcomeKind.RETRYABLE] + counts[OutcomeKind.UNKNOWN],
        was_split=sent.reading.refused_whole and sent.size > 1,
        request_id=sent.reading.request_id[:200],
        request_body=pack(sent.body),
    )
    if isinstance(reply, Reply):
        batch.status_code = reply.status if reply.status < 32768 else None
        batch.response_body = pack(reply.body)
        batch.rate_limit_headers = {
            name: value[:200]
            for name, value in reply.headers.items()
            if name.startswith("x-ratelimit-") or name == "retry-after"
        }
    else:
        batch.error_code, batch.error_message = reply.code, reply.message
    if sent.reading.follow_up is not FollowUp.SETTLE:
        first = sent.reading.outcomes[0]
        batch.error_code, batch.error_message = first.code, first.message
    return batch
