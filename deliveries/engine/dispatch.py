"""The story of a batch: claim, transform, send, settle. Read it from top to bottom."""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from deliveries.actions.operations import pause
from deliveries.engine.circuit import is_nearly_spent
from deliveries.engine.claims import Claimed, ClaimRules, claim, release
from deliveries.engine.preparation import ClaimedDelivery, Ready, cut_by_size, transform_all
from deliveries.engine.retry import DEFAULT_DELAYS_SECONDS, RetryPolicy
from deliveries.engine.settlement import Judged, SentRequest, settle
from deliveries.models import Delivery
from destinations.connections import client_for
from destinations.models import Destination
from destinations.pinterest.client import PinterestClient, encode_request
from destinations.pinterest.isolation import Isolation
from destinations.pinterest.outcomes import Outcome, OutcomeKind
from destinations.pinterest.replies import read_reply
from destinations.secrets import SecretUnreadable

logger = logging.getLogger(__name__)

POLICY = RetryPolicy(settings.RETRY_DELAYS_SECONDS or DEFAULT_DELAYS_SECONDS)
DATABASE_PAUSE = timedelta(seconds=0.5)
"""Between two looks whether a database that was away is back."""
LOADED_AT_ONCE = 250
"""Events in memory as they were received: a whole batch of them is five megabytes."""
TEST_MODE_CONVERSIONS = 20
"""Pinterest looks at no more than the first 20 of a test request."""

Clock = Callable[[], datetime]


