"""The story of a batch: claim, transform, send, settle. Read it from top to bottom."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from deliveries.engine.circuit import is_nearly_spent, note_reply
from deliveries.engine.claims import ClaimRules, claim, release
from deliveries.engine.preparation import cut_by_size, transform_each
from deliveries.engine.retry import DEFAULT_DELAYS_SECONDS, RetryPolicy
from deliveries.engine.settlement import settle
from deliveries.engine.types import Claimed, ClaimedDelivery, Judged, Ready, SentRequest
from deliveries.identity.later_consent import granted_among
from deliveries.identity.reading import identity_spaces
from deliveries.models import Delivery, Event
from deliveries.querysets import body_size, small_body
from deliveries.stats import traces
from destinations.connection_check import send_dummy
from destinations.connections import client_for
from destinations.models import Destination
from destinations.pausing import pause_automatically
from destinations.pinterest.client import PinterestClient, encode_request
from destinations.pinterest.isolation import Isolation
from destinations.pinterest.outcomes import Outcome, OutcomeKind
from destinations.pinterest.replies import Reading, read_reply
from destinations.secrets import SecretUnreadable

logger: Any = structlog.stdlib.get_logger(__name__)

POLICY = RetryPolicy(settings.RETRY_DELAYS_SECONDS or DEFAULT_DELAYS_SECONDS)
DATABASE_PAUSE = timedelta(seconds=0.5)
"""Between two looks whether a database that was away is back."""
LOADED_AT_ONCE = 250
"""Events in memory as they were received; large ones only one at a time."""
MAX_BATCHES_BY_SIZE = 8
"""Of one claim, each filled up to BATCH_MAX_BYTES."""
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
    attempt, and waits for the end of the lease.
    """
    now = clock()
    destination = Destination.objects.sendable(now).filter(pk=destination_id).with_rows().first()
    if destination is None:
        return 0
    try:
        client = client_for(destination)
    except SecretUnreadable as error:
        pause_automatically(destination.pk, "token_unreadable", str(error))
        return 0
    claimed = claim(destination.pk, _claim_rules(destination), now, _worker_name())
    if claimed is None:
        return 0
    run = BatchRun(claimed, destination, client, clock, is_stopping)
    try:
        run.work_off()
    except BaseException:
        connection.close_if_unusable_or_obsolete()  # it may be what failed
        raise
    finally:
        release(claimed, run.in_doubt)
    return len(claimed.delivery_ids)


class Place(NamedTuple):
    """Where a conversion was sent alone: in which batch, at which position."""

    batch_id: int | None
    position: int


