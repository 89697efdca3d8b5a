"""A load generator for one machine: raw keep-alive sockets, one thread, latencies of every request.

``python -m benchmarks.load`` reads its orders as JSON on standard input (the fields of ``Orders``)
and writes what it measured as JSON; it is a process of its own, so that it shares no interpreter
with what it measures.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from benchmarks.people import EVENTS_OF_A_VISIT, KINDS, identify, visitor


@dataclass(frozen=True, slots=True)
class Orders:
    """What to send. ``rate`` None: as fast as ``connections`` allow; else requests a second.

    ``kind``: of all visits; "" for those of ``people.KINDS`` in turn. ``first_visit``: counted from
    which known people come.
    """

    host: str
    port: int
    path: str
    authorization: str
    seconds: float
    connections: int
    batch_size: int = 1
    rate: float | None = None
    kind: str = ""
    first_visit: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """What came back. Latencies count from when a request was due, not from when it left."""

    request_count: int
    error_count: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    first_error: str = ""


VISITS_AT_ONCE = 1000
"""Each does something, then each does the next thing: a person's events are not all in flight."""


def make_event(message_id: str, kind: str, visit: str) -> str:
    """An order as a browser SDK sends it, about 1 KB; a visit is a person with a device."""
    return json.dumps(
        identify(
            {
                "type": "track",
                "event": "Order Completed",
                "messageId": message_id,
                "channel": "web",
                "originalTimestamp": "2026-11-23T17:29:23.896Z",
                "sentAt": "2026-11-23T17:29:24.012Z",
                "integrations": {"All": True},
                "properties": {
                    "order_id": message_id[:8],
                    "value": 84.5,
                    "currency": "EUR",
                    "products": [
                        {"product_id": "sku-1", "name": "Lamp", "price": 35.0, "quantity": 1},
                        {"product_id": "sku-2", "name": "Rug", "price": 49.5, "quantity": 1},
                    ],
                },
                "context": {
                    "ip": "203.0.113.9",
                    "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0",
                    "locale": "en-US",
                    "timezone": "GMT+0100",
                    "screen": {"width": 1920, "height": 1080, "density": 1},
                    "library": {"name": "RudderLabs JavaScript SDK", "version": "3.34.1"},
                    "page": {
                        "path": "/checkout/thanks",
                        "referrer": "https://www.pinterest.com/",
                        "title": "Thank you",
                    },
                },
            },
            kind,
            visit,
        ),
        separators=(",", ":"),
    )


def make_requests(orders: Orders) -> Iterator[bytes]:
    """Endless different requests; only the message IDs differ, and who it is after some events."""
    mark, visit_mark = str(uuid.UUID(int=0)), str(uuid.UUID(int=1))
    templates = {
        kind: make_event(mark, kind, visit_mark).encode().split(mark.encode())
        for kind in set(KINDS)
    }
    visit_of = visit_mark.encode()
    head = (
        f"POST {orders.path} HTTP/1.1\r\nHost: {orders.host}:{orders.port}\r\n"
        f"Authorization: {orders.authorization}\r\nContent-Type: application/json\r\n"
    ).encode()
    prefix = uuid.uuid4().hex[:16]
    number = 0
    while True:
        events = []
        for _ in range(orders.batch_size):
            message_id = f"{prefix}-{number:019}".encode()
            turn, place = divmod(number, VISITS_AT_ONCE)
            visit_number = turn // EVENTS_OF_A_VISIT * VISITS_AT_ONCE + place
            kind = orders.kind or KINDS[visit_number % len(KINDS)]
            who = (
                visitor(orders.first_visit + visit_number)
                if kind == "known"
                else f"{prefix}-{visit_number:015d}"
            )
            event = message_id.join(templates[kind]).replace(visit_of, who.encode())
            events.append(event)
            number += 1
        body = events[0] if orders.batch_size == 1 else b'{"batch":[%s]}' % b",".join(events)
        yield b"%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body)


class Connection:
    """A keep-alive connection with at most one request under way."""

    def __init__(self, orders: Orders) -> None:
        self.socket = socket.create_connection((orders.host, orders.port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due_at = 0.0
        self.received = b""

    def send(self, request: bytes, due_at: float) -> None:
        self.due_at = due_at
        self.socket.sendall(request)

    def receive(self) -> tuple[int, bytes] | None:
        """(status, body) when the answer is complete."""
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionError("the server closed the connection")
        self.received += piece
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator:
            return None
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) < length:
            return None
        self.received = b""
        return int(head[9:12]), body


def run_load(orders: Orders) -> Measured:
    """Send for ``orders.seconds``, wait for all answers."""
    connections = [Connection(orders) for _ in range(orders.connections)]
    by_number = {connection.socket.fileno(): connection for connection in connections}
    poll = select.epoll()
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    requests = make_requests(orders)
    idle = deque(connections)
    latencies: list[float] = []
    first_error = ""
    error_count = sent_count = 0
    started_at = time.perf_counter()
    ends_at = started_at + orders.seconds
    while True:
        now = time.perf_counter()
        timeout = 1.0
        while idle and now < ends_at:
            due_at = now if orders.rate is None else started_at + sent_count / orders.rate
            if due_at > now:
                timeout = due_at - now
                break
            idle.popleft().send(next(requests), due_at)
            sent_count += 1
        if now >= ends_at and len(idle) == len(connections):
            break
        for number, _ in poll.poll(min(timeout, max(ends_at - now, 0.05))):
            connection = by_number[number]
            answer = connection.receive()
            if answer is None:
                continue
            latencies.append(time.perf_counter() - connection.due_at)
            idle.append(connection)
            if answer != (200, b"OK"):
                error_count += 1
                first_error = first_error or repr(answer)
    seconds = time.perf_counter() - started_at
    for connection in connections:
        connection.socket.close()
    latencies.sort()
    return Measured(
        request_count=len(latencies),
        error_count=error_count,
        seconds=seconds,
        p50_ms=1000 * latencies[len(latencies) // 2],
        p99_ms=1000 * latencies[len(latencies) * 99 // 100],
        max_ms=1000 * latencies[-1],
        first_error=first_error,
    )


if __name__ == "__main__":
    print(json.dumps(asdict(run_load(Orders(**json.load(sys.stdin))))))
