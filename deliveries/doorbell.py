"""Wakes a worker up. A bell that nobody hears costs one sweep, never an event."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from django.core.cache import cache
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

RING_INTERVAL_SECONDS = 1
"""A flood of requests rings once in this time: a worker that is awake drains what it finds."""


def ring(destination_ids: Iterable[int]) -> None:
    """Ask for a delivery run of each destination; call it on commit, never inside a transaction.

    Coalesced through the shared cache. A broker or cache that does not answer is logged and
    forgiven: the events are stored, and the sweep finds them.
    """
    from deliveries.tasks import deliver

    for destination_id in destination_ids:
        try:
            if cache.add(f"bell:{destination_id}", 1, RING_INTERVAL_SECONDS):
                deliver.apply_async((destination_id,), expires=60, retry=False)
        except (OperationalError, OSError) as error:
            logger.warning("The doorbell is out of order (%s); the sweep will find the work.", type(error).__name__)
