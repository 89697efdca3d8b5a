"""How much a source may send in a second, and one visitor with a public write key.

Requests count, and events: ``EVENTS_A_REQUEST`` events cost as much as a request. How many there
are is known only once a request was read; so a batch that is larger than what is left is stored
all the same, and what comes after it waits the longer. Nobody is told to send again what can never
get through.
"""

from __future__ import annotations

import logging
from typing import cast

from django.conf import settings
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from deliveries.ingest.addresses import find_visitor_ip, network_of
from deliveries.ingest.rate_limits import Budget, spend
from destinations.pinterest.addresses import visitor_address
from destinations.routing import SourceRoutes

logger = logging.getLogger(__name__)

EVENTS_A_REQUEST = 100
"""What SDKs put into one batch at most."""
VISITOR_BURST_SECONDS = 10.0
"""A page that loads, or a phone that comes back, sends much at once."""


class SourceThrottle(BaseThrottle):
    """A ledger that does not answer lets everything through."""

    _wait_seconds = 0.0

    def allow_request(self, request: Request, view: object) -> bool:
        # The visitor first: who is told to wait uses up nothing of the source's.
        for budget, _ in _budgets(request):
            self._wait_seconds = _spend(budget, 1)
            if self._wait_seconds:
                return False
        return True

    def wait(self) -> float:
        return self._wait_seconds


def charge_for_events(request: Request, count: int) -> None:
    """Count the events of a request that was let through as one."""
    for budget, units_an_event in _budgets(request):
        if (units := count * units_an_event - 1) > 0:
            _spend(budget, units, may_owe=True)


def _budgets(request: Request) -> list[tuple[Budget, float]]:
    """Each with what an event costs, where a request costs 1."""
    source = cast(SourceRoutes, request.auth)
    budgets = []
    if source.is_public and settings.PUBLIC_EVENTS_PER_SECOND:
        address = find_visitor_ip(
            request.META, settings.TRUSTED_PROXY_COUNT, settings.TRUSTED_PROXY_HEADER
        )
        if visitor_address(address) == address:  # else it is a proxy's, which all visitors share
            name = f"ingest:{source.source_id}:{network_of(address)}"
            rate = settings.PUBLIC_EVENTS_PER_SECOND
            budgets.append((Budget(name, rate, VISITOR_BURST_SECONDS), 1.0))
    if source.rate_limit_per_second is not None:
        budget = Budget(f"ingest:{source.source_id}", source.rate_limit_per_second)
        budgets.append((budget, 1 / EVENTS_A_REQUEST))
    return budgets


def _spend(budget: Budget, units: float, *, may_owe: bool = False) -> float:
    try:
        return spend(budget, units, may_owe=may_owe)
    except (OSError, RedisError) as error:
        logger.warning(
            "Can't count requests, so no rate limit is enforced (%s).", type(error).__name__
        )
        return 0.0
