"""Does the whole of it work? Database, broker, workers, and how long the oldest due one waits."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError

from deliveries.models import Delivery, Heartbeat
from deliveries.stats.storage import write_all
from destinations.models import Destination

logger = logging.getLogger(__name__)

BROKER_SECONDS = 2.0
NOTED_EVERY = timedelta(seconds=5)
SWEEP = "sweep"
BEAT_OF_PRUNE = "prune"
"""Names of heartbeats: the last sweep, and the last run of the retention that ended well."""


def note_prune(now: datetime) -> None:
    """A run of the retention has ended without an error."""
    Heartbeat.objects.update_or_create(name=BEAT_OF_PRUNE, defaults={"seen_at": now})


def reaches_broker() -> bool:
    """Whether the broker answers right now; waits for it up to ``BROKER_SECONDS``."""
    try:
        _ask_broker()
    except (OperationalError, OSError):
        return False
    return True


def note_sweep(now: datetime) -> None:
    """A worker is at work: write it down, every few seconds at most."""
    known = Heartbeat.objects.filter(name=SWEEP).values_list("seen_at", flat=True).first()
    if known is None:
        Heartbeat.objects.update_or_create(name=SWEEP, defaults={"seen_at": now})
    elif now - known >= NOTED_EVERY:
        Heartbeat.objects.filter(name=SWEEP, seen_at__lt=now).update(seen_at=now)


def oldest_due_at(now: datetime) -> datetime | None:
    """Since when the delivery that has waited longest could have been sent; one look into an
    index for each destination. Destinations that are off, paused or hold us back do not count.
    """
    first = (
        Delivery.objects.filter(destination=OuterRef("pk"))
        .due(now)
        .order_by("due_at")
        .values("due_at")[:1]
    )
    moments = Destination.objects.sendable(now).order_by().values_list(Subquery(first), flat=True)
    return min((moment for moment in moments if moment is not None), default=None)


def check_readiness(now: datetime) -> dict[str, Any]:
    """What ``/readyz`` answers: a part each with ``ok`` and its figures; nothing confidential."""
    parts = {"database": _timed(_ask_database), "broker": _timed(_ask_broker)}
    if parts["database"]["ok"]:
        parts["storage"] = _timed(write_all)
    if parts["database"]["ok"]:
        parts["oldest_due"] = _age(
            oldest_due_at(now), now, settings.READY_OLDEST_DUE_SECONDS, missing_is_fine=True
        )
        parts["worker"] = _age(
            Heartbeat.objects.filter(name=SWEEP).values_list("seen_at", flat=True).first(),
            now,
            settings.READY_WORKER_SECONDS,
            missing_is_fine=False,
        )
    return {"ready": all(part["ok"] for part in parts.values()), **parts}


@csrf_exempt
@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when everything works, else 503; the body says what does not. For monitoring.

    A load balancer asks ``/health``: ingest works as long as the database does.
    """
    answer = check_readiness(timezone.now())
    return JsonResponse(answer, status=200 if answer["ready"] else 503)


def _timed(ask: Callable[[], None]) -> dict[str, Any]:
    started = time.monotonic()
    try:
        ask()
    except (DatabaseError, OperationalError, OSError) as error:
        logger.error("%s failed: %s.", ask.__name__.strip("_"), type(error).__name__)
        return {"ok": False, "error": type(error).__name__}
    return {"ok": True, "milliseconds": round((time.monotonic() - started) * 1000, 1)}


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()


def _ask_broker() -> None:
    with current_app.connection_for_write(connect_timeout=BROKER_SECONDS) as broker:
        broker.ensure_connection(
            max_retries=1,
            interval_start=0,
            timeout=BROKER_SECONDS,  # type: ignore[arg-type]  # Kombu accepts fractions
        )


def _age(
    moment: datetime | None, now: datetime, limit_seconds: float, *, missing_is_fine: bool
) -> dict[str, Any]:
    if moment is None:
        return {"ok": missing_is_fine, "seconds": None, "limit_seconds": limit_seconds}
    seconds = max(0.0, (now - moment).total_seconds())
    return {
        "ok": seconds <= limit_seconds,
        "seconds": round(seconds, 1),
        "limit_seconds": limit_seconds,
    }
