"""A log of millions of rows, written by PostgreSQL itself: for benchmarks and tests of its
plans."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection

LOG_DAYS = 60
EVENT = (
    '{"type":"track","event":"Order Completed","messageId":"MESSAGE","userId":"user-MESSAGE",'
    '"timestamp":"TIMESTAMP","context":{"ip":"203.0.113.7","userAgent":"Mozilla/5.0 (X11; Linux '
    'x86_64; rv:128.0) Gecko/20100101 Firefox/128.0","traits":{"email":"MESSAGE@example.com",'
    '"phone":"+15550100123","firstName":"Alex","lastName":"Doe","address":{"city":"Berlin",'
    '"country":"DE","postalCode":"10115"}},"page":{"url":"https://shop.example/thanks"}},'
    '"properties":{"order_id":"order-MESSAGE","value":35.5,"currency":"EUR","products":['
    '{"product_id":"sku-1","name":"Mug","price":10.5,"quantity":2},'
    '{"product_id":"sku-2","name":"Pot","price":14.5,"quantity":1}]}}'
)


def fill_closed(
    source_id: int,
    destination_ids: Sequence[int],
    count: int,
    now: datetime,
    batch_size: int = 1000,
) -> None:
    """``count`` settled events with delivery, attempt and batches, over the last LOG_DAYS days.

    Of a hundred deliveries 94 are delivered, the others rejected, dead or filtered.
    """
    first_event, first_delivery = _next_id("deliveries_event"), _next_id("deliveries_delivery")
    first_batch = _next_id("deliveries_batch")
    start = now - timedelta(days=LOG_DAYS)
    step = timedelta(days=LOG_DAYS) / (count + 1)
    insert_batches(first_batch, destination_ids, count, batch_size, start, step, rejected=60)
    _run(
        """
        INSERT INTO deliveries_event (id, source_id, message_id, type, name, received_at, body)
        SELECT %s + n, %s, 'closed-' || %s + n, 'track', 'Order Completed',
            %s + n * %s::interval, CASE WHEN n > %s THEN '\\x007b7d'::bytea END
        FROM generate_series(0, %s) n
        """,
        [first_event, source_id, first_event, start, step, count // 2, count - 1],
    )
    _run(
        """
        INSERT INTO deliveries_delivery (id, event_id, destination_id, conversion_name, status,
            attempt_count, created_at, settled_at, batch_id, batch_position, conversion_event_id,
            error_stage, error_code, error_field, error_message, warnings)
        SELECT %s + n, %s + n, (%s::bigint[])[1 + n %% %s],
            CASE WHEN n %% 100 = 3 THEN '' WHEN n %% 1000 = 0 THEN 'lead' ELSE 'checkout' END,
            CASE WHEN n %% 100 < 2 THEN 'rejected' WHEN n %% 100 = 2 THEN 'dead'
                WHEN n %% 100 = 3 THEN 'filtered' ELSE 'delivered' END,
            1, %s + n * %s::interval, %s + n * %s::interval + interval '2 seconds',
            %s + n / %s, n %% %s, '',
            CASE WHEN n %% 100 < 3 THEN 'response' ELSE '' END,
            CASE WHEN n %% 100 < 2 THEN 'invalid_email' WHEN n %% 100 = 2 THEN 'http_503'
                WHEN n %% 100 = 3 THEN 'unmapped_event' ELSE '' END,
            '', '', '[]'
        FROM generate_series(0, %s) n
        """,
        [
            first_delivery,
            first_event,
            list(destination_ids),
            len(destination_ids),
            *(start, step, start, step),
            *(first_batch, batch_size, batch_size),
            count - 1,
        ],
    )
    _run(
        """
        INSERT INTO deliveries_attempt (delivery_id, number, batch_id, batch_position, outcome,
            error_stage, error_code, error_field, error_message, ended_at)
        SELECT %s + n, 1, %s + n / %s, n %% %s, 'delivered', '', '', '', '',
            %s + n * %s::interval
        FROM generate_series(0, %s) n
        """,
        [first_delivery, first_batch, batch_size, batch_size, start, step, count - 1],
    )
    _move_sequences()


def insert_batches(
    first_batch: int,
    destination_ids: Sequence[int],
    count: int,
    batch_size: int,
    start: datetime,
    step: timedelta,
    *,
    rejected: int,
) -> None:
    """The batches of ``count`` deliveries, ``rejected`` of each thousand refused."""
    _run(
        """
        INSERT INTO deliveries_batch (id, destination_id, sent_at, duration_ms, api_version,
            test_mode, conversion_count, delivered_count, rejected_count, retryable_count,
            was_split, status_code, error_code, error_message, request_id, rate_limit_headers,
            request_body, response_body)
        SELECT %s + n, (%s::bigint[])[1 + n %% %s], %s + n * %s::interval, 50, 'v5', false, 1000,
            %s, %s, 0, false, 200, '', '', 'rid', '{}', '\\x007b7d', '\\x007b7d'
        FROM generate_series(0, %s) n
        """,
        [
            first_batch,
            list(destination_ids),
            len(destination_ids),
            start,
            step * batch_size,
            1000 - rejected,
            rejected,
            (count - 1) // batch_size,
        ],
    )


def fill_due(source_id: int, destination_ids: Sequence[int], count: int, now: datetime) -> None:
    """``count`` events of about 900 bytes with a pending delivery each, due within the last
    hour."""
    first_event, first_delivery = _next_id("deliveries_event"), _next_id("deliveries_delivery")
    start, step = now - timedelta(hours=1), timedelta(hours=1) / (count + 1)
    _run(
        """
        INSERT INTO deliveries_event (id, source_id, message_id, type, name, received_at, body)
        SELECT %s + n, %s, 'due-' || %s + n, 'track', 'Order Completed', %s + n * %s::interval,
            '\\x00'::bytea || convert_to(replace(%s, 'MESSAGE', 'due-' || %s + n), 'UTF8')
        FROM generate_series(0, %s) n
        """,
        [
            first_event,
            source_id,
            first_event,
            start,
            step,
            EVENT.replace("TIMESTAMP", start.isoformat()),
            first_event,
            count - 1,
        ],
    )
    _run(
        """
        INSERT INTO deliveries_delivery (id, event_id, destination_id, conversion_name, status,
            due_at, attempt_count, created_at, conversion_event_id, error_stage, error_code,
            error_field, error_message, warnings)
        SELECT %s + n, %s + n, (%s::bigint[])[1 + n %% %s], 'checkout', 'pending',
            %s + n * %s::interval, 0, %s + n * %s::interval, '', '', '', '', '', '[]'
        FROM generate_series(0, %s) n
        """,
        [
            first_delivery,
            first_event,
            list(destination_ids),
            len(destination_ids),
            *(start, step, start, step),
            count - 1,
        ],
    )
    _move_sequences()


def analyze() -> None:
    """Tell the planner what is there, as autovacuum does (not allowed inside a transaction)."""
    _run("VACUUM (ANALYZE)", [])


def _next_id(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT nextval(pg_get_serial_sequence('{table}', 'id'))")
        return int(cursor.fetchone()[0])


def _move_sequences() -> None:
    for table in ("deliveries_event", "deliveries_delivery", "deliveries_batch"):
        _run(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), "
            f"(SELECT COALESCE(MAX(id), 1) FROM {table}))",
            [],
        )


def _run(statement: str, parameters: Sequence[object]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
