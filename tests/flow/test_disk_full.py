"""The data folder on a real disk that is full: nothing lies, nothing dies, nothing is left lying
about."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.factories import make_event
from tests.outsider import CannotMount, Person, drafts, fill_disk, small_disk
from tests.stack import Stack

PASSWORD = "sesame-and-poppy-9"
ADD_ADMIN = """
from django.contrib.auth import get_user_model
get_user_model().objects.create_superuser("ada", "", "sesame-and-poppy-9")
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    try:
        with small_disk(tmp_path / "disk") as folder:
            yield folder
    except CannotMount:
        pytest.skip("only root, with the right to mount, can make a small disk")


def sign_in(stack: Stack) -> requests.Response:
    return Person(stack.url).sign_in("ada", PASSWORD)


def health(stack: Stack) -> int:
    return requests.get(f"{stack.url}/health", timeout=30).status_code


def test_a_full_disk(disk: Path) -> None:
    with Stack(folder=disk) as stack:
        stack.manage("shell", "--verbosity", "0", "-c", ADD_ADMIN)
        shop = stack.add_shop()
        event = make_event()
        assert stack.post("/v1/track", event, write_key=shop.write_key).status_code == 200
        stack.wait_until(lambda: stack.statuses(shop) == {"delivered": 1})
        assert (health(stack), sign_in(stack).status_code) == (200, 200)

        fill_disk(disk)
        stack.wait_until(lambda: health(stack) == 503, seconds=15)
        ready = requests.get(f"{stack.url}/readyz", timeout=30)
        assert (ready.status_code, ready.json()["storage"]["ok"]) == (503, False)
        page = sign_in(stack)
        assert page.status_code in (200, 503)  # what SQLite still has of its log may be enough
        if page.status_code == 503:
            assert "Data can't be stored right now" in page.text

        # Whatever is answered 200 is there afterwards; nothing else is.
        taken, refused = [], []
        noise = os.urandom(8000).hex()
        for _ in range(60):
            event = make_event(properties={"noise": noise, "value": 1})
            answer = stack.post("/v1/track", event, write_key=shop.write_key)
            assert answer.status_code in (200, 503), answer.text
            (taken if answer.status_code == 200 else refused).append(event)
        assert len(refused) > 10
        pixel = requests.get(
            f"{stack.url}/pixel/v1/track",
            params={"writeKey": shop.write_key, "anonymousId": "a", "event": "Seen"},
            timeout=30,
        )
        assert pixel.headers["Content-Type"] == "image/gif"
        parts = ("web", "worker", "beat")
        deadline = time.monotonic() + 8  # for whatever runs every few seconds
        while time.monotonic() < deadline:
            assert [name for name in parts if not stack.is_running(name)] == []
            time.sleep(0.2)
        assert drafts(disk) == []

        (disk / "ballast").unlink()
        stack.wait_until(lambda: health(stack) == 200, seconds=15)
        assert sign_in(stack).status_code == 200
        for event in refused:
            assert stack.post("/v1/track", event, write_key=shop.write_key).status_code == 200
        wanted = {event["messageId"] for event in (*taken, *refused)}
        stack.wait_until(lambda: wanted <= delivered(stack, shop), seconds=60)
        assert [name for name in parts if not stack.is_running(name)] == []


def delivered(stack: Stack, shop: Any) -> set[str]:
    rows = stack.rows(
        "SELECT e.message_id FROM deliveries_delivery d JOIN deliveries_event e "
        "ON e.id = d.event_id WHERE d.destination_id = %s AND d.status = 'delivered'",
        shop.destination_id,
    )
    return {message_id for (message_id,) in rows}
