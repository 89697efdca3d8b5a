"""From a write key to its source and where that source's events go, without a query most times."""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Lock

from destinations.models import Destination, Source
from destinations.pinterest.transform import TransformConfig
from destinations.write_keys import find_former_key

FRESH_SECONDS = 1.0
"""How long a change made by another process may stay unseen. This process sees its own at once."""

MAX_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Route:
    """One enabled destination of a source, as planning needs it."""

    destination_id: int
    config: TransformConfig


@dataclass(frozen=True, slots=True)
class SourceRoutes:
    """A source, as ingest needs it. ``identity_space``: None when nothing is remembered.

    ``hears_consent``: a destination waits for what its people say of consent later.
    """

    source_id: int
    name: str
    enabled: bool
    allowed_origins: tuple[str, ...]
    is_public: bool
    rate_limit_per_second: int | None
    routes: tuple[Route, ...]
    identity_space: str | None = None
    remembers_address: bool = False
    hears_consent: bool = False


_known: dict[str, tuple[float, SourceRoutes | None]] = {}
_lock = Lock()


def routes_for(write_key: str) -> SourceRoutes | None:
    """The source with this write key, or None; at most ``FRESH_SECONDS`` old."""
    now = time.monotonic()
    found = _known.get(write_key)
    if found is not None and now - found[0] < FRESH_SECONDS:
        return found[1]
    routes = _read(write_key)
    with _lock:
        if len(_known) >= MAX_KEYS:  # somebody is trying keys
            _known.clear()
        _known[write_key] = (now, routes)
    return routes


def forget_routes() -> None:
    """Called after a source or destination was changed."""
    with _lock:
        _known.clear()


def routes_of(destinations: list[Destination]) -> tuple[Route, ...]:
    """Routes to these destinations (read ``with_rows``)."""
    return tuple(
        Route(destination.pk, destination.transform_config()) for destination in destinations
    )


def _read(write_key: str) -> SourceRoutes | None:
    source = Source.objects.filter(write_key=write_key).first()
    if source is None:
        former = find_former_key(write_key)
        if former is None:
            return None
        source = former.source
    routes = routes_of(list(source.destinations.filter(enabled=True).with_rows()))
    return SourceRoutes(
        source_id=source.pk,
        name=source.name,
        enabled=source.enabled,
        allowed_origins=tuple(source.allowed_origins.split()),
        is_public=source.is_public,
        rate_limit_per_second=source.rate_limit_per_second,
        routes=routes,
        identity_space=source.space,
        remembers_address=source.identity_memory == Source.IdentityMemory.WITH_ADDRESS,
        hears_consent=source.space is not None
        and any(route.config.once_granted is not None for route in routes),
    )
