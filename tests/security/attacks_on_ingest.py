"""Attacks on the routes that anybody can reach, without a key or with a public one."""

from __future__ import annotations

import gzip
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import quantiles
from typing import Any

import orjson
import requests

from deliveries.db.compression import unpack
from tests.deliveries.ingest.sender import basic
from tests.deliveries.ingest.test_hostile_bodies import ALLOWED, HOSTILE, LARGEST, fill
from tests.factories import make_event
from tests.flow.test_hostile_bodies import MAX_GROWTH_BYTES, MAX_TIMES_HONEST
from tests.flow.test_refused_alike import paused_code, post_backfill
from tests.outsider import first_answer, read_all, slow_clients
from tests.security.target import RATE, Row, Target, took

MAX_TIMES_SLOWER = 5
"""The promise is twice, on a machine that does nothing else."""
VISITOR, OTHER_VISITOR, FORGED = "198.51.100.7", "198.51.100.8", "203.0.113.66"


def silent_connections(target: Target) -> Iterator[Row]:
    """1: connections that send a beginning and then nothing."""
    count = 60 if target.is_short else 1_000
    port = target.stack.port
    with requests.Session() as session:

        def p99_ms() -> float:
            seconds = []
            for number in range(150):
                event = make_event(messageId=f"beside-{time.monotonic_ns()}-{number}")
                took_seconds, answer = took(
                    lambda event=event: session.post(
                        f"{target.stack.url}/v1/track",
                        json=event,
                        auth=(target.shop.write_key, ""),
                        timeout=30,
                    )
                )
                assert answer.status_code == 200
                seconds.append(took_seconds)
            return 1000 * quantiles(seconds, n=100)[98]

        p99_ms()  # connections and caches
        before = p99_ms()
        with slow_clients(port, count) as clients:
            beside = p99_ms()
            health = requests.get(f"{target.stack.url}/health", timeout=30).status_code
            login = requests.get(f"{target.stack.url}/admin/login/", timeout=30).status_code
            sample = [] if target.is_short else clients[:10]  # it waits for the deadline
            seconds, answers = took(lambda: [read_all(client) for client in sample])
        alone = max(before, p99_ms())
    yield Row(
        1,
        f"{count:,} silent connections without a key: p99 of others' events",
        f"{beside:.0f} ms ({beside / alone:.1f} ×)",
        f"≤ {MAX_TIMES_SLOWER} × {alone:.0f} ms",
        beside <= MAX_TIMES_SLOWER * alone,
    )
    yield Row(
        1,
        "… /health and a page meanwhile",
        f"{health}, {login}",
        "200, 200",
        (health, login) == (200, 200),
    )
    closed = sum(answer == b"" or answer.startswith(b"HTTP/1.1 408 ") for answer in answers)
    if sample:
        yield Row(
            1,
            "… and they are told so and closed",
            f"{closed} of 10 after another {seconds:.0f} s",
            "10 of 10, ≤ 30 s",
            closed == 10 and seconds <= 30,
        )
    head = b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n"
    said = first_answer(port, head).split(b"\r\n")[0].decode()
    yield Row(
        1, "1 GB announced: refused before it is read", said, "413", said.startswith("HTTP/1.1 413")
    )
    said = first_answer(port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").split(b"\r\n")[0].decode()
    yield Row(
        1, "h2c on the public port", said or "closed", "no HTTP/2", said[:8] in ("", "HTTP/1.1")
    )


def costly_bodies(target: Target) -> Iterator[Row]:
    """2: bodies of 4 MB made to cost as much as they can, with a key and without."""
    event = '{{"type":"track","event":"A","userId":"u-{0}","messageId":"honest-{0}","note":"{1}"}}'
    events = (event.format(number, "x" * 900) for number in range(4_000))
    honest = ('{"batch":[' + ",".join(events) + "]}").encode()
    assert len(honest) <= LARGEST
    key = target.shop.write_key

    def send(body: bytes, write_key: str = key, headers: dict[str, str] | None = None) -> int:
        auth = (write_key, "") if write_key else None
        url = f"{target.stack.url}/v1/batch"
        return requests.post(url, body, auth=auth, headers=headers, timeout=120).status_code

    send(fill('{"userId":"u"}', '{"batch":[', "]}", 1_000))
    honest_seconds = target.cpu_seconds_of(lambda: send(honest))
    bodies = {**HOSTILE, **ALLOWED}
    if target.is_short:
        names = ("lists", "objects of one", "deep", "write keys", "wrong events", "different keys")
        bodies = {name: bodies[name] for name in names}
    for title, write_key, wanted in (("without a key", "", {401}), ("with one", key, {400, 413})):
        statuses, costs, growths = set(), [], []
        for body in bodies.values():
            resident, before = target.worker.forget_peak(), target.worker.cpu_seconds()
            statuses.add(send(body, write_key))
            costs.append(target.worker.cpu_seconds() - before)
            growths.append(target.worker.peak() - resident)
        cost, growth = max(costs), max(growths)
        yield Row(
            2,
            f"{len(bodies)} bodies of 4 MB {title}: the worst one's processor time",
            f"{cost:.2f} s ({cost / honest_seconds:.1f} ×)",
            f"≤ {MAX_TIMES_HONEST} × an honest one's {honest_seconds:.2f} s",
            cost <= MAX_TIMES_HONEST * honest_seconds,
        )
        yield Row(
            2,
            "… memory, and the answers",
            f"{growth / 1e6:.0f} MB; {', '.join(map(str, sorted(statuses)))}",
            f"≤ {MAX_GROWTH_BYTES / 1e6:.0f} MB; {' or '.join(map(str, sorted(wanted)))}",
            growth <= MAX_GROWTH_BYTES and statuses <= wanted,
        )
    noise = os.urandom(5_000).hex()  # with it the body unpacks to less than 500 times its size
    for body in (
        HOSTILE["lists"],
        fill("{}", f'{{"userId":"{noise}","p":[', "]}"),
    ):
        bomb = gzip.compress(body, 9)
        resident, before = target.worker.forget_peak(), target.worker.cpu_seconds()
        with ThreadPoolExecutor(8) as pool:
            statuses = set(
                pool.map(send, [bomb] * 8, [key] * 8, [{"Content-Encoding": "gzip"}] * 8)
            )
        cost = target.worker.cpu_seconds() - before
        growth = target.worker.peak() - resident
        yield Row(
            2,
            f"eight at once of {len(bomb) / 1000:.1f} KB gzip that become 4 MB each",
            f"{cost:.2f} s ({cost / honest_seconds:.1f} ×), {growth / 1e6:.0f} MB; {statuses}",
            f"≤ {MAX_TIMES_HONEST} ×, ≤ {2 * MAX_GROWTH_BYTES / 1e6:.0f} MB; {{413}}",
            cost <= MAX_TIMES_HONEST * honest_seconds
            and growth <= 2 * MAX_GROWTH_BYTES
            and statuses == {413},
        )


def forged_addresses(target: Target) -> Iterator[Row]:
    """6: headers that pass for the proxy's."""
    key = target.shop.write_key
    forged = {
        "X_Forwarded_For before the proxy's": f"X_Forwarded_For: {FORGED}\r\nX-Forwarded-For: "
        f"{VISITOR}",
        "X_Forwarded_For after the proxy's": f"X-Forwarded-For: {VISITOR}\r\nX_Forwarded_For: "
        f"{FORGED}",
        "an entry in front of the proxy's": f"X-Forwarded-For: {FORGED}, {VISITOR}",
    }
    for title, lines in forged.items():
        found = _address_stored(target, target.stack.port, key, lines)
        yield Row(6, title, found, VISITOR, found == VISITOR)
    lines = f"X-Forwarded-For: {FORGED}\r\nX-Real-IP: {VISITOR}\r\nX-Forwarded-Proto: https"
    found = _address_stored(target, target.guarded_port, key, lines)
    yield Row(6, "X-Forwarded-For where X-Real-IP is the proxy's", found, VISITOR, found == VISITOR)


def _address_stored(target: Target, port: int, key: str, lines: str) -> str:
    """The visitor's address of an event that came with these header lines."""
    event = make_event()
    body = orjson.dumps(event)
    head = (
        f"POST /v1/track HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        f"Authorization: {basic(key)}\r\n{lines}\r\nConnection: close\r\n\r\n"
    )
    answer = first_answer(port, head.encode() + body)
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    ((stored,),) = target.stack.rows(
        "SELECT body FROM deliveries_event WHERE message_id = %s", event["messageId"]
    )
    return str(orjson.loads(unpack(stored)).get("request_ip"))


def floods(target: Target) -> Iterator[Row]:
    """11: more than a source, or a visitor with a public key, may send."""
    shop = target.shops["limited"]
    with ThreadPoolExecutor(20) as pool:
        seconds, statuses = took(
            lambda: Counter(
                pool.map(lambda _: target.post(make_event(), shop.write_key), range(80))
            )
        )
    most = RATE * (1 + seconds) + 1
    yield Row(
        11,
        f"80 requests from 20 threads in {seconds:.1f} s at {RATE}/s",
        f"{statuses[200]} accepted, {statuses[429]} told to wait",
        f"≤ {most:.0f} accepted",
        0 < statuses[200] <= most and statuses[200] + statuses[429] == 80,
    )
    shop = target.shops["limited, for a batch"]
    batch: dict[str, Any] = {"batch": [{"userId": "1"} for _ in range(3_000)]}
    found = [
        target.post(batch, shop.write_key, "/v1/batch"),
        *(target.post(make_event(), shop.write_key) for _ in range(3)),
    ]
    yield Row(
        11,
        "3,000 events in one request, then others",
        str(found),
        "429 after it",
        200 not in found[1:],
    )
    shop = target.shops["public"]
    batch = {"batch": [{"userId": "1"} for _ in range(700)]}
    found = [
        target.post(batch, shop.write_key, "/v1/batch", headers={"X-Forwarded-For": VISITOR}),
        target.post(make_event(), shop.write_key, headers={"X-Forwarded-For": VISITOR}),
        target.post(make_event(), shop.write_key, headers={"X-Forwarded-For": OTHER_VISITOR}),
    ]
    yield Row(
        11,
        "a visitor with a public key sends 700 events; he, and another",
        str(found[1:]),
        "[429, 200]",
        found[1:] == [429, 200],
    )


def stolen_message_id(target: Target) -> Iterator[Row]:
    """12: a stranger sends something under the message ID that an order will have."""
    shop = target.shops["public, with an order"]
    order = make_event(messageId="order-1001", userId="customer-1")
    fake = make_event(messageId="order-1001", userId="stranger")
    found = [target.post(one, shop.write_key) for one in (fake, order, order)]
    statuses = target.stack.wait_until(
        lambda: (now := target.stack.statuses(shop)).get("delivered", 0) >= 2 and now, seconds=30
    )
    notes = target.stack.rows(
        "SELECT code FROM deliveries_refusal WHERE source_id = %s", shop.source_id
    )
    yield Row(
        12,
        "the stranger's, the order, the order again",
        f"{found}, {statuses.get('delivered')} delivered, noted {len(notes)} ×",
        "2 delivered, noted once",
        statuses == {"delivered": 2} and notes == [("message_id_conflict",)],
    )


def foreign_page(target: Target) -> Iterator[Row]:
    """13: the image tag of a page that is not on the list, which sends no Origin."""
    shop = target.shops["of pages alone"]

    def stored_from(page: str) -> int:
        before = target.events_of(shop)
        requests.get(
            f"{target.stack.url}/pixel/v1/track",
            params={"writeKey": shop.write_key, "anonymousId": page, "event": "Seen"},
            headers={"Referer": page},
            timeout=30,
        )
        return target.events_of(shop) - before

    foreign = [
        stored_from(page)
        for page in (
            "https://evil.example/",
            "https://shop.example.evil.example/",
            "http://shop.example/",
            "https://evil.example/?https://shop.example/",
        )
    ]
    own = stored_from("https://shop.example/checkout")
    yield Row(
        13,
        "a pixel from four foreign pages, and from the shop's",
        f"{sum(foreign)} and {own} stored",
        "0 and 1 stored",
        (sum(foreign), own) == (0, 1),
    )


def poisoned_destination(target: Target) -> Iterator[Row]:
    """16: a batch of events that Pinterest refuses in the same words."""
    shop = target.shops["public, with a backfill"]
    target.stack.sandbox.add_fault(f"max_age=7,account={shop.advertiser_id}")
    post_backfill(target.stack, shop, 30, 0)
    target.stack.wait_until(lambda: target.stack.statuses(shop) == {"rejected": 30}, seconds=60)
    post_backfill(target.stack, shop, 5, 3)
    wanted = {"rejected": 35, "delivered": 3}
    target.stack.wait_until(lambda: target.stack.statuses(shop) == wanted, seconds=60)
    code = paused_code(target.stack, shop)
    yield Row(
        16,
        "35 events that Pinterest refuses alike, 3 orders after them",
        f"{target.stack.statuses(shop)}, {code or 'not paused'}",
        f"{wanted}, not paused",
        code == "" and target.stack.statuses(shop) == wanted,
    )
