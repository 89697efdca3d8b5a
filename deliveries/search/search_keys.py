"""Finding events by order, email address or user ID, without storing any of them in plain text.

A key is 8 bytes of a keyed hash of the value, spelled as it is when it is sent to Pinterest. Keys
are written after the events, in steps of a task of the lowest priority: ingest and delivery pay
nothing for them. Events that have none yet are read by the search itself, newest first, for a
bounded time (``newest_with``), so that an event can be found as soon as it is stored.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, NamedTuple

import orjson
from django.conf import settings
from django.db.models import QuerySet

from deliveries.db.bulk_sql import insert_rows
from deliveries.db.compression import unpack
from deliveries.models import Event, JobCursor, SearchKey, locked_cursor
from destinations.pinterest.normalise import email as normalise_email

STEP = 1000
SETTLING = timedelta(seconds=30)
"""Younger events wait: ids are given before the commit, and a lower one may still appear."""

NEWEST_SECONDS = 0.15
"""No other step of a search among the events without keys begins after so long."""
NEWEST_STEP = 500

CURSOR = "search keys"
_HASH_DIGITS = 64
_EMAIL_PATHS = (
    ("context", "traits", "email"),
    ("traits", "email"),
    ("properties", "email"),
    ("context", "email"),
)
_ORDER_PATHS = (
    ("properties", "order_id"),
    ("properties", "orderId"),
)


def index_step(now: datetime) -> int:
    """Write the keys of the next events; returns how many events were looked at."""
    with locked_cursor(CURSOR, now) as cursor:
        if cursor is None:
            return 0
        times = (
            Event.objects.filter(pk__gt=cursor.position)
            .order_by("pk")
            .values_list("pk", "received_at")[:STEP]
        )
        settled = list(takewhile(lambda row: row[1] <= now - SETTLING, times))
        if not settled:
            return 0
        last_id = settled[-1][0]
        events = Event.objects.filter(pk__gt=cursor.position, pk__lte=last_id)
        if settled[0][1] < now - timedelta(days=settings.BODY_RETENTION_DAYS) / 2:
            # The retention may be taking their bodies: it takes the keys only of what it waits for.
            events = events.select_for_update(no_key=True)
        keys = [
            (digest, pk)
            for pk, body in events.order_by("pk").each_body()
            for digest in sorted(set(_digests_of(orjson.loads(unpack(body)))))
        ]
        if keys:
            insert_rows(SearchKey, ("digest", "event_id"), keys)
        cursor.position = last_id
        cursor.save()
    return len(settled)


def index_events(now: datetime, is_over: Callable[[], bool] = lambda: False) -> int:
    """Go on until every event has its keys, or ``is_over``; returns how many events."""
    total = 0
    while not is_over():
        count = index_step(now)
        total += count
        if count < STEP:
            break
    return total


def events_with(term: str, *, of_people: bool = True) -> QuerySet[SearchKey, int]:
    """IDs of the events of this order, email address (or its SHA-256) or user ID; newest first.

    Without ``of_people`` of this order only. Events without keys are found by ``newest_with``.
    """
    return (
        SearchKey.objects.filter(digest__in=_digests_for(term, of_people))
        .order_by("-event_id")
        .values_list("event_id", flat=True)
    )


class Newest(NamedTuple):
    """``event_ids`` found among the events without keys; newest first.

    ``unread_since``, ``unread_until``: when the events were received that time did not suffice for;
    None if all were read.
    """

    event_ids: list[int]
    unread_since: datetime | None = None
    unread_until: datetime | None = None


def newest_with(term: str, *, of_people: bool = True, seconds: float | None = None) -> Newest:
    """Among the events that ``index_step`` has not come to: what ``events_with`` finds later.

    Two queries for each NEWEST_STEP events, until ``seconds`` (None: NEWEST_SECONDS) are over.
    """
    if not settings.SEARCH_KEYS:
        return Newest([])
    deadline = time.monotonic() + (NEWEST_SECONDS if seconds is None else seconds)
    wanted = set(_digests_for(term, of_people))
    position = JobCursor.objects.filter(pk=CURSOR).values_list("position", flat=True).first() or 0
    unread = Event.objects.filter(pk__gt=position)
    found: list[int] = []
    while True:
        ids = list(unread.order_by("-pk").values_list("pk", flat=True)[:NEWEST_STEP])
        if not ids:
            return Newest(found)
        events = Event.objects.filter(pk__gte=ids[-1], pk__lte=ids[0])
        found += [
            pk
            for pk, body in events.order_by("-pk").each_body()
            if not wanted.isdisjoint(_digests_of(orjson.loads(unpack(body))))
        ]
        if len(ids) < NEWEST_STEP:
            return Newest(found)
        unread = Event.objects.filter(pk__gt=position, pk__lt=ids[-1])
        if time.monotonic() > deadline:
            times = unread.values_list("received_at", flat=True)
            first, last = times.order_by("pk").first(), times.order_by("-pk").first()
            return Newest(found, first, last)


def _digests_for(term: str, of_people: bool) -> list[int]:
    digests = [_digest("order", term.strip())]
    if of_people:
        digests.append(_digest("user", term.strip()))
        if hashed := _hashed_email(term):
            digests.append(_digest("email", hashed))
    return digests


def names_a_person(term: str) -> bool:
    """Whether this is an email address, or the hash of something."""
    stripped = term.strip().lower()
    return "@" in stripped or _is_hash(stripped)


def _is_hash(text: str) -> bool:
    return len(text) == _HASH_DIGITS and not set(text) - set("0123456789abcdef")


def _digests_of(event: Any) -> Iterator[int]:
    for path in _EMAIL_PATHS:
        text = _text_at(event, path)
        if text and (hashed := _hashed_email(text)):
            yield _digest("email", hashed)
    for path in _ORDER_PATHS:
        if text := _text_at(event, path):
            yield _digest("order", text)
    if text := _text_at(event, ("userId",)):
        yield _digest("user", text)


def _hashed_email(text: str) -> str:
    """As Pinterest gets it: SHA-256 of the normalised address; a hash stays as it is."""
    stripped = text.strip().lower()
    if _is_hash(stripped):
        return stripped
    normalised = normalise_email(stripped)
    if not isinstance(normalised, str) or not normalised:
        return ""
    return hashlib.sha256(normalised.encode("utf-8", "replace")).hexdigest()


def _text_at(event: Any, path: tuple[str, ...]) -> str:
    value = event
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value.strip() if isinstance(value, str) else ""


def _digest(kind: str, text: str) -> int:
    raw = hashlib.blake2b(
        f"{kind}:{text}".encode("utf-8", "replace"),
        digest_size=8,
        key=settings.SECRET_KEY.encode()[:64],
    ).digest()
    return int.from_bytes(raw, "big", signed=True)
