"""From claimed events to conversions that can be sent, or to where they end before sending."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from deliveries.db.compression import unpack
from deliveries.engine.retry import RetryPolicy
from deliveries.engine.types import ClaimedDelivery, Judged, Ready
from deliveries.stats.tallies import read_matchable
from destinations.pinterest.findings import EventFiltered, EventRejected
from destinations.pinterest.outcomes import Outcome, OutcomeKind, Stage
from destinations.pinterest.transform import TransformConfig, transform

logger = logging.getLogger(__name__)


def transform_each(
    deliveries: Iterable[ClaimedDelivery], config: TransformConfig, now: float, policy: RetryPolicy
) -> Iterator[Ready | Judged]:
    """What can be sent, and what ends (or waits) here; one event is in memory at a time."""
    for delivery in deliveries:
        if delivery.attempts_used > policy.budget_attempts:
            yield _spent(delivery)
        elif delivery.body is None:
            yield _bodyless(delivery)
        else:
            yield _transform(delivery, config, now)


def _transform(delivery: ClaimedDelivery, config: TransformConfig, now: float) -> Ready | Judged:
    assert delivery.body is not None
    try:
        event: dict[str, Any] = orjson.loads(unpack(delivery.body))
        conversion = transform(event, delivery.conversion_name, config, now)
        # A copy has its own size; what orjson returns sits in a larger piece of memory.
        encoded = bytes(memoryview(orjson.dumps(conversion.fields)))
    except EventFiltered as filtered:
        outcome = Outcome(OutcomeKind.REJECTED, Stage.TRANSFORM, filtered.code)
        return Judged(delivery.id, delivery.attempts_used, outcome, filtered=filtered)
    except EventRejected as rejected:
        return _rejected(delivery, rejected)
    except Exception as error:
        # One event that our code trips over must not hold up its neighbours. It is tried
        # again (a fixed release may be on its way) and ends dead, never lost.
        logger.exception("Delivery %s could not be transformed", delivery.id)
        return Judged(
            delivery.id,
            delivery.attempts_used,
            Outcome(
                OutcomeKind.RETRYABLE,
                Stage.TRANSFORM,
                "transform_failed",
                message=f"CAPI Relay failed to transform this event ({type(error).__name__}). "
                "See the worker's log for details.",
            ),
        )
    event_id = conversion.fields["event_id"]
    return Ready(
        delivery.id,
        delivery.attempts_used,
        encoded,
        "" if event_id == delivery.message_id else event_id[:256],
        conversion.warnings,
        read_matchable(conversion.fields),
    )


def _rejected(delivery: ClaimedDelivery, rejected: EventRejected) -> Judged:
    first = rejected.errors[0]
    return Judged(
        delivery.id,
        delivery.attempts_used,
        Outcome(
            OutcomeKind.REJECTED,
            Stage.TRANSFORM,
            first.code,
            first.field,
            " ".join(error.message for error in rejected.errors),
        ),
        warnings=rejected.warnings,
    )


def _spent(delivery: ClaimedDelivery) -> Judged:
    """Its workers died on it until the budget was gone; this claim is not a try."""
    return Judged(
        delivery.id,
        delivery.attempts_used - 1,
        Outcome(
            OutcomeKind.UNKNOWN,
            Stage.TRANSPORT,
            "worker_lost",
            message="The worker stopped during the last attempt.",
        ),
    )


def _bodyless(delivery: ClaimedDelivery) -> Judged:
    return Judged(
        delivery.id,
        delivery.attempts_used,
        Outcome(
            OutcomeKind.REJECTED,
            Stage.TRANSFORM,
            "event_pruned",
            message="The event's body was removed at the end of its retention.",
        ),
    )


def cut_by_size(
    made: Iterable[Ready | Judged], max_bytes: int
) -> Iterator[tuple[list[Ready], list[Judged]]]:
    """Batches whose JSON stays below ``max_bytes`` (a single larger conversion goes alone).

    With each what ended before sending on the way to it. No more is made than is asked for: no
    more than one batch is in memory at a time.
    """
    ready: list[Ready] = []
    judged: list[Judged] = []
    size = 0
    for one in made:
        if isinstance(one, Judged):
            judged.append(one)
            continue
        length = len(one.conversion) + 1
        if ready and size + length > max_bytes - len(b'{"data":[]}'):
            yield ready, judged
            ready, judged, size = [], [], 0
        ready.append(one)
        size += length
    if ready or judged:
        yield ready, judged
