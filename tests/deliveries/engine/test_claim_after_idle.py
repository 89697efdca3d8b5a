"""A backlog that grows after PostgreSQL analyzed the idle log: how a claim then finds its rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from deliveries.engine.claims import ClaimRules, claim, release
from destinations.models import Destination
from tests.deliveries.plans import explained
from tests.factories import make_destination

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]
RULES = ClaimRules(
    size=200, linger=timedelta(seconds=2), lease=timedelta(seconds=120), concurrency=4
)


def add_deliveries(destination: Destination, count: int, *, is_due: bool) -> None:
    """Written by the database itself: delivered ones, or ones that are due."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO deliveries_delivery (event_id, destination_id, conversion_name, status,
                error_stage, error_code, error_field, error_message, due_at, created_at, settled_at,
                attempt_count, conversion_event_id, warnings)
            SELECT n + CASE WHEN %(is_due)s THEN 1000000 ELSE 0 END, %(destination)s, 'checkout',
                CASE WHEN %(is_due)s THEN 'pending' ELSE 'delivered' END, '', '', '', '',
                CASE WHEN %(is_due)s THEN now() - interval '1 minute' END, now(),
                CASE WHEN NOT %(is_due)s THEN now() END, 0, '', '[]'
            FROM generate_series(1, %(count)s) AS numbers(n)
            """,
            {"destination": destination.pk, "is_due": is_due, "count": count},
        )


def test_a_claim_and_a_release_after_an_idle_analyze_go_by_the_primary_key() -> None:
    """PostgreSQL believes that nothing is due, so that any condition on that looks cheap to it."""
    destination = make_destination()
    add_deliveries(destination, 5_000, is_due=False)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE deliveries_delivery")
    add_deliveries(destination, 20_000, is_due=True)

    with explained() as plans:
        claimed = claim(destination.pk, RULES, timezone.now(), "worker")
        assert claimed is not None
        assert release(claimed) == RULES.size

    assert len(claimed.delivery_ids) == RULES.size
    plan_of = dict(zip(plans.statements, plans.plans, strict=True))
    updates = [sql for sql in plan_of if sql.startswith('UPDATE "deliveries_delivery"')]
    assert len(updates) == 2
    for sql in updates:
        assert "bigint[]" in sql
        indexes = {node["Index Name"] for node in plan_of[sql] if "Index Name" in node}
        assert indexes == {"deliveries_delivery_pkey"}
