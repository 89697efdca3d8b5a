"""Links from other pages to exactly their part of the delivery log."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from deliveries.search.zones import ZONE, write_moment

LOG = "admin:deliveries_delivery_changelist"


def log_url(since: datetime, *, status: str, **filters: Any) -> str:
    """The log filtered to these. What is to be tried again is open, and so has not settled."""
    query = {"status": status, **filters}
    if status != "pending":
        query["settled_since"] = write_moment(since.replace(second=0, microsecond=0))
        query[ZONE] = timezone.get_current_timezone_name()
    return f"{reverse(LOG)}?{urlencode(query)}"
