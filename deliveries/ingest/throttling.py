"""How many requests a second a source may send, counted for all web processes together."""

from __future__ import annotations

import logging
import time
from typing import Any

from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 1
_KEPT_SECONDS = 5


class SourceThrottle(BaseThrottle):
    """Counts in the shared cache. A cache that does not answer lets everything through."""

    def allow_request(self, request: Request, view: Any) -> bool:
        limit = request.auth.rate_limit_per_second
        if limit is None:
            return True
        key = f"ingest-rate:{request.auth.source_id}:{int(time.time()) // WINDOW_SECONDS}"
        try:
            cache.add(key, 0, _KEPT_SECONDS)
            return bool(cache.incr(key) <= limit)
        except ValueError:  # the count has expired between the two calls
            return True
        except (OSError, RedisError) as error:
            logger.warning("No rate limit: the cache fails (%s).", type(error).__name__)
            return True

    def wait(self) -> float:
        return WINDOW_SECONDS
