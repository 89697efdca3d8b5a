"""A source with one destination, and a client that posts to it as an SDK does."""

from __future__ import annotations

import json
from typing import Any

import pytest


@pytest.fixture
def source(db: None) -> Any:
    from tests.deliveries.ingest.sender import WRITE_KEY
    from tests.factories import make_source

    # What is remembered of people is written beside the events: tests/deliveries/identity.
    return make_source(name="Shop", write_key=WRITE_KEY, identity_memory="off")


@pytest.fixture
def destination(source: Any) -> Any:
    from tests.factories import make_destination

    return make_destination(sources=[source])


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[set[int]]:
    """The destinations of each wake-up, in order; no broker is asked."""
    wakeups: list[set[int]] = []
    monkeypatch.setattr("deliveries.ingest.store.wake", lambda ids: wakeups.append(set(ids)))
    return wakeups


@pytest.fixture
def post(client: Any) -> Any:
    """``post(path, value or bytes, write_key=…, **META)`` → the response."""
    from tests.deliveries.ingest.sender import WRITE_KEY, basic

    def send(
        path: str,
        content: Any,
        *,
        write_key: str | None = WRITE_KEY,
        content_type: str = "application/json",
        **meta: Any,
    ) -> Any:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        if write_key is not None:
            meta["HTTP_AUTHORIZATION"] = basic(write_key)
        return client.generic("POST", path, body, content_type, **meta)

    return send
