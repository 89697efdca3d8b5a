"""One Chromium for all tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import Visitor, open_chromium


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with open_chromium() as browser:
        yield browser


@pytest.fixture
def open_visitor(chromium: Browser) -> Iterator[Callable[[str], Visitor]]:
    """``open_visitor(server_url)``: a browser of somebody who has not signed in."""
    visitors: list[Visitor] = []

    def open_one(server_url: str) -> Visitor:
        visitors.append(Visitor(chromium, server_url))
        return visitors[-1]

    yield open_one
    for visitor in visitors:
        visitor.close()


@pytest.fixture
def served(chromium: Browser, sandbox: Any, live_server: Any, settings: Any) -> Any:
    """The admin over HTTP on the test database; conversions for Pinterest reach the sandbox."""
    settings.PINTEREST_API_URL = sandbox.url
    return live_server
