"""A batch refused in the same words: a stranger's events cost the destination nothing but
requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.factories import make_event
from tests.stack import Shop, Stack


def paused_code(stack: Stack, shop: Shop) -> str:
    ((code,),) = stack.rows(
        "SELECT paused_code FROM destinations_destination WHERE id = %s", shop.destination_id
    )
    return str(code)


def post_backfill(stack: Stack, shop: Shop, old_count: int, fresh_count: int) -> None:
    """One request: events of last month, then some of now."""
    last_month = (datetime.now(UTC) - timedelta(days=30)).isoformat()
    batch = [make_event(timestamp=last_month) for _ in range(old_count)]
    batch += [make_event() for _ in range(fresh_count)]
    assert stack.post("/v1/batch", {"batch": batch}, write_key=shop.write_key).status_code == 200


def test_a_backfill_that_pinterest_refuses_is_rejected_and_orders_go_on(stack: Any) -> None:
    shop = stack.add_shop()
    stack.sandbox.add_fault(f"max_age=7,account={shop.advertiser_id}")

    post_backfill(stack, shop, 60, 0)
    stack.wait_until(lambda: stack.statuses(shop) == {"rejected": 60}, seconds=30)
    post_backfill(stack, shop, 5, 3)
    stack.wait_until(lambda: stack.statuses(shop) == {"rejected": 65, "delivered": 3}, seconds=30)

    assert paused_code(stack, shop) == ""
    messages = stack.rows(
        "SELECT DISTINCT error_message FROM deliveries_delivery "
        "WHERE destination_id = %s AND status = 'rejected'",
        shop.destination_id,
    )
    assert messages == [("Invalid request: event_time is too far in the past",)]


def test_an_account_that_refuses_a_made_up_event_too_is_paused(stack: Any) -> None:
    shop = stack.add_shop()
    stack.sandbox.add_fault(f"status=400,account={shop.advertiser_id}")

    post_backfill(stack, shop, 20, 0)
    stack.wait_until(lambda: paused_code(stack, shop) == "all_refused_alike", seconds=30)

    assert stack.statuses(shop) == {"pending": 20}
