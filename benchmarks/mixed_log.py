"""A log of millions of rows as a busy installation has it: for the benchmark of the admin's pages.

One destination, one source and one event name have most of the rows, others a tenth, a hundredth,
one in ten thousand; some stopped long ago, some never had a row. Few deliveries failed. Everything
is in the order of time, over the last ``LOG_DAYS`` days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from benchmarks.log_filling import LOG_DAYS, _move_sequences, _next_id, _run, insert_batches

WHOLE = 100_000
SHARES = (60_000, 25_000, 10_000, 4_000, 900, 90, 10)
"""Of WHOLE rows, for the first seven destinations (sources); the eighth has what is oldest."""
STOPPED_AFTER = 0.05
"""Of the log: then came nothing more of the eighth destination, source and event name."""

NAMES = (
    ("Product Viewed", "page_visit", 60_000),
    ("Product Added", "add_to_cart", 25_000),
    ("Order Completed", "checkout", 10_000),
    ("Signed Up", "signup", 4_000),
    ("Lead Sent", "lead", 900),
    ("Video Watched", "watch_video", 90),
    ("Refund Asked", "refund", 10),
    ("Old Form Sent", "old_form", 0),
)
FAILURES = (
    ("rejected", "response", "invalid_email", 700),
    ("rejected", "transform", "missing_value", 280),
    ("rejected", "transform", "event_too_old", 20),
    ("dead", "transport", "http_503", 295),
    ("dead", "transport", "worker_lost", 5),
    ("filtered", "transform", "unmapped_event", 1000),
)
"""(status, stage, code, how many of WHOLE)"""

BODY = (
    '{"type":"track","event":"Order Completed","messageId":"mixed","userId":"user","context":'
    '{"ip":"203.0.113.7","userAgent":"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101",'
    '"traits":{"email":"alex@example.com","phone":"+15550100123"}},"properties":{"order_id":"1",'
    '"value":35.5,"currency":"EUR","products":[{"product_id":"sku-1","price":10.5,"quantity":2}]}}'
)


@dataclass(frozen=True, slots=True)
class Mixed:
    """Who takes part; each has eight entries, the last of which stopped long ago."""

    destination_ids: Sequence[int]
    source_ids: Sequence[int]

    def __post_init__(self) -> None:
        if not len(self.destination_ids) == len(self.source_ids) == len(SHARES) + 1:
            raise ValueError("Eight destinations and eight sources.")


def fill_mixed(mixed: Mixed, count: int, now: datetime, batch_size: int = 1000) -> None:
    """``count`` settled events with delivery, attempt and batches; younger half with bodies."""
    first_event, first_delivery = _next_id("deliveries_event"), _next_id("deliveries_delivery")
    first_batch = _next_id("deliveries_batch")
    start, step = now - timedelta(days=LOG_DAYS), timedelta(days=LOG_DAYS) / (count + 1)
    old = int(count * STOPPED_AFTER)
    _run(
        f"""
        INSERT INTO deliveries_event (id, source_id, message_id, type, name, received_at, body)
        SELECT %s + n, (%s::bigint[])[{_pick(1, SHARES, old)}], 'mixed-' || %s + n, 'track',
            (%s::text[])[{_pick(2, _name_shares(), old)}], %s + n * %s::interval,
            CASE WHEN n > %s THEN '\\x00'::bytea || convert_to(%s, 'UTF8') END
        FROM generate_series(0, %s) n
        """,
        [
            first_event,
            list(mixed.source_ids),
            first_event,
            [name for name, _, _ in NAMES],
            start,
            step,
            count // 2,
            BODY,
            count - 1,
        ],
    )
    _run(
        f"""
        INSERT INTO deliveries_delivery (id, event_id, destination_id, conversion_name, status,
            attempt_count, created_at, settled_at, batch_id, batch_position, conversion_event_id,
            error_stage, error_code, error_field, error_message, warnings)
        SELECT %s + n, %s + n, (%s::bigint[])[{_pick(3, SHARES, old)}],
            CASE WHEN failure = {len(FAILURES)} THEN ''
                ELSE (%s::text[])[{_pick(2, _name_shares(), old)}] END,
            (%s::text[])[failure], 1, %s + n * %s::interval,
            %s + n * %s::interval + interval '2 seconds',
            CASE WHEN failure <> {len(FAILURES)} THEN %s + n / %s END,
            CASE WHEN failure <> {len(FAILURES)} THEN n %% %s END, '',
            (%s::text[])[failure], (%s::text[])[failure], '',
            CASE WHEN failure > {len(FAILURES)} THEN '' ELSE 'Said in a sentence.' END, '[]'
        FROM generate_series(0, %s) n,
            LATERAL (SELECT {_pick(4, [share for *_, share in FAILURES], 0)} AS failure) AS picked
        """,
        [
            first_delivery,
            first_event,
            list(mixed.destination_ids),
            [conversion for _, conversion, _ in NAMES],
            [*(status for status, *_ in FAILURES), "delivered"],
            *(start, step, start, step),
            *(first_batch, batch_size, batch_size),
            [*(stage for _, stage, *_ in FAILURES), ""],
            [*(code for _, _, code, _ in FAILURES), ""],
            count - 1,
        ],
    )
    _run(
        """
        INSERT INTO deliveries_attempt (delivery_id, number, batch_id, batch_position, outcome,
            error_stage, error_code, error_field, error_message, ended_at)
        SELECT id, 1, batch_id, batch_position,
            CASE WHEN status = 'delivered' THEN 'delivered' ELSE 'rejected' END, error_stage,
            error_code, '', error_message, settled_at
        FROM deliveries_delivery WHERE id >= %s AND batch_id IS NOT NULL
        """,
        [first_delivery],
    )
    insert_batches(first_batch, mixed.destination_ids, count, batch_size, start, step, rejected=20)
    _move_sequences()


def fill_search_keys() -> None:
    """A key of random place for each event, and the right one for none: the index's size counts."""
    _run(
        "INSERT INTO deliveries_searchkey (digest, event_id) "
        "SELECT hashint8extended(id, 5), id FROM deliveries_event",
        [],
    )


