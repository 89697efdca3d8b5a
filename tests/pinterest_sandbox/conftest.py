"""A sandbox on a real socket, and a short way to send to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from pinterest_sandbox import Sandbox

ACCOUNT = "549755885175"
Post = Callable[..., requests.Response]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(seed=7) as running:
        yield running


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.fixture
def post(sandbox: Sandbox, http: requests.Session) -> Post:
    """Sends conversions to the v5 endpoint: post(conversion, ..., account=, token=, test=)."""

    def send(
        *conversions: dict[str, Any],
        account: str = ACCOUNT,
        token: str | None = "pina_good",
        test: bool = False,
        **options: Any,
    ) -> requests.Response:
        return http.post(
            f"{sandbox.url}/v5/ad_accounts/{account}/events",
            params={"test": "true"} if test else None,
            json={"data": list(conversions)},
            headers={"Authorization": f"Bearer {token}"} if token is not None else {},
            timeout=10,
            allow_redirects=False,
            **options,
        )

    return send
