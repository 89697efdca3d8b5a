"""From claimed events to conversions that can be sent, or to where they end before sending."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from deliveries.db.compression import unpack
from deliveries.engine.retry import RetryPolicy
from deliveries.engine.types import ClaimedDelivery, Judged, Ready
from deliveries.identity.reading import Recalled, recall_each
from deliveries.identity.second_chance import WAITS_FOR
from deliveries.querysets import LARGE_BODY_BYTES
from deliveries.stats.tallies import read_matchable
from destinations.pinterest.findings import EventFiltered, EventRejected
from destinations.pinterest.outcomes import Outcome, OutcomeKind, Stage
from destinations.pinterest.transform import TransformConfig, transform

logger = logging.getLogger(__name__)


GROUP_BYTES = 500_000
"""Of events whose people are looked up in one query: so much of them is in memory at a time."""
GROUP_SIZE = 250
_NO_SPACES: Mapping[int, str] = {}


def transform_each(
    deliveries: Iterable[ClaimedDelivery],
    config: TransformConfig,
    now: float,
    policy: RetryPolicy,
    spaces: Mapping[int, str] = _NO_SPACES,
) -> Iterator[Ready | Judged]:
    """What can be sent, and what ends (or waits) here.

    ``spaces``: source → the identity space in which its people are remembered. Some events are in
    memory at a time, only one where nobody is remembered.
    """
    for group in _groups(deliveries, policy, GROUP_SIZE if spaces else 1):
        recalled = recall_each(
            [
                (spaces.get(delivery.source_id), event) if type(event) is dict else (None, {})
                for delivery, event in group
            ]
            if spaces
            else [(None, {})] * len(group)
        )
        for person in recalled:
            delivery, event = group.pop(0)
            if isinstance(event, Judged):
                yield event
            else:
                yield _transform(delivery, event, config, now, person)
            del delivery, event  # before the next group is read


def _groups(
    deliveries: Iterable[ClaimedDelivery], policy: RetryPolicy, most: int
) -> Iterator[list[tuple[ClaimedDelivery, dict[str, Any] | Judged]]]:
    """Deliveries with their events, or with what becomes of those that have none."""
    group: list[tuple[ClaimedDelivery, dict[str, Any] | Judged]] = []
    size = 0
    for delivery in deliveries:
        length = len(delivery.body) if delivery.body is not None else 0
        if length > LARGE_BODY_BYTES:
            length = GROUP_BYTES  # alone
        if group and size + length > GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append((delivery, _read(delivery, policy)))
        size += length
        del delivery
        if len(group) == most or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _read(delivery: ClaimedDelivery, policy: RetryPolicy) -> dict[str, Any] | Judged:
    """The event of a delivery; or what becomes of it without one."""
    if delivery.attempts_used > policy.budget_attempts:
        return _spent(delivery)
    if delivery.body is None:
        return _bodyless(delivery)
    try:
        event: dict[str, Any] = orjson.loads(unpack(delivery.body))
    except Exception as error:
        return _failed(delivery, error)
    return event


def _transform(
    delivery: ClaimedDelivery,
    event: dict[str, Any],
    config: TransformConfig,
    now: float,
    person: Recalled | None,
) -> Ready | Judged:
    memory = person.memory if person is not None else None
    try:
        conversion = transform(event, delivery.conversion_name, config, now, memory)
        # A copy has its own size; what orjson returns sits in a larger piece of memory.
        encoded = bytes(memoryview(orjson.dumps(conversion.fields)))
    except EventFiltered as filtered:
        outcome = Outcome(OutcomeKind.REJECTED, Stage.TRANSFORM, filtered.code)
        return Judged(delivery.id, delivery.attempts_used, outcome, filtered=filtered)
    except EventRejected as rejected:
        return _rejected(delivery, rejected, person)
    except Exception as error:
        return _failed(delivery, error)
    event_id = conversion.fields["event_id"]
    return Ready(
        delivery.id,
        delivery.attempts_used,
        encoded,
        "" if event_id == delivery.message_id else event_id[:256],
        conversion.warnings,
        read_matchable(conversion.fields),
        conversion.completed,
    )


def _failed(delivery: ClaimedDelivery, error: Exception) -> Judged:
    """One event that our code trips over must not hold up its neighbors.

    It is tried again (a fixed release may be on its way) and ends dead, never lost.
    """
    logger.error("Delivery %s could not be transformed", delivery.id, exc_info=error)
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


def _rejected(
    delivery: ClaimedDelivery, rejected: EventRejected, person: Recalled | None
) -> Judged:
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
        waits_under=person.keys if person is not None and first.code == WAITS_FOR else (),
    )


def _spent(delivery: ClaimedDelivery) -> Judged:
    """Its workers died on it until the budget was gone; this claim is not an attempt."""
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
