"""A thousand clients without a key that hang, and the service goes on for everybody else."""

from __future__ import annotations

import base64
import json
import os
import shlex
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from benchmarks.ports import free_port
from launcher.processes import Child
from tests.outsider import BEGINNINGS, first_answer, read_all, slow_clients
from tests.stack import PRODUCT_PYTHON, Shop, Stack
from tests.variables import BASE_DIR

SLOW_CLIENTS = 1_000


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Shop:
    return stack.add_shop()


@pytest.fixture
def clients(stack: Stack) -> Iterator[list[socket.socket]]:
    with slow_clients(stack.port, SLOW_CLIENTS) as slow:
        yield slow


def test_slow_clients_keep_nobody_else_waiting(
    stack: Stack, shop: Shop, clients: list[socket.socket]
) -> None:
    for number in range(20):
        assert requests.get(f"{stack.url}/health", timeout=5).status_code == 200
        assert requests.get(f"{stack.url}/admin/login/", timeout=5).status_code == 200
        event = {"type": "track", "event": "A", "messageId": f"e-{number}", "userId": "u"}
        answer = stack.post("/v1/track", event, write_key=shop.write_key)
        assert (answer.status_code, answer.text) == (200, "OK")


def test_slow_clients_are_told_so_and_closed(stack: Stack, clients: list[socket.socket]) -> None:
    for client, beginning in zip(clients[:50], BEGINNINGS * 10, strict=True):
        answer = read_all(client)
        if beginning:
            assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
            assert answer.endswith(b" seconds.\n")
        else:
            assert answer == b""


def test_a_page_that_is_too_large_is_refused_before_it_is_read(stack: Stack) -> None:
    for path in ("/admin/login/", "/v1/batch", "/nowhere"):
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4096001\r\n\r\n"
        assert first_answer(stack.port, head.encode()).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_stays_incomplete_is_not_an_event(stack: Stack, shop: Shop) -> None:
    """The server of 0.1.0 took what had come of a chunked body for all of it."""
    event = json.dumps({"type": "track", "event": "Cut", "userId": "u"}).encode()
    key = base64.b64encode(f"{shop.write_key}:".encode()).decode()
    head = (
        "POST /v1/track HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        f"Authorization: Basic {key}\r\n\r\n{len(event):x}\r\n"
    )
    with socket.create_connection(("127.0.0.1", stack.port), timeout=10) as client:
        client.sendall(head.encode() + event + b"\r\n")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(4096) == b""
    found = stack.rows(
        "SELECT count(*) FROM deliveries_event WHERE source_id = %s AND name = 'Cut'",
        shop.source_id,
    )
    assert found == [(0,)]


def test_the_command_of_0_1_0_still_starts_a_server(stack: Stack, shop: Shop) -> None:
    port = free_port()
    command = shlex.split(
        f"{PRODUCT_PYTHON} -m granian --interface wsgi --host 127.0.0.1 --port {port} --workers 1 "
        "--blocking-threads 8 --respawn-failed-workers --workers-kill-timeout 5 --no-ws "
        "--log-level error capi_project.wsgi:application"
    )
    server = Child("web-before", command, stack.env, lambda name, line: None)
    server.start()
    try:
        stack.wait_until(lambda: answers(port), seconds=30)
        event: dict[str, Any] = {"type": "track", "event": "A", "userId": "u"}
        answer = requests.post(
            f"http://127.0.0.1:{port}/v1/track", json=event, auth=(shop.write_key, ""), timeout=10
        )
        assert (answer.status_code, answer.text) == (200, "OK")
    finally:
        server.ask_to_stop()
        server.wait(10)
        server.clear_away()


def test_a_port_that_is_taken_ends_the_command_with_a_sentence(stack: Stack) -> None:
    done = subprocess.run(
        [PRODUCT_PYTHON, "-m", "capi_project.web", "--port", str(stack.port)],
        cwd=BASE_DIR,
        env={**os.environ, **stack.env},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert f"Can't listen on port {stack.port} of 127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=2).status_code == 200
    except requests.RequestException:
        return False
