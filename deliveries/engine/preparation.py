"""From claimed events to conversions that can be sent, or to where they end before sending."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
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


def transform_all(
    deliveries: Iterable[ClaimedDelivery], config: TransformConfig, now: float, policy: RetryPolicy
) -> tuple[list[Ready], list[Judged]]:
    """Split into what can be sent and what ends (or waits) here."""
    ready: list[Ready] = []
    judged: list[Judged] = []
    for delivery in deliveries:
        if delivery.attempts_used > policy.budget_attempts:
            judged.append(_spent(delivery))
            continue
        if delivery.body is None:
            judged.append(_bodyless(delivery))
            continue
        made = _transform(delivery, config, now)
        if isinstance(made, Ready):
            ready.append(made)
        else:
            judged.append(made)
    return ready, judged


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
                message=f"CAPI Relay failed on this event ({type(error).__name__}); "
                "its own log has the details.",
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
            message="The worker stopped during the last try, and no tries are left.",
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
            message="The event's body was deleted when its retention was over.",
        ),
    )


def cut_by_size(ready: Sequence[Ready], max_bytes: int) -> Iterator[Sequence[Ready]]:
    """Batches whose JSON stays below ``max_bytes`` (a single larger conversion goes alone)."""
    start = size = 0
    for position, one in enumerate(ready):
        if size and size + len(one.conversion) + 1 > max_bytes - len(b'{"data":[]}'):
            yield ready[start:position]
            start, size = position, 0
        size += len(one.conversion) + 1
    if start < len(ready):
        yield ready[start:]
