"""Requests with a write key that no source has: counted, so that somebody finds out why.

Anybody can send them, as fast as they like. So a request costs a look into a dictionary; what it
holds is written every few seconds, in one statement, and only a few hundred keys are kept. Of a key
its first characters are kept and a hash, of a sender the network.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address, ip_network
from threading import Lock
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

from deliveries.ingest.addresses import find_request_ip
from destinations.key_models import KEY_ENDING
from destinations.models import UnknownWriteKey
from destinations.write_keys import digest_of

logger = logging.getLogger(__name__)

WRITTEN_EVERY_SECONDS = 5.0
"""A process writes what it has counted at most so often: when the next such request comes."""

MAX_AT_ONCE = 20
"""So many keys are counted between two writes; a request with another one is not."""

MAX_KEPT = 200
"""The keys with the fewest requests are removed beyond so many."""


@dataclass(slots=True)
class Sighting:
    """What is known of one key since the last write."""

    beginning: str
    first_seen_at: datetime
    last_seen_at: datetime
    address: str
    count: int = 1


@dataclass(slots=True)
class _Counted:
    written_at: float = float("-inf")
    keys: dict[str, Sighting] = field(default_factory=dict)


_counted = _Counted()
_lock = Lock()


def note(write_key: str, meta: Mapping[str, Any]) -> None:
    """Count a request; writes if it is time. A database that fails costs the count, no more."""
    digest, now = digest_of(write_key), timezone.now()
    with _lock:
        sighting = _counted.keys.get(digest)
        if sighting is not None:
            sighting.count += 1
            sighting.last_seen_at = now
        elif len(_counted.keys) < MAX_AT_ONCE:
            _counted.keys[digest] = Sighting(_beginning(write_key), now, now, _network(meta))
        moment = time.monotonic()
        if moment - _counted.written_at < WRITTEN_EVERY_SECONDS:
            return
        taken, _counted.keys, _counted.written_at = _counted.keys, {}, moment
    try:
        _write(sorted(taken.items()))
    except DatabaseError as error:
        logger.warning("Can't count unknown write keys (%s).", type(error).__name__)


def forget_counted() -> None:
    """As in a process that has just started."""
    with _lock:
        _counted.keys, _counted.written_at = {}, float("-inf")


def _write(sightings: Sequence[tuple[str, Sighting]]) -> None:
    """Add to what is there, in the order of keys: two processes then never wait for each other."""
    table = connection.ops.quote_name(UnknownWriteKey._meta.db_table)
    one = "(%s, %s, %s, %s, %s, %s)"
    statement = f"""
        INSERT INTO {table} AS known
            (digest, beginning, count, first_seen_at, last_seen_at, address)
        VALUES {", ".join([one] * len(sightings))}
        ON CONFLICT (digest) DO UPDATE SET count = known.count + excluded.count,
            last_seen_at = excluded.last_seen_at, address = excluded.address
    """
    moment = connection.ops.adapt_datetimefield_value
    parameters: list[Any] = []
    for digest, one_key in sightings:
        parameters += [digest, one_key.beginning, one_key.count]
        parameters += [moment(one_key.first_seen_at), moment(one_key.last_seen_at)]
        parameters.append(one_key.address)
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
    beyond = UnknownWriteKey.objects.order_by("-count", "-last_seen_at", "pk")
    if gone := list(beyond.values_list("pk", flat=True)[MAX_KEPT : MAX_KEPT + 1000]):
        UnknownWriteKey.objects.filter(pk__in=gone).delete()


def _beginning(write_key: str) -> str:
    """A key of four characters or less is not shown whole."""
    shown = write_key[: min(KEY_ENDING, len(write_key) // 2)]
    return "".join(one if one.isascii() and one.isprintable() else "?" for one in shown)


def _network(meta: Mapping[str, Any]) -> str:
    """The sender's network: 203.0.113.0/24, or 48 bits of IPv6; "" when nobody knows."""
    address = find_request_ip(meta, settings.TRUSTED_PROXY_COUNT, settings.TRUSTED_PROXY_HEADER)
    if not address:
        return ""
    length = 24 if ip_address(address).version == 4 else 48
    return str(ip_network(f"{address}/{length}", strict=False))
