"""What an SDK sends, and how to read what became of it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import orjson
from django.http import HttpResponse

from deliveries.db.compression import unpack
from deliveries.models import Event

WRITE_KEY = "shop-key"

Post = Callable[..., HttpResponse]


def basic(write_key: str) -> str:
    """The Authorization header with a write key."""
    return "Basic " + base64.b64encode(f"{write_key}:".encode()).decode()


def stored(event: Event) -> dict[str, Any]:
    """The event's JSON."""
    return orjson.loads(unpack(event.body))


def answer(response: HttpResponse) -> tuple[int, str]:
    return response.status_code, response.content.decode()