def deliver_batch(
    destination_id: int,
    *,
    clock: Clock = timezone.now,
    is_stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Claim, transform, send and settle one batch of a destination; says how many were claimed.

    0 means there is nothing to do for this destination now. What is claimed and not sent when
    this returns or raises is given back untried; what was sent and could not be settled keeps its
    try, and waits for the end of the lease.
    """
    destination = (
        Destination.objects.filter(pk=destination_id, enabled=True, paused_at__isnull=True)
        .prefetch_related("event_mappings")
        .first()
    )
    if destination is None:
        return 0
    try:
        client = client_for(destination)
    except SecretUnreadable as error:
        pause(destination.pk, "token_unreadable", str(error))
        return 0
    claimed = claim(destination.pk, _claim_rules(destination), clock(), _worker_name())
    if claimed is None:
        return 0
    in_doubt: set[int] = set()
    try:
        _work_off(claimed, destination, client, clock, is_stopping, in_doubt)
    except BaseException:
        connection.close_if_unusable_or_obsolete()  # it may be what failed
        raise
    finally:
        release(claimed, in_doubt)
    return len(claimed.delivery_ids)


def _work_off(
    claimed: Claimed,
    destination: Destination,
    client: PinterestClient,
    clock: Clock,
    is_stopping: Callable[[], bool],
    in_doubt: set[int],
) -> None:
    ready, judged = transform_all(
        _load(claimed), destination.transform_config(), clock().timestamp(), POLICY
    )
    if judged:
        _settle(claimed, judged, None, clock)
    for batch in cut_by_size(ready, settings.BATCH_MAX_BYTES):
        if is_stopping() or not _send(
            batch, claimed, destination, client, clock, is_stopping, in_doubt
        ):
            return


def _load(claimed: Claimed) -> Iterator[ClaimedDelivery]:
    """The claimed deliveries with their events, oldest due first; some hundred in one query."""
    for start in range(0, len(claimed.delivery_ids), LOADED_AT_ONCE):
        ids = claimed.delivery_ids[start : start + LOADED_AT_ONCE]
        found = {
            row[0]: ClaimedDelivery(*row)
            for row in Delivery.objects.filter(
                id__any_of=ids, claim_token=claimed.token
            ).values_list(
                "id", "attempt_count", "conversion_name", "event__message_id", "event__body"
            )
        }
        yield from (found[delivery_id] for delivery_id in ids if delivery_id in found)


def _send(
    batch: Sequence[Ready],
    claimed: Claimed,
    destination: Destination,
    client: PinterestClient,
    clock: Clock,
    is_stopping: Callable[[], bool],
    in_doubt: set[int],
) -> bool:
    """Send one batch, in parts if Pinterest refuses it whole; False: send nothing more now.

    ``in_doubt`` holds the deliveries of a request from before it leaves until it is settled.
    """
    search = Isolation(len(batch))
    batch_of_position: dict[int, tuple[int | None, int]] = {}
    retry_after_seconds: float | None = None
    may_go_on = True
    while (span := search.next_span()) is not None:
        if not _lease_lasts(claimed, clock()) or (search.request_count > 1 and is_stopping()):
            return False  # what is undecided is given back untried
        part = batch[span.start : span.stop]
        sent_at = clock()
        body = encode_request([one.conversion for one in part])
        in_doubt.update(one.delivery_id for one in part)
        reply = client.send(body)
        reading = read_reply(reply, len(part))
        retry_after_seconds = reading.retry_after_seconds
        judged = [
            _judged(batch[position], outcome, position, span.start, batch_of_position)
            for position, outcome in search.learn(span, reading)
        ]
        batch_id = _settle(
            claimed,
            judged,
            SentRequest(destination, sent_at, body, len(part), reply, reading),
            clock,
        )
        in_doubt.clear()
        if span.size == 1:
            batch_of_position[span.start] = (batch_id, 0)
        may_go_on = not is_nearly_spent(reading) and all(
            outcome.kind in (OutcomeKind.DELIVERED, OutcomeKind.REJECTED)
            for outcome in reading.outcomes
        )
    undecided = search.undecided()
    if undecided:
        _settle(
            claimed,
            [
                _judged(batch[position], outcome, position, 0, batch_of_position, sent=False)
                for position, outcome in undecided
            ],
            None,
            clock,
            retry_after_seconds,
        )
    if search.pause_reason is not None:
        reason = search.pause_reason
        pause(destination.pk, reason.code, reason.message, clock())
        logger.warning("Destination %s is paused: %s", destination.pk, reason.code)
        return False
    return may_go_on


def _settle(
    claimed: Claimed,
    judged: Sequence[Judged],
    sent: SentRequest | None,
    clock: Clock,
    retry_after_seconds: float | None = None,
) -> int | None:
    """Settle, waiting for a database that is away: an answer that is forgotten costs a resend.

    Raises the database's error when the lease ends before it is back.
    """
    while True:
        try:
            return settle(
                claimed,
                judged,
                sent,
                policy=POLICY,
                now=clock(),
                draw_jitter=random.random,
                retry_after_seconds=retry_after_seconds,
            )
        except (OperationalError, InterfaceError) as error:
            logger.warning("Cannot settle now (%s).", type(error).__name__)
            if not _wait_for_database(claimed, clock):
                raise
            # The connection may have been lost after the commit.
            still_ours = Delivery.objects.filter(
                id__any_of=[one.delivery_id for one in judged], claim_token=claimed.token
            )
            if not still_ours.exists():
                return None


def _wait_for_database(claimed: Claimed, clock: Clock) -> bool:
    """Whether it answers again before the lease ends."""
    while clock() + DATABASE_PAUSE < claimed.expires_at:
        time.sleep(DATABASE_PAUSE.total_seconds())
        connection.close_if_unusable_or_obsolete()
        try:
            connection.ensure_connection()
        except (OperationalError, InterfaceError):
            continue
        return True
    return False


def _judged(
    ready: Ready,
    outcome: Outcome,
    position: int,
    span_start: int,
    batch_of_position: dict[int, tuple[int | None, int]],
    *,
    sent: bool = True,
) -> Judged:
    earlier_batch, place = batch_of_position.get(
        position, (None, position - span_start if sent else None)
    )
    return Judged(
        ready.delivery_id,
        ready.attempts_used,
        outcome,
        position=place,
        batch_id=earlier_batch,
        conversion_event_id=ready.event_id,
        warnings=ready.warnings,
        matchable=ready.matchable,
    )


def _claim_rules(destination: Destination) -> ClaimRules:
    return ClaimRules(
        size=min(settings.BATCH_MAX_CONVERSIONS, TEST_MODE_CONVERSIONS)
        if destination.test_mode
        else settings.BATCH_MAX_CONVERSIONS,
        linger=timedelta(seconds=settings.BATCH_LINGER_SECONDS),
        lease=timedelta(seconds=settings.LEASE_SECONDS),
        concurrency=destination.concurrency_limit or settings.DESTINATION_CONCURRENCY,
    )


def _lease_lasts(claimed: Claimed, now: datetime) -> bool:
    """Is there time for one more request before the deliveries may be claimed by others?"""
    longest = settings.CONNECT_TIMEOUT_SECONDS + settings.READ_TIMEOUT_SECONDS
    return now + timedelta(seconds=longest) < claimed.expires_at


def _worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{threading.current_thread().name}"[:200]
