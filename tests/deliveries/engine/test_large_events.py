"""A claim of large events: one batch and one event in memory at a time, and not for minutes."""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter
from typing import Any

import pytest
from django.utils import timezone

from deliveries.actions.replay import replay_events
from deliveries.engine import dispatch
from deliveries.engine.claims import claim
from deliveries.engine.dispatch import deliver_batch
from deliveries.engine.preparation import cut_by_size, transform_each
from deliveries.models import Batch, Delivery, Event
from deliveries.querysets import LARGE_BODY_BYTES
from deliveries.search.search_keys import SETTLING, index_step
from pinterest_sandbox.sandbox import Sandbox
from tests.factories import make_deliveries, make_destination, make_event

pytestmark = pytest.mark.django_db


def statuses() -> Counter[tuple[str, str]]:
    return Counter(Delivery.objects.values_list("status", "error_code"))


def large_order(products: int) -> dict[str, Any]:
    """Some 90 bytes a product, which hardly compress."""
    draw = random.Random(products)
    return make_event(
        properties={
            "order_id": "1",
            "currency": "USD",
            "products": [
                {"product_id": f"{draw.getrandbits(200):x}", "price": 1.5, "quantity": 1}
                for _ in range(products)
            ],
        }
    )


def test_a_claim_of_large_events_is_transformed_in_bounded_memory() -> None:
    destination = make_destination()
    make_deliveries(destination, events=[large_order(4000) for _ in range(40)])
    assert min(len(one) for one in Event.objects.values_list("body", flat=True)) > LARGE_BODY_BYTES
    claimed = claim(destination.pk, dispatch._claim_rules(destination), timezone.now(), "worker")
    assert claimed is not None
    made = transform_each(
        dispatch._load(claimed),
        destination.transform_config(),
        timezone.now().timestamp(),
        dispatch.POLICY,
    )
    count = total = 0
    tracemalloc.start()
    try:
        for ready, judged in cut_by_size(made, 1_000_000):
            assert not judged
            count += len(ready)
            total += sum(len(one.conversion) for one in ready)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 40
    assert total > 10_000_000
    assert peak < 8_000_000


def test_what_a_worker_cannot_send_soon_is_given_back_untried(
    sandbox: Sandbox, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BATCH_MAX_BYTES = 100_000
    monkeypatch.setattr(dispatch, "MAX_BATCHES_BY_SIZE", 2)
    destination = make_destination()
    make_deliveries(destination, events=[large_order(400) for _ in range(8)])
    assert deliver_batch(destination.pk) == 8
    sent = sum(Batch.objects.values_list("conversion_count", flat=True))
    assert Batch.objects.count() == 2
    assert 0 < sent < 8
    assert statuses() == {("delivered", ""): sent, ("pending", ""): 8 - sent}
    waiting = Delivery.objects.filter(status="pending")
    assert set(waiting.values_list("attempt_count", flat=True)) == {0}
    while deliver_batch(destination.pk):
        pass
    assert statuses() == {("delivered", ""): 8}


def test_large_events_are_claimed_searched_and_replayed_like_others(sandbox: Sandbox) -> None:
    destination = make_destination()
    events = [large_order(600), make_event(properties={"order_id": "2"}), large_order(700)]
    deliveries = make_deliveries(destination, events=events)
    Event.objects.filter(pk=deliveries[1].event_id).update(body=None)
    assert deliver_batch(destination.pk) == 3
    assert statuses() == {("delivered", ""): 2, ("rejected", "event_pruned"): 1}
    assert [pk for pk, _ in Event.objects.order_by("pk").each_body()] == [
        deliveries[0].event_id,
        deliveries[2].event_id,
    ]
    later = timezone.now() + SETTLING * 2
    assert index_step(later) == 3
    ids = [one.event_id for one in deliveries]
    assert replay_events(ids, destination, later, resends_delivered=True) == 2
