"""On a large log, judging every condition reads indexes and narrow tables, never the log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from benchmarks.log_filling import analyze, fill_closed, fill_due
from deliveries.alerts.run import evaluate
from deliveries.models import Delivery
from tests.deliveries.plans import explained
from tests.factories import make_destination, make_source

pytestmark = [pytest.mark.postgres, pytest.mark.django_db]


@pytest.fixture(scope="module", autouse=True)
def big_log(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        source = make_source()
        destinations = [make_destination(sources=[source]).pk for _ in range(3)]
        fill_closed(source.pk, destinations, 200_000, timezone.now(), batch_size=20)
        fill_due(source.pk, destinations, 20_000, timezone.now())
        ids = Delivery.objects.filter(status="delivered").order_by("-pk").values("pk")[:500]
        Delivery.objects.filter(pk__in=ids).update(status="dead", error_code="server_error")
        analyze()
        yield
        call_command("flush", verbosity=0, interactive=False)
        analyze()


def test_no_statement_reads_the_log() -> None:
    now = timezone.now()
    with explained() as plans:
        changes = evaluate(now)
        evaluate(now + timedelta(seconds=30))
    assert changes is not None
    assert {one.condition for one in changes.fired} >= {"dead"}
    assert plans.readers == []
    assert plans.indexes >= {"delivery_due", "delivery_failed"}


def test_an_evaluation_takes_a_moment() -> None:
    """Mostly for counting what waits; 30 seconds lie between two."""
    evaluate(timezone.now())
    started = time.perf_counter()
    evaluate(timezone.now() + timedelta(seconds=30))
    assert time.perf_counter() - started < 2
