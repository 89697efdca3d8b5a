"""Conversions as a careful sender makes them."""

from __future__ import annotations

from typing import Any


def make_conversion(event_id: str = "order-1", **changes: Any) -> dict[str, Any]:
    """A valid v5 conversion that earns no warning; `changes` replace top-level fields."""
    return {
        "event_name": "checkout",
        "action_source": "web",
        "event_time": 1_700_000_000,
        "event_id": event_id,
        "user_data": {"em": ["ab" * 32], "external_id": ["cd" * 32], "click_id": "epik-1"},
        "custom_data": {"value": "35.00", "currency": "USD", "num_items": 2},
        **changes,
    }


def make_conversions(count: int, prefix: str = "event") -> list[dict[str, Any]]:
    return [make_conversion(f"{prefix}-{number}") for number in range(count)]
