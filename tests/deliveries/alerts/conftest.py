"""A receiver of messages, and a channel that leads to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.deliveries.alerts.receivers import HTTPReceiver

if TYPE_CHECKING:
    from deliveries.alerts.models import Channel

SECRET = "a-signing-secret-of-tests"


@pytest.fixture
def receiver(settings: Any) -> Iterator[HTTPReceiver]:
    settings.ALERTS_ALLOW_PRIVATE = True
    settings.PUBLIC_URL = "https://relay.example.com"
    with HTTPReceiver() as running:
        yield running


@pytest.fixture
def channel(receiver: HTTPReceiver, db: None) -> Channel:
    from deliveries.alerts.channels import seal  # Django isn't ready before
    from deliveries.alerts.models import Channel

    return Channel.objects.create(
        name="On call",
        kind="webhook",
        secrets=seal({"url": f"{receiver.url}/hook?token=hidden-token", "secret": SECRET}),
    )
