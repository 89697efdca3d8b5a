"""A sandbox for the engine's tests: real HTTP, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pinterest_sandbox.sandbox import Sandbox


@pytest.fixture
def sandbox(settings: Any) -> Iterator[Sandbox]:
    """A fresh stand-in Pinterest; destinations of service "sandbox" lead to it."""
    with Sandbox() as running:
        settings.SANDBOX_URL = running.url
        yield running
