"""Claiming: a worker takes a lease on deliveries of one destination that are due."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from deliveries.engine.circuit import CIRCUIT_OPENS_AT
from deliveries.engine.types import Claimed
from deliveries.models import Circuit, Claim, Delivery
from deliveries.stats.tallies import LEASE_EXPIRED, append
from deliveries.statuses import DeliveryStatus
from destinations.models import Destination


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """How much one claim may take, and when a small queue is worth a request."""

    size: int
    linger: timedelta
    lease: timedelta
    concurrency: int


def destinations_with_due_deliveries(now: datetime) -> QuerySet[Destination]:
    """Destinations that a delivery run could do something for right now: one index probe each."""
    due = Delivery.objects.filter(destination=OuterRef("pk")).due(now)
    return Destination.objects.sendable(now).filter(Exists(due))


def claim(destination_id: int, rules: ClaimRules, now: datetime, worker: str) -> Claimed | None:
    """Lease up to ``rules.size`` due deliveries, or None when there is nothing to do now.

    None also when the destination is held back, has its full number of requests in flight, or
    has so few and so young deliveries that waiting fills the batch better. The attempt is
    counted here, before any request leaves, so that a crash loop ends.
    """
    Circuit.objects.get_or_create(destination_id=destination_id)
    with transaction.atomic():
        circuit = Circuit.objects.select_for_update(no_key=connection.vendor == "postgresql").get(
            destination_id=destination_id
        )
        if circuit.hold_until is not None and circuit.hold_until > now:
            return None
        _end_claims(destination_id, now)
        probing = circuit.failure_count >= CIRCUIT_OPENS_AT
        in_flight = Claim.objects.filter(destination_id=destination_id).count()
        if in_flight >= (1 if probing else rules.concurrency):
            return None
        due = Delivery.objects.filter(destination_id=destination_id).due(now).order_by("due_at")
        if not _is_worth_a_request(due, rules, now):
            return None
        has_row_locks = connection.features.has_select_for_update_skip_locked
        ids = list(
            due.select_for_update(skip_locked=has_row_locks).values_list("id", flat=True)[
                : rules.size
            ]
        )
        token, expires_at = uuid.uuid4(), now + rules.lease
        mine = Delivery.objects.filter(id__any_of=ids)
        # Of locked rows nothing is asked again: after an ANALYZE while nothing was due, PostgreSQL
        # would take "due" for the rarer condition, and read all that is due for each claim.
        taken_count = (mine if has_row_locks else mine.due(now)).update(
            status=DeliveryStatus.SENDING,
            due_at=expires_at,
            claim_token=token,
            attempt_count=F("attempt_count") + 1,
        )
        if taken_count != len(ids):  # without row locks another worker may have been first
            ours = set(mine.filter(claim_token=token).values_list("id", flat=True))
            ids = [delivery_id for delivery_id in ids if delivery_id in ours]
        if not ids:
            return None
        Claim.objects.create(
            token=token,
            destination_id=destination_id,
            worker=worker,
            claimed_at=now,
            expires_at=expires_at,
            delivery_count=len(ids),
        )
    return Claimed(token, destination_id, expires_at, tuple(ids))


def _is_worth_a_request(due: QuerySet[Delivery], rules: ClaimRules, now: datetime) -> bool:
    """Whether the oldest has waited long enough, or there are enough for a full batch.

    Looked at before any row is locked: most looks at a small queue end here.
    """
    oldest = due.values_list("due_at", flat=True).first()
    if oldest is None:
        return False
    return oldest <= now - rules.linger or due[rules.size - 1 : rules.size].exists()


def release(claimed: Claimed, in_doubt: Collection[int] = ()) -> int:
    """Give back what was claimed and not settled, as if it had not been tried; ends the claim.

    Deliveries ``in_doubt`` may have reached Pinterest: those keep their attempt, and are claimed
    again when the lease ends, as if the worker had died. Returns how many deliveries went back.
    """
    untried = [one for one in claimed.delivery_ids if one not in in_doubt]
    with transaction.atomic():
        count = Delivery.objects.filter(id__any_of=untried, claim_token=claimed.token).update(
            status=DeliveryStatus.PENDING,
            due_at=F("created_at"),
            claim_token=None,
            attempt_count=F("attempt_count") - 1,
        )
        Claim.objects.filter(token=claimed.token).delete()
    return count


def forget_ended_claims(now: datetime) -> int:
    """Delete what is left of claims whose worker died; says how many there were."""
    over = Claim.objects.filter(expires_at__lte=now)
    ids = set(over.values_list("destination_id", flat=True))
    if not ids:
        return 0
    with transaction.atomic():
        return sum(_end_claims(destination_id, now) for destination_id in sorted(ids))


def _end_claims(destination_id: int, now: datetime) -> int:
    """Delete and count the claims of a destination whose lease is over; in a transaction."""
    over = Claim.objects.filter(destination_id=destination_id, expires_at__lte=now)
    count, _ = over.delete()
    if count:
        append({LEASE_EXPIRED: count}, now, destination_id=destination_id)
    return count