@dataclass(slots=True)
class BatchRun:
    """One claim from its events to their outcomes.

    ``in_doubt`` holds the deliveries of a request from before it leaves until it is settled.
    """

    claimed: Claimed
    destination: Destination
    client: PinterestClient
    clock: Clock
    is_stopping: Callable[[], bool]
    in_doubt: set[int] = field(default_factory=set)
    events: dict[int, tuple[int, str]] = field(default_factory=dict)
    """Delivery → its event's source and message ID; filled only for traces."""
    claimed_ns: int = field(default_factory=traces.now_ns)

    def work_off(self) -> None:
        """Transform what was claimed and send it, batch by batch while that makes sense.

        After ``MAX_BATCHES_BY_SIZE`` of them the rest is given back: a claim of large events would
        hold for minutes what other workers could send.
        """
        config = self.destination.transform_config()
        loaded = _load(self.claimed, waits_for_consent=config.once_granted is not None)
        made = transform_each(
            self.note_events(loaded) if traces.is_on() else loaded,
            config,
            self.clock().timestamp(),
            POLICY,
            identity_spaces(),
        )
        batches = cut_by_size(made, settings.BATCH_MAX_BYTES)
        for batch, judged in islice(batches, MAX_BATCHES_BY_SIZE):
            if judged:
                self.settle(judged)
            if batch and (self.is_stopping() or not self.send(batch)):
                return

    def send(self, batch: Sequence[Ready]) -> bool:
        """Send one batch, in parts if Pinterest refuses it whole; False: send nothing more now."""
        search = Isolation(len(batch))
        sent_alone: dict[int, Place] = {}
        retry_after_seconds: float | None = None
        may_go_on = True
        while (span := search.next_span()) is not None:
            if not self.may_ask_again(search):
                return False  # what is undecided is given back untried
            sent = self.request(batch[span.start : span.stop])
            retry_after_seconds = sent.reading.retry_after_seconds
            judged = [
                _judge(
                    batch[position],
                    outcome,
                    sent_alone.get(position, Place(None, position - span.start)),
                )
                for position, outcome in search.learn(span, sent.reading)
            ]
            batch_id = self.settle(judged, sent)
            _log_request(sent, batch_id)
            if traces.is_on():
                self.trace(sent, batch_id, judged)
            self.in_doubt.clear()
            if span.size == 1:
                sent_alone[span.start] = Place(batch_id, 0)
            may_go_on = _all_is_well(sent.reading)
            if search.suspects_account:
                if not self.may_ask_again(search):
                    return False
                reading = self.ask_account()
                retry_after_seconds = reading.retry_after_seconds
                judged = [
                    _judge(batch[position], outcome, sent_alone.get(position))
                    for position, outcome in search.learn_of_account(reading)
                ]
                if judged:
                    self.settle(judged)
        if undecided := search.undecided():
            judged = [
                _judge(batch[position], outcome, sent_alone.get(position))
                for position, outcome in undecided
            ]
            self.settle(judged, retry_after_seconds=retry_after_seconds)
        if search.pause_reason is not None:
            reason = search.pause_reason
            pause_automatically(self.destination.pk, reason.code, reason.message, self.clock())
            logger.warning("Destination paused", destination=self.destination.pk, code=reason.code)
            return False
        return may_go_on

    def note_events(self, loaded: Iterator[ClaimedDelivery]) -> Iterator[ClaimedDelivery]:
        """Remember whose trace each delivery belongs to."""
        for one in loaded:
            self.events[one.id] = (one.source_id, one.message_id)
            yield one

    def trace(self, sent: SentRequest, batch_id: int | None, judged: Sequence[Judged]) -> None:
        """Tell the tracer what became of a request and its deliveries."""
        reading = sent.reading
        status = str(reading.status or reading.outcomes[0].code)
        about = traces.Sent(
            *(self.destination.pk, batch_id, status, sent.size),
            *(sent.sent_at, int(sent.reply.duration_ms), traces.now_ns()),
        )
        attempted = [
            traces.Attempted(
                one.delivery_id, one.attempts_used, str(one.outcome.kind), one.outcome.code
            )
            for one in judged
        ]
        traces.note_sent(about, attempted, self.events, self.claimed_ns)

    def may_ask_again(self, search: Isolation) -> bool:
        """Whether there is time for one more request of this search."""
        return self.lease_lasts() and not (search.request_count > 1 and self.is_stopping())

    def lease_lasts(self) -> bool:
        """Is there time for one more request before the deliveries may be claimed by others?"""
        longest = settings.CONNECT_TIMEOUT_SECONDS + settings.READ_TIMEOUT_SECONDS
        return self.clock() + timedelta(seconds=longest) < self.claimed.expires_at

    def request(self, part: Sequence[Ready]) -> SentRequest:
        """One HTTP request, and what its reply says; its deliveries are in doubt from here on."""
        sent_at = self.clock()
        body = encode_request([one.conversion for one in part])
        self.in_doubt.update(one.delivery_id for one in part)
        reply = self.client.send(body)
        reading = read_reply(reply, len(part))
        return SentRequest(self.destination, sent_at, body, len(part), reply, reading)

    def ask_account(self) -> Reading:
        """What the account says of a made-up event, sent as a test: are token and account in order?

        What holds back this question holds back the next requests as well.
        """
        now = self.clock()
        reply = send_dummy(self.destination, now)
        reading = read_reply(reply, 1)
        logger.warning(
            "All events were refused with the same error; asked with a made-up event",
            destination=self.destination.pk,
            response=reading.status or reading.outcomes[0].code,
        )
        if reading.outcomes[0].kind in (OutcomeKind.RETRYABLE, OutcomeKind.UNKNOWN):
            note_reply(self.destination.pk, reply, reading, now)
        return reading

    def settle(
        self,
        judged: Sequence[Judged],
        sent: SentRequest | None = None,
        retry_after_seconds: float | None = None,
    ) -> int | None:
        """Settle, waiting for a database that is away: an answer that is forgotten costs a resend.

        Raises the database's error when the lease ends before it is back.
        """
        while True:
            try:
                return settle(
                    self.claimed,
                    judged,
                    sent,
                    policy=POLICY,
                    now=self.clock(),
                    draw_jitter=random.random,
                    retry_after_seconds=retry_after_seconds,
                )
            except (OperationalError, InterfaceError) as error:
                logger.warning(
                    "Can't settle now",
                    destination=self.destination.pk,
                    error=type(error).__name__,
                )
                if not self.wait_for_database():
                    raise
                # The connection may have been lost after the commit.
                still_ours = Delivery.objects.filter(
                    id__any_of=[one.delivery_id for one in judged], claim_token=self.claimed.token
                )
                if not still_ours.exists():
                    return None

    def wait_for_database(self) -> bool:
        """Whether it answers again before the lease ends."""
        while self.clock() + DATABASE_PAUSE < self.claimed.expires_at:
            time.sleep(DATABASE_PAUSE.total_seconds())
            connection.close_if_unusable_or_obsolete()
            try:
                connection.ensure_connection()
            except (OperationalError, InterfaceError):
                continue
            return True
        return False


