"""How a destination does, in words: the worst that is true of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from deliveries.admin.destination_states import ORDER, read_state
from deliveries.models import Circuit
from deliveries.stats.figures import Waiting
from tests.factories import make_destination

NOW = datetime.fromisoformat("2026-03-10T12:34:56+00:00")

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("destination", "circuit", "waiting", "key", "words"),
    [
        (
            {"paused_at": NOW - timedelta(hours=2), "paused_code": "unauthorised"}
            | {"paused_reason": "Pinterest answered 401."},
            None,
            Waiting(5, NOW, NOW),
            "paused",
            "Since 10 Mar 10:34 (2 h). Reason: Pinterest answered 401.",
        ),
        (
            {"enabled": False},
            None,
            Waiting(),
            "off",
            "New events aren't queued for this destination.",
        ),
        (
            {"enabled": False},
            None,
            Waiting(5, NOW, NOW),
            "off",
            (
                "New events aren't queued for this destination. Deliveries already queued "
                "are sent once you turn it on."
            ),
        ),
        (
            {},
            {"hold_until": NOW + timedelta(seconds=90)},
            Waiting(),
            "held",
            "Pinterest asked us to wait until 12:36:26 (in 1 min).",
        ),
        (
            {},
            {"hold_until": NOW + timedelta(seconds=20), "failure_count": 5},
            Waiting(9, NOW, NOW),
            "failing",
            "5 requests in a row failed. Next attempt in 20 s, at 12:35:16.",
        ),
        (
            {},
            {"failure_count": 1},
            Waiting(9, NOW, NOW),
            "failing",
            "The last request failed. The next attempt is due.",
        ),
        (
            {},
            None,
            Waiting(9, NOW, NOW - timedelta(minutes=4)),
            "behind",
            "The oldest delivery is 4 min overdue.",
        ),
        (
            {},
            {"last_success_at": NOW - timedelta(seconds=20)},
            Waiting(),
            "delivering",
            "Last request accepted 20 s ago.",
        ),
        (
            {},
            {"last_success_at": NOW - timedelta(hours=3)},
            Waiting(),
            "idle",
            "No deliveries queued. Last request accepted 3 h ago.",
        ),
        (
            {"test_mode": True},
            None,
            Waiting(),
            "test",
            "Pinterest validates events without recording them. Nothing delivered yet.",
        ),
    ],
)
def test_a_destination_says_how_it_does(
    destination: dict[str, Any],
    circuit: dict[str, Any] | None,
    waiting: Waiting,
    key: str,
    words: str,
) -> None:
    state = read_state(
        make_destination(**destination),
        Circuit(**circuit) if circuit is not None else None,
        waiting,
        NOW,
    )
    assert (state.key, state.sentence) == (key, words)
    assert key in ORDER
    if key == "paused":
        assert state.remedy.startswith("Create a new token")
