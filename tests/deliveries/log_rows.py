"""Rows of the log as the engine leaves them, for tests of what shows them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
from django.utils import timezone

from deliveries.db.compression import pack
from deliveries.models import Attempt, Batch, Delivery
from destinations.models import Destination
from tests.factories import make_deliveries


def settle(deliveries: list[Delivery], results: list[dict[str, Any]], **fields: Any) -> Batch:
    """Send ``deliveries`` in one batch to which Pinterest answered ``results``, one each."""
    now = timezone.now()
    taken = [result["status"] == "processed" for result in results]
    conversions = [
        {"event_name": one.conversion_name, "event_id": one.event.message_id} for one in deliveries
    ]
    batch = Batch.objects.create(
        **{
            "destination_id": deliveries[0].destination_id,
            "sent_at": now,
            "duration_ms": 123,
            "api_version": "v5",
            "conversion_count": len(deliveries),
            "delivered_count": sum(taken),
            "rejected_count": len(taken) - sum(taken),
            "status_code": 200,
            "request_id": "rid-77",
            "rate_limit_headers": {"x-ratelimit-remaining": "4999"},
            "request_body": pack(orjson.dumps({"data": conversions})),
            "response_body": pack(orjson.dumps({"events": results})),
            **fields,
        }
    )
    for position, (delivery, result) in enumerate(zip(deliveries, results, strict=True)):
        delivery.status = "delivered" if taken[position] else "rejected"
        delivery.due_at, delivery.settled_at, delivery.attempt_count = None, now, 1
        delivery.batch, delivery.batch_position = batch, position
        if not taken[position]:
            delivery.error_stage, delivery.error_code = "response", "pinterest_failed"
            delivery.error_message = result["error_message"]
        delivery.save()
        Attempt.objects.create(
            delivery=delivery,
            number=1,
            batch=batch,
            batch_position=position,
            outcome=delivery.status,
            error_code=delivery.error_code,
            error_message=delivery.error_message,
            ended_at=now,
        )
    return batch


def make_rejected(destination: Destination, **fields: Any) -> Delivery:
    """A delivery that the transform rejected."""
    (delivery,) = make_deliveries(destination)
    Delivery.objects.filter(pk=delivery.pk).update(
        **{
            "status": "rejected",
            "due_at": None,
            "settled_at": timezone.now(),
            "attempt_count": 1,
            "error_stage": "transform",
            "error_code": "missing_user_data",
            "error_message": "Nobody can be matched.",
            **fields,
        }
    )
    delivery.refresh_from_db()
    return delivery


def backdate(delivery: Delivery, days: float) -> None:
    """Make it look as if it had come in ``days`` ago."""
    Delivery.objects.filter(pk=delivery.pk).update(created_at=timezone.now() - timedelta(days=days))
