"""Sockets: keep-alive, limits, an outage and the end."""

from __future__ import annotations

import errno
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import pytest
import requests

from pinterest_sandbox import Sandbox
from tests.pinterest_sandbox.conftest import ACCOUNT, Post
from tests.pinterest_sandbox.conversions import make_conversion, make_conversions

PATH = f"/v5/ad_accounts/{ACCOUNT}/events"


@contextmanager
def raw_connection(sandbox: Sandbox) -> Iterator[socket.socket]:
    with socket.create_connection((sandbox.host, sandbox.port), timeout=5) as connection:
        yield connection


def read_until_closed(connection: socket.socket) -> bytes:
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


def test_one_connection_serves_many_requests(sandbox: Sandbox) -> None:
    connection = http.client.HTTPConnection(sandbox.host, sandbox.port, timeout=5)
    connection.connect()
    own_port = connection.sock.getsockname()[1]
    for number, token in enumerate(["pina", "bad", "pina"]):
        body = orjson.dumps({"data": [make_conversion(str(number))]})
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request("POST", PATH, body, headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == (401 if token == "bad" else 200)
        assert answer.getheader("Connection") is None
        assert connection.sock.getsockname()[1] == own_port
    connection.close()
    assert sandbox.event_ids() == ["0", "2"]


def test_a_body_that_is_too_large_is_413_and_ends_the_connection() -> None:
    with Sandbox(max_body_bytes=10_000) as sandbox:
        url = sandbox.url + PATH
        headers = {"Authorization": "Bearer pina"}
        answer = requests.post(url, json={"data": make_conversions(500)}, headers=headers)
        assert answer.status_code == 413
        assert answer.json()["message"] == "The request body is too large."
        assert answer.headers["Connection"] == "close"
        assert sandbox.event_ids() == []
        assert sandbox.summary()["requests_by_status"] == {"413": 1}
        assert requests.post(url, json={"data": make_conversions(3)}, headers=headers).ok


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"Transfer-Encoding: chunked", b"411"),
        (b"X-Nothing: 1", b"411"),
        (b"Content-Length: -5", b"400"),
        (b"Content-Length: 0x10", b"400"),
    ],
)
def test_a_body_without_a_length_is_refused(sandbox: Sandbox, header: bytes, status: bytes) -> None:
    with raw_connection(sandbox) as connection:
        connection.sendall(
            b"POST %b HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer p\r\n%b\r\n\r\n"
            % (PATH.encode(), header)
        )
        assert read_until_closed(connection).startswith(b"HTTP/1.1 %b " % status)


def test_a_client_that_leaves_within_its_body_is_noted_and_hurts_no_one(
    sandbox: Sandbox, post: Post
) -> None:
    with raw_connection(sandbox) as connection:
        connection.sendall(
            b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{" % PATH.encode()
        )
        connection.shutdown(socket.SHUT_WR)
        assert read_until_closed(connection) == b""
    assert sandbox.requests()[0]["answer"] == "body_cut"
    assert post(make_conversion()).status_code == 200


def test_an_answer_nobody_waits_for_is_noted(sandbox: Sandbox) -> None:
    sandbox.add_fault("latency=0.3")
    body = orjson.dumps({"data": [make_conversion("left")]})
    with raw_connection(sandbox) as connection:
        connection.sendall(
            b"POST %b HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer p\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (PATH.encode(), len(body), body)
        )
        _wait_for(lambda: sandbox.event_ids() == ["left"])
    _wait_for(lambda: bool(sandbox.requests()))
    assert sandbox.requests()[0]["answer"] == "unread"


def _wait_for(condition: object) -> None:
    assert callable(condition)
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.005)


def test_connections_beyond_the_limit_are_closed_at_once() -> None:
    with (
        Sandbox(max_connections=2) as sandbox,
        raw_connection(sandbox) as first,
        raw_connection(sandbox) as second,
    ):
        for connection in (first, second):
            connection.sendall(b"GET /_health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        with raw_connection(sandbox) as third:
            assert third.recv(1) == b""


def test_a_body_that_was_not_read_ends_the_connection(sandbox: Sandbox) -> None:
    with raw_connection(sandbox) as connection:
        connection.sendall(
            b"POST /elsewhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n0\r\n\r\n"
        )
        answer = read_until_closed(connection)
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"Connection: close" in answer
    assert answer.count(b"HTTP/1.1 ") == 1


def test_it_listens_on_ipv6_too() -> None:
    if not socket.has_ipv6:
        pytest.skip("needs IPv6")
    try:
        with Sandbox(host="::1") as sandbox:
            assert requests.get(f"{sandbox.url}/_health", timeout=5).json() == {"status": "ok"}
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise
        pytest.skip("needs an IPv6 loopback address")


def test_many_threads_lose_and_double_nothing(sandbox: Sandbox) -> None:
    def send(sender: int) -> None:
        with requests.Session() as session:
            for number in range(20):
                answer = session.post(
                    f"{sandbox.url}/v5/ad_accounts/{sender}/events",
                    json={"data": make_conversions(10, f"{sender}-{number}")},
                    headers={"Authorization": "Bearer pina"},
                )
                assert answer.status_code == 200

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = sandbox.summary()
    assert counts["requests"] == 160
    assert counts["events_processed"] == counts["distinct_event_ids"] == 1600
    assert counts["duplicates"] == 0
    assert [entry["number"] for entry in sandbox.ledger.page(0, 2000)] == list(range(1, 1601))


def test_an_outage_can_be_played_with_stop_and_start(sandbox: Sandbox, post: Post) -> None:
    url = sandbox.url
    assert post(make_conversion("before")).status_code == 200
    sandbox.stop()
    with pytest.raises(requests.ConnectionError):
        post(make_conversion("during"))
    sandbox.start()
    assert sandbox.url == url
    assert post(make_conversion("after")).status_code == 200
    assert sandbox.event_ids() == ["before", "after"]


def test_stopping_ends_requests_that_wait(sandbox: Sandbox) -> None:
    sandbox.add_fault("latency=60")
    failures: list[Exception] = []

    def send() -> None:
        try:
            requests.post(
                sandbox.url + PATH,
                json={"data": [make_conversion()]},
                headers={"Authorization": "Bearer pina"},
                timeout=30,
            )
        except requests.ConnectionError as error:
            failures.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    _wait_for(lambda: sandbox.event_ids() == ["order-1"])
    started = time.monotonic()
    sandbox.stop()
    thread.join(timeout=10)
    assert time.monotonic() - started < 5
    assert not thread.is_alive()
    assert len(failures) == 1
    _wait_for(lambda: bool(sandbox.requests()))
    assert sandbox.requests()[0]["answer"] == "unread"
