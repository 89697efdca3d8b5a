"""The data folder on a real disk that is full: nothing lies, nothing dies, nothing is left lying about."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.factories import make_event
from tests.stack import Stack

DISK_MB = 48
PASSWORD = "sesame-and-poppy-9"
ADD_ADMIN = """
from django.contrib.auth import get_user_model
get_user_model().objects.create_superuser("ada", "", "sesame-and-poppy-9")
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """An empty disk of its own (tmpfs, which only root may mount)."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root, with the right to mount, can make a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> None:
    """To the last byte."""
    with (disk / "ballast").open("ab", buffering=0) as ballast:
        for size in (1_000_000, 4096, 1):
            try:
                while True:
                    ballast.write(b"x" * size)
            except OSError:
                continue


def sign_in(stack: Stack) -> requests.Response:
    with requests.Session() as browser:
        browser.get(f"{stack.url}/admin/login/", timeout=10)
        form = {
            "username": "ada",
            "password": PASSWORD,
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            "next": "/admin/",
        }
        return browser.post(f"{stack.url}/admin/login/", data=form, timeout=30)


def health(stack: Stack) -> int:
    return requests.get(f"{stack.url}/health", timeout=30).status_code


def drafts(disk: Path) -> list[str]:
    left = re.compile(r"\..+\.[0-9a-f]{32}|\.taken-.+|tmp.*")
    return [str(path) for path in disk.rglob("*") if left.fullmatch(path.name)]


def test_a_full_disk(small_disk: Path) -> None:
    with Stack(folder=small_disk) as stack:
        stack.manage("shell", "--verbosity", "0", "-c", ADD_ADMIN)
        shop = stack.add_shop()
        event = make_event()
        assert stack.post("/v1/track", event, write_key=shop.write_key).status_code == 200
        stack.wait_until(lambda: stack.statuses(shop) == {"delivered": 1})
        assert (health(stack), sign_in(stack).status_code) == (200, 200)

        fill(small_disk)
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
        assert drafts(small_disk) == []

        (small_disk / "ballast").unlink()
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
