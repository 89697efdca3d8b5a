"""Whatever is sent, the web server holds no more than one permitted body of it."""

from __future__ import annotations

import base64
import gzip
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.stack import Shop, Stack

PIECE = b"x" * 1_000_000
PIECES = 300
MAX_GROWTH_BYTES = 40_000_000
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Shop:
    return stack.add_shop()


@pytest.fixture
def _no_growth(stack: Stack, shop: Shop) -> Iterator[None]:
    stack.post("/v1/track", {"userId": "u"}, write_key=shop.write_key)
    before = resident_bytes(stack)
    yield
    assert resident_bytes(stack) - before < MAX_GROWTH_BYTES


def resident_bytes(stack: Stack) -> int:
    """Of all processes of the web server, which are one process group."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            group = int((folder / "stat").read_text().rpartition(")")[2].split()[2])
            if group == stack.pid("web"):
                total += int((folder / "statm").read_text().split()[1]) * PAGE_BYTES
        except OSError:
            continue  # it has just ended
    assert total > 0
    return total


def send_endlessly(stack: Stack, write_key: str, *, chunked: bool) -> bytes:
    """Up to 300 MB, until the server has had enough; the first line of its answer."""
    key = base64.b64encode(f"{write_key}:".encode()).decode()
    size = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {PIECES * len(PIECE)}"
    head = f"POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {key}\r\n{size}\r\n\r\n"
    piece = b"%x\r\n%b\r\n" % (len(PIECE), PIECE) if chunked else PIECE
    with socket.create_connection(("127.0.0.1", stack.port), timeout=30) as connection:
        connection.sendall(head.encode())
        left = PIECES
        with suppress(OSError):  # it closes; the answer was sent before
            while left:
                connection.sendall(piece)
                left -= 1
        assert left
        return connection.recv(1000).split(b"\r\n")[0]


@pytest.mark.usefixtures("_no_growth")
@pytest.mark.parametrize("chunked", [True, False])
def test_an_endless_body_is_answered_413_and_not_held(
    stack: Stack, shop: Shop, chunked: bool
) -> None:
    answered = send_endlessly(stack, shop.write_key, chunked=chunked)
    assert answered.startswith(b"HTTP/1.1 413 ")


@pytest.mark.usefixtures("_no_growth")
@pytest.mark.parametrize("chunked", [True, False])
def test_nor_is_that_of_somebody_without_a_write_key(stack: Stack, chunked: bool) -> None:
    answered = send_endlessly(stack, "wrong", chunked=chunked)
    assert answered == b"HTTP/1.1 401 Unauthorized"


@pytest.mark.usefixtures("_no_growth")
def test_nor_what_comes_out_of_a_gzip_bomb(stack: Stack, shop: Shop) -> None:
    bomb = gzip.compress(PIECE * 100, 1)
    for _ in range(3):
        answer = requests.post(
            f"{stack.url}/v1/batch",
            bomb,
            headers={"Content-Encoding": "gzip"},
            auth=(shop.write_key, ""),
            timeout=30,
        )
        assert answer.status_code == 413
    assert stack.post("/v1/track", {"userId": "u"}, write_key=shop.write_key).status_code == 200
