"""Abuse: whatever comes in, the answer is a known one and says truly what was stored.

300 requests by default; ``FUZZ_EXAMPLES=20000`` for a long run, ``FUZZ_SEED`` for another one.
"""

from __future__ import annotations

import gc
import gzip
import io
import itertools
import json
import logging
import os
import resource
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from deliveries.ingest.urls import event_views
from deliveries.models import Event, Refusal
from destinations.models import Destination, Source
from tests.deliveries.ingest.sender import WRITE_KEY, basic

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "300"))
FIRST_SEED = int(os.environ.get("FUZZ_SEED", "1"))
ROUND = 500
STATUSES = {200, 204, 302, 400, 401, 403, 404, 405, 413, 415}
SLOWEST_SECONDS = 5
LARGEST_GROWTH_BYTES = 50_000_000

numbers = itertools.count()


@dataclass(frozen=True)
class Sent:
    """A request; ``event_count`` when it is known how many events a sound reader finds in it."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    event_count: int | None = None


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=True)
    | st.text(st.characters(), max_size=30)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def unique_id() -> str:
    return f"fuzz-{next(numbers)}"


message_ids = st.one_of(
    st.just(None), st.builds(unique_id), st.just(["no text"]), st.just("x" * 300), st.just("\x00")
)
events = st.fixed_dictionaries(
    {"anonymousId": st.one_of(*map(st.just, "abcdefg"), scalars)},
    optional={
        "messageId": message_ids,
        "userId": scalars | st.just("u"),
        "type": st.sampled_from(["track", "page", " Screen", "identify", "x" * 30, 7, None]),
        "event": scalars | st.just("Order Completed") | st.just("y" * 300),
        "name": scalars,
        "timestamp": scalars | st.just("2026-01-01T00:00:00Z"),
        "originalTimestamp": scalars | st.just("0001-01-01"),
        "sentAt": scalars | st.just("9999-12-31T23:59:59+14:00"),
        "receivedAt": scalars,
        "request_ip": scalars,
        "integrations": values,
        "properties": values,
        "context": values,
        "traits": values,
        "large": st.just("z" * 3000),
    },
)
EVENT_PATHS = sorted(event_views)
BATCH_PATHS = [path for path in EVENT_PATHS if path.endswith(("batch", "import", "/b"))]
SINGLE_PATHS = [path for path in EVENT_PATHS if path not in BATCH_PATHS]
OTHER_PATHS = ["pixel/v1/track", "pixel/v1/page", "sourceConfig", "sourceConfig/", "health", "v1/x"]
noise = st.text(st.characters(max_codepoint=255), max_size=40)
headers = st.fixed_dictionaries(
    {},
    optional={
        "HTTP_AUTHORIZATION": noise | st.just("Basic " + "A" * 4000),
        "HTTP_ORIGIN": noise | st.just("https://shop.example"),
        "HTTP_X_FORWARDED_FOR": noise,
        "HTTP_HOST": noise,
        "HTTP_USER_AGENT": noise,
        "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": noise,
        "HTTP_CONTENT_ENCODING": st.sampled_from(["gzip", "GZIP", "br", "identity"]) | noise,
        "HTTP_TRANSFER_ENCODING": st.sampled_from(["chunked", "gzip"]),
        "CONTENT_TYPE": noise,
        "CONTENT_LENGTH": st.sampled_from(["", "-1", "0", "7", "99999999999", "1e3"]) | noise,
        "REMOTE_ADDR": noise,
    },
)


def write(value: Any) -> bytes:
    """As text that a careless sender might write: NaN and lone surrogates included."""
    return json.dumps(value).encode()


def damage(body: bytes, position: int, piece: bytes) -> bytes:
    position %= len(body) + 1
    return body[:position] + piece + body[position + 1 :]


bodies = st.one_of(
    st.binary(max_size=200),
    st.builds(write, values),
    st.builds(damage, st.builds(write, events), st.integers(0, 500), st.binary(max_size=3)),
    st.builds(lambda listed: write({"batch": listed}), st.lists(events | values, max_size=5)),
    st.builds(lambda count: b"[" * count + b"]" * count, st.integers(100, 3000)),
    st.builds(lambda size: b" " * size + b"{}", st.integers(15_000, 25_000)),
)
bodies |= bodies.map(gzip.compress) | bodies.map(lambda body: gzip.compress(body)[:-4])
anything = st.builds(
    Sent,
    method=st.sampled_from(["POST", "POST", "POST", "GET", "HEAD", "OPTIONS", "PUT", "BREW"]),
    path=st.sampled_from(EVENT_PATHS + OTHER_PATHS) | noise,
    query=noise | st.just(f"writeKey={WRITE_KEY}"),
    headers=headers,
    body=bodies,
)


def send_well(path: str, value: Any, event_count: int, zipped: bool) -> Sent:
    body = gzip.compress(write(value)) if zipped else write(value)
    encoding = {"HTTP_CONTENT_ENCODING": "gzip"} if zipped else {}
    return Sent(
        "POST", path, "", {"HTTP_AUTHORIZATION": basic(WRITE_KEY), **encoding}, body, event_count
    )


singles = st.builds(send_well, st.sampled_from(SINGLE_PATHS), events, st.just(1), st.booleans())
batches = st.lists(events, min_size=1, max_size=5).flatmap(
    lambda listed: st.builds(
        send_well,
        st.sampled_from(BATCH_PATHS),
        st.just({"batch": listed}),
        st.just(len(listed)),
        st.booleans(),
    )
)


def call(application: WSGIHandler, sent: Sent) -> tuple[int, bytes]:
    """Through the whole application, as a server calls it."""
    environ = {
        "REQUEST_METHOD": sent.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": "/" + sent.path,
        "QUERY_STRING": sent.query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(sent.body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(sent.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        **sent.headers,
    }
    statuses: list[int] = []
    response = application(environ, lambda line, _: statuses.append(int(line.split()[0])))
    try:
        return statuses[0], b"".join(response)
    finally:
        response.close()


@pytest.fixture
def _quiet() -> Iterator[None]:
    """pytest keeps what is logged, and here every other request is worth a warning."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def _kept_connection() -> Iterator[None]:
    """Requests of this thread leave the test's transaction open, as with Django's test client."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.usefixtures("_kept_connection", "_quiet")
@pytest.mark.timeout(3600)
def test_no_request_breaks_ingest_and_every_answer_is_true(
    source: Source, destination: Destination, settings: Any
) -> None:
    settings.MAX_REQUEST_BYTES, settings.MAX_EVENT_BYTES = 20_000, 2_000
    application = WSGIHandler()
    seen: Counter[int] = Counter()
    stored, refused = 0, 0

    def last_id(model: Any) -> int:
        return model.objects.order_by("-id").values_list("id", flat=True).first() or 0

    def count_after(model: Any, before: int) -> int:
        return model.objects.filter(id__gt=before).count()

    def fuzz(sent: Sent) -> None:
        nonlocal stored, refused
        event_id, refusal_id = last_id(Event), last_id(Refusal)
        started_at = time.perf_counter()
        status, body = call(application, sent)
        assert time.perf_counter() - started_at < SLOWEST_SECONDS
        assert status in STATUSES, (status, body)
        new_events, new_refusals = count_after(Event, event_id), count_after(Refusal, refusal_id)
        if sent.path in event_views:
            assert (new_events > 0) == ((status, body) == (200, b"OK")), (status, body)
        if sent.event_count is not None:
            assert status in (200, 400)
            assert new_events + new_refusals == sent.event_count
        seen[status] += 1
        stored += new_events
        refused += new_refusals

    # In rounds: Hypothesis keeps a tree of all it has tried until a round is over.
    memory_after_round = []
    for number in range(-(-EXAMPLES // ROUND)):
        run = hypothesis_settings(given(st.one_of(anything, singles, batches))(fuzz))
        seed(FIRST_SEED + number)(run)()
        gc.collect()
        memory_after_round.append(read_memory())
    assert sum(seen.values()) >= EXAMPLES
    assert min(seen[status] for status in (200, 400, 401)) > 0
    assert (Event.objects.count(), Refusal.objects.count()) == (stored, refused)
    grown = memory_after_round[-1] - memory_after_round[0]
    assert grown < LARGEST_GROWTH_BYTES
    print(f"answers: {dict(seen)}; events: {stored}; refusals: {refused}; memory: +{grown:,} bytes")


def read_memory() -> int:
    """What this process holds now, in bytes."""
    resident_pages = Path("/proc/self/statm").read_text().split()[1]
    return int(resident_pages) * resource.getpagesize()


hypothesis_settings = settings(
    max_examples=min(EXAMPLES, ROUND),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
