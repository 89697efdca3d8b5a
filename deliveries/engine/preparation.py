"""From claimed events to conversions that can be sent, or to where they end before sending."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime

import orjson
from django.db import DatabaseError, InterfaceError

from deliveries.db.compression import unpack
from deliveries.engine.retry import RetryPolicy
from deliveries.engine.types import ClaimedDelivery, Judged, Ready
from deliveries.identity.keys import Name
from deliveries.identity.later_consent import happened_at, waiting_key
from deliveries.identity.reading import People, Recalled
from deliveries.identity.second_chance import WAITS_FOR
from deliveries.querysets import LARGE_BODY_BYTES
from deliveries.stats.tallies import read_matchable
from destinations.pinterest.findings import EventFiltered, EventRejected
from destinations.pinterest.gates import CONSENT_CODES
from destinations.pinterest.identity import ids_in
from destinations.pinterest.outcomes import Outcome, OutcomeKind, Stage
from destinations.pinterest.transform import TransformConfig, names_once_granted, transform

logger = logging.getLogger(__name__)


GROUP_BYTES = 500_000
"""Of events whose people are looked up in one query: so much of their JSON is in memory at a
time."""
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

    ``spaces``: source → the identity space in which its people are remembered. Then the JSON of
    some events is in memory at a time, and their IDs are found in it. It is read one event after
    another: holding what 250 of them consist of costs more than looking their people up.
    """
    if not spaces:
        nobody = People(())
        for delivery in deliveries:
            yield _transform(delivery, config, now, policy, nobody, None)
            del delivery  # before the next one is read
        return
    for group in _groups(deliveries, GROUP_SIZE):
        people = People(_named_in(group, spaces))
        people.mark_seen(now)
        group.reverse()
        while group:
            delivery = group.pop()
            yield _transform(delivery, config, now, policy, people, spaces.get(delivery.source_id))
            del delivery  # before the next group is read


def _groups(deliveries: Iterable[ClaimedDelivery], most: int) -> Iterator[list[ClaimedDelivery]]:
    group: list[ClaimedDelivery] = []
    size = 0
    for delivery in deliveries:
        length = len(delivery.body) if delivery.body is not None else 0
        if length > LARGE_BODY_BYTES:
            length = GROUP_BYTES  # alone
        if group and size + length > GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(delivery)
        size += length
        del delivery
        if len(group) == most or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _named_in(group: Iterable[ClaimedDelivery], spaces: Mapping[int, str]) -> Iterator[Name]:
    """Whom the events of a group name. A body that can't be read names nobody; that is said when
    its turn comes."""
    for delivery in group:
        space = spaces.get(delivery.source_id)
        if space is not None and delivery.body is not None:
            with suppress(zlib.error, ValueError):
                for kind, one_id in ids_in(unpack(delivery.body)):
                    yield space, kind, one_id


def _transform(
    delivery: ClaimedDelivery,
    config: TransformConfig,
    now: float,
    policy: RetryPolicy,
    people: People,
    space: str | None,
) -> Ready | Judged:
    if delivery.attempts_used > policy.budget_attempts:
        return _spent(delivery)
    if delivery.body is None:
        return _bodyless(delivery)
    person = None
    try:
        event = orjson.loads(unpack(delivery.body))
        person = people.of(space, event)
        memory = person.memory if person is not None else None
        applied = (delivery.is_granted and config.once_granted) or config
        conversion = transform(event, delivery.conversion_name, applied, now, memory)
        # A copy has its own size; what orjson returns sits in a larger piece of memory.
        encoded = bytes(memoryview(orjson.dumps(conversion.fields)))
    except EventFiltered as filtered:
        outcome = Outcome(OutcomeKind.REJECTED, Stage.TRANSFORM, filtered.code)
        waits = None
        if (
            space is not None
            and filtered.code in CONSENT_CODES
            and delivery.conversion_name in names_once_granted(event, config)
            and (key := waiting_key(space, event)) is not None
        ):
            waits = key, happened_at(event, datetime.fromtimestamp(now, UTC))
        return Judged(
            delivery.id,
            delivery.attempts_used,
            outcome,
            filtered=filtered,
            waits_for_consent=waits,
        )
    except EventRejected as rejected:
        return _rejected(delivery, rejected, person)
    except (DatabaseError, InterfaceError):
        raise
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
