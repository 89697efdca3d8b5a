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
            "Since 10 Mar 10:34 (2 h), because: Pinterest answered 401.",
        ),
        ({"enabled": False}, None, Waiting(), "off", "New events make no deliveries here."),
        (
            {"enabled": False},
            None,
            Waiting(5, NOW, NOW),
            "off",
            "New events make no deliveries here. What waits already goes out once it is on again.",
        ),
        (
            {},
            {"hold_until": NOW + timedelta(seconds=90)},
            Waiting(),
            "held",
            "Pinterest asked for a pause until 12:36:26 (in 1 min).",
        ),
        (
            {},
            {"hold_until": NOW + timedelta(seconds=20), "failure_count": 5},
            Waiting(9, NOW, NOW),
            "failing",
            "5 requests in a row failed. Next probe in 20 s, at 12:35:16.",
        ),
        (
            {},
            {"failure_count": 1},
            Waiting(9, NOW, NOW),
            "failing",
            "The last request failed. The next try is due.",
        ),
        (
            {},
            None,
            Waiting(9, NOW, NOW - timedelta(minutes=4)),
            "behind",
            "The oldest has been due for 4 min.",
        ),
        (
            {},
            {"last_success_at": NOW - timedelta(seconds=20)},
            Waiting(),
            "delivering",
            "Pinterest last took a request 20 s ago.",
        ),
        (
            {},
            {"last_success_at": NOW - timedelta(hours=3)},
            Waiting(),
            "idle",
            "Nothing waits. Pinterest last took a request 3 h ago.",
        ),
        (
            {"test_mode": True},
            None,
            Waiting(),
            "test",
            "Pinterest checks the conversions and records nothing. Nothing has been delivered yet.",
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
        assert state.remedy.startswith("Make a new token")
