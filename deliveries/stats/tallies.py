"""Counting while settling: a few rows for each settle, so that no page ever counts the log.

What is counted is what happens, in the five minutes in which it happens. A delivery that is sent
again, or discarded, is taken out of where its end was counted (``tally_left``); failed attempts
after which another follows are counted apart. The metrics:

=================== ===========================================================================
received            new events of a source
unrouted            those of them that no destination gets: their source has none that is on. A
                    replay takes them off again, at the time they came in
refused             what reached ingest for a source and could not become an event
delivered           conversions that Pinterest took, of a destination
rejected:CODE       conversions that can never succeed; also dead:CODE and filtered:CODE
retryable:CODE      failed attempts after which another follows
latency:N           delivered ones by the time from receipt to settling (``latency_step``)
match:KEY           delivered ones with what Pinterest matches people by (``MATCH_BITS``)
remembered:KEY      those of them that have it from identity memory
warned              delivered ones with a warning
warning:CODE        those of them with a warning of this code
completed           delivered ones that identity memory completed
second_chance       rejected ones that identity memory let go out again
waited_ms           milliseconds from receipt to settling, of all delivered ones
refusal:CODE        what was refused, by code
request:CODE        requests to Pinterest by the status of the response, or by the error without one
request_ms          milliseconds that they took, altogether
request_time:N      requests by how long they took (``latency_step``)
sent                conversions in them
size:N              requests by how many conversions they had (``SIZES``)
resent              conversions in them that had been tried before
lease_expired       claims whose worker didn't end them in time
=================== ===========================================================================
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from math import ceil, log2
from typing import Any, NamedTuple

from deliveries.db.bulk_sql import insert_rows
from deliveries.models import Tally
from deliveries.statuses import DeliveryStatus
from destinations.pinterest.identity import Completed

BUCKET_SECONDS = 300
COLUMNS = ("level", "bucket", "destination_id", "source_id", "metric", "count")

RECEIVED = "received"
UNROUTED = "unrouted"
REFUSED = "refused"
DELIVERED = "delivered"
LATENCY = "latency:"
MATCH = "match:"
REMEMBERED = "remembered:"
COMPLETED = "completed"
SECOND_CHANCE = "second_chance"
WARNED = "warned"
WARNING = "warning:"
WAITED_MS = "waited_ms"
REFUSAL = "refusal:"
REQUEST = "request:"
REQUEST_MS = "request_ms"
REQUEST_TIME = "request_time:"
SENT = "sent"
SIZE = "size:"
RESENT = "resent"
LEASE_EXPIRED = "lease_expired"
COUNTED_WITH_CODE = {
    DeliveryStatus.REJECTED.value: "rejected:",
    DeliveryStatus.DEAD.value: "dead:",
    DeliveryStatus.FILTERED.value: "filtered:",
    DeliveryStatus.PENDING.value: "retryable:",
}
"""Status after settling → beginning of the metric."""

MATCH_BITS = {
    "em": 1,
    "ph": 2,
    "external_id": 4,
    "click_id": 8,
    "hashed_maids": 16,
    "ip_ua": 32,
    "of_app": 64,
    "of_offline": 128,
}
"""The last two are denominators: only an app knows advertising IDs, and only something online a
click, an address and a user agent."""

_APP_ACTION_SOURCES = frozenset({"app_android", "app_ios"})


SIZES = (1, 5, 10, 50, 100, 250, 500, 1000)
"""A request counts for the first of these that its number of conversions doesn't exceed."""


class Settled(NamedTuple):
    """What settling did to one delivery; ``matchable``: see ``read_matchable``; ``remembered``:
    what of it comes from identity memory; None when that added nothing; ``warning_codes``: may
    repeat."""

    created_at: datetime
    status: str
    error_code: str
    matchable: int
    remembered: int | None = None
    warning_codes: Sequence[str] = ()


class Requested(NamedTuple):
    """One request to Pinterest; ``code``: the status of its response, or the error without one."""

    code: str
    milliseconds: int
    conversions: int
    resent: int


def read_matchable(conversion: Mapping[str, Any]) -> int:
    """``MATCH_BITS`` of a conversion's fields."""
    return _bits_of(tuple(conversion["user_data"]), conversion.get("action_source"))


def remembered_bits(completed: Sequence[Completed]) -> int:
    """``MATCH_BITS`` of what identity memory added."""
    fields = {one.field for one in completed}
    if "client_ip_address" in fields:
        fields.add("ip_ua")
    return sum(MATCH_BITS.get(field, 0) for field in fields)