def fill_tallies(destination_ids: Sequence[int], source_ids: Sequence[int], now: datetime) -> None:
    """What the home page adds up: the merged figures of 31 days, forty metrics a destination."""
    moment = int(now.timestamp())
    levels = ((1, 300, 0, 3 * 3600), (2, 3600, 3 * 3600, 8 * 86_400), (3, 86_400, 8, 31))
    for level, seconds, after, until in levels:
        newest, oldest = (
            (moment - after, moment - until)
            if level < 3
            else (moment - after * 86_400, moment - until * 86_400)
        )
        first = oldest // seconds * seconds
        _run(
            """
            INSERT INTO deliveries_tally (level, bucket, destination_id, source_id, metric, count)
            SELECT %s, bucket, destination_id, NULL, metric, 1000
            FROM generate_series(%s::bigint, %s::bigint, %s::bigint) bucket,
                unnest(%s::bigint[]) destination_id,
                (SELECT 'delivered' AS metric
                 UNION ALL SELECT 'rejected:code_' || n FROM generate_series(1, 8) n
                 UNION ALL SELECT 'dead:http_503' UNION ALL SELECT 'filtered:unmapped_event'
                 UNION ALL SELECT 'latency:' || n FROM generate_series(10, 30) n
                 UNION ALL SELECT 'match:' || key
                 FROM unnest(ARRAY['em', 'ph', 'external_id', 'click_id', 'ip_ua']) key) metrics
            UNION ALL
            SELECT %s, bucket, NULL, source_id, 'received', 1000
            FROM generate_series(%s::bigint, %s::bigint, %s::bigint) bucket,
                unnest(%s::bigint[]) source_id
            """,
            [
                *(level, first, newest, seconds, list(destination_ids)),
                *(level, first, newest, seconds, list(source_ids)),
            ],
        )


def _pick(seed: int, shares: Sequence[int], old: int) -> str:
    """SQL: which of ``shares`` row ``n`` belongs to, counted from 1; past the last for the rest.

    With ``old``, every hundredth of the first ``old`` rows belongs to the one after the last share.
    """
    ends = [sum(shares[: place + 1]) for place in range(len(shares))]
    drawn = f"(hashint8extended(n, {seed}) & 1073741823) %% {WHOLE}"
    picked = f"width_bucket(({drawn})::int, ARRAY{[0, *ends]})"
    if not old:
        return picked
    last = len(shares) + 1
    return f"CASE WHEN n < {old} AND n %% 100 = {seed} THEN {last} ELSE {picked} END"


def _name_shares() -> list[int]:
    return [share for *_, share in NAMES[:-1]]