def _log_request(sent: SentRequest, batch_id: int | None) -> None:
    """One line for each request: numbers and codes, nothing of what was sent."""
    counts = Counter(str(outcome.kind) for outcome in sent.reading.outcomes)
    logger.info(
        "Batch sent",
        destination=sent.destination.pk,
        batch=batch_id,
        status=sent.reading.status or sent.reading.outcomes[0].code,
        duration_ms=sent.reply.duration_ms,
        bytes=len(sent.body),
        conversions=sent.size,
        **counts,
    )


def _load(claimed: Claimed, waits_for_consent: bool = False) -> Iterator[ClaimedDelivery]:
    """The claimed deliveries with their events, oldest due first; some hundred in one query.

    ``waits_for_consent``: what people granted later counts, which takes another query.
    """
    for start in range(0, len(claimed.delivery_ids), LOADED_AT_ONCE):
        ids = claimed.delivery_ids[start : start + LOADED_AT_ONCE]
        rows = Delivery.objects.filter(id__any_of=ids, claim_token=claimed.token).values_list(
            "id",
            "attempt_count",
            "conversion_name",
            "event__message_id",
            "event__source_id",
            small_body("event__body"),
            body_size("event__body"),
            "event_id",
        )
        found = {row[0]: row for row in rows}
        granted = granted_among(ids) if waits_for_consent else ()
        for delivery_id in ids:
            if delivery_id in found:
                pk, attempts, name, message_id, source_id, body, size, event_id = found.pop(
                    delivery_id
                )
                if body is None and size is not None:
                    body = Event.objects.body_of(event_id)
                yield ClaimedDelivery(
                    pk, attempts, name, message_id, source_id, body, pk in granted
                )


def _judge(ready: Ready, outcome: Outcome, place: Place | None) -> Judged:
    """``place``: where it was sent; its batch is None for the one being settled."""
    return Judged(
        ready.delivery_id,
        ready.attempts_used,
        outcome,
        position=place.position if place else None,
        batch_id=place.batch_id if place else None,
        conversion_event_id=ready.event_id,
        warnings=ready.warnings,
        matchable=ready.matchable,
        completed=ready.completed,
    )


def _all_is_well(reading: Reading) -> bool:
    """Every conversion was judged, and the rate limit leaves room for the next request."""
    return not is_nearly_spent(reading) and all(
        outcome.kind in (OutcomeKind.DELIVERED, OutcomeKind.REJECTED)
        for outcome in reading.outcomes
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


def _worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{threading.current_thread().name}"[:200]