@lru_cache(maxsize=4096)
def _bits_of(keys: tuple[str, ...], action_source: str | None) -> int:
    """Of the few combinations of keys there are; looking one up is what is done for each event."""
    found = {*keys}
    if {"client_ip_address", "client_user_agent"} <= found:
        found.add("ip_ua")
    if action_source in _APP_ACTION_SOURCES:
        found.add("of_app")
    elif action_source == "offline":
        found.add("of_offline")
    return sum(bit for key, bit in MATCH_BITS.items() if key in found)


def bucket_of(moment: datetime) -> int:
    """Unix time at which the five minutes of ``moment`` begin."""
    return int(moment.timestamp()) // BUCKET_SECONDS * BUCKET_SECONDS


def latency_step(seconds: float) -> int:
    """Step N holds what took up to ``longest_of_step(N)``, and longer than the step before."""
    return ceil(2 * log2(seconds * 1000)) if seconds > 0.001 else 0


def longest_of_step(step: int) -> float:
    """Seconds. Steps grow by the square root of two, so a figure is at most 41 % too high."""
    return 2 ** (step / 2) / 1000


def tally_settled(
    destination_id: int,
    settled: Iterable[Settled],
    now: datetime,
    requested: Requested | None = None,
) -> None:
    """Count what one settle did, with one INSERT; nothing when it did nothing."""
    counts: Counter[str] = Counter()
    matchable: defaultdict[int, int] = defaultdict(int)
    remembered: defaultdict[int, int] = defaultdict(int)
    steps: defaultdict[int, int] = defaultdict(int)
    moment = now.timestamp()
    waited = 0.0
    for created_at, status, code, bits, remembered_of, warning_codes in settled:
        if status == DELIVERED:
            matchable[bits] += 1
            if remembered_of is not None:
                remembered[remembered_of] += 1
            seconds = moment - created_at.timestamp()
            waited += seconds
            steps[latency_step(seconds)] += 1
            if warning_codes:
                counts[WARNED] += 1
                counts.update({WARNING + one for one in warning_codes})
        else:
            counts[COUNTED_WITH_CODE[status] + code] += 1
    for step, count in steps.items():
        counts[f"{LATENCY}{step}"] = count
    if waited > 0:
        counts[WAITED_MS] = round(waited * 1000)
    if requested is not None:
        counts.update(_count_request(requested))
    for bits, count in matchable.items():
        counts[DELIVERED] += count
        for key, bit in MATCH_BITS.items():
            if bits & bit:
                counts[MATCH + key] += count
    for bits, count in remembered.items():
        counts[COMPLETED] += count
        for key, bit in MATCH_BITS.items():
            if bits & bit:
                counts[REMEMBERED + key] += count
    append(counts, now, destination_id=destination_id)


def _count_request(requested: Requested) -> dict[str, int]:
    step = latency_step(requested.milliseconds / 1000)
    size = next((one for one in SIZES if requested.conversions <= one), SIZES[-1])
    counts = {
        REQUEST + requested.code: 1,
        REQUEST_MS: requested.milliseconds,
        f"{REQUEST_TIME}{step}": 1,
        SENT: requested.conversions,
        f"{SIZE}{size}": 1,
        RESENT: requested.resent,
    }
    return {metric: count for metric, count in counts.items() if count}


class Left(NamedTuple):
    """A delivery that no longer is what it ended as: it is sent again, or was discarded."""

    destination_id: int
    status: str
    error_code: str
    settled_at: datetime | None


def tally_left(left: Iterable[Left]) -> None:
    """Take deliveries out of the figures in which ``tally_settled`` counted their end: what is
    rejected, failed or filtered now is counted, and each leads to its rows."""
    counts: Counter[tuple[int, int, str]] = Counter()
    for destination_id, status, code, settled_at in left:
        beginning = COUNTED_WITH_CODE.get(status)
        if beginning is not None and settled_at is not None and status != DeliveryStatus.PENDING:
            counts[bucket_of(settled_at), destination_id, beginning + code] += 1
    insert_rows(
        Tally,
        COLUMNS,
        [
            (Tally.Level.APPENDED.value, bucket, destination_id, None, metric, -count)
            for (bucket, destination_id, metric), count in counts.items()
        ],
    )


def append(
    counts: Mapping[str, int],
    now: datetime,
    *,
    destination_id: int | None = None,
    source_id: int | None = None,
) -> None:
    """Add metric → count to the five minutes of ``now``."""
    bucket, level = bucket_of(now), Tally.Level.APPENDED.value
    insert_rows(
        Tally,
        COLUMNS,
        [
            (level, bucket, destination_id, source_id, metric, count)
            for metric, count in counts.items()
        ],
    )
