"""Which Pinterest event a name probably is."""

from __future__ import annotations

import pytest

from destinations.event_suggestions import PHRASES, suggest_event
from destinations.pinterest.event_names import STANDARD_NAMES


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("Signed Up", "signup"),
        ("signedUp", "signup"),
        ("user_registered", "signup"),
        ("Product Viewed", "page_visit"),
        ("Product List Viewed", "view_category"),
        ("view_item_list", "view_category"),
        ("begin_checkout", "initiate_checkout"),
        ("Checkout Started", "initiate_checkout"),
        ("purchase", "checkout"),
        ("Order Placed", "checkout"),
        ("Payment Info Entered", "add_payment_info"),
        ("Product Added to Wishlist", "add_to_wishlist"),
        ("Item Added", "add_to_cart"),
        ("Newsletter Subscribed", "lead"),
        ("Subscription Started", "subscribe"),
        ("Trial Started", "start_trial"),
        ("Application Opened", "app_open"),
        ("first_open", "app_install"),
        ("Video Playback Started", "watch_video"),
        ("Appointment booked", "schedule"),
        ("Order Refunded", ""),
        ("Product Removed from Wishlist", ""),
        ("Checkout Failed", ""),
        ("Quiz Finished", ""),
        ("", ""),
        ("Signed Up " * 20, ""),
    ],
)
def test_a_name_suggests(name: str, event: str) -> None:
    assert suggest_event(name) == event


def test_only_pinterest_events_are_suggested() -> None:
    assert set(PHRASES) <= set(STANDARD_NAMES)
    assert all(phrase == phrase.strip().lower() for row in PHRASES.values() for phrase in row)
