"""The web server as a process, with short deadlines: who is slow hurts nobody else."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from benchmarks.ports import free_port
from tests.variables import BASE_DIR
from tests.webserver.applications import LARGE

GET = "GET {} HTTP/1.1\r\nHost: x\r\n\r\n"
POST = "POST /echo HTTP/1.1\r\nHost: x\r\n"
LIMITS = {
    "head_seconds": 1.0,
    "silence_seconds": 1.0,
    "body_seconds": 2.0,
    "idle_seconds": 30.0,
    "linger_seconds": 1.0,
    "stop_seconds": 4.0,
}


class Client:
    """A raw socket; each answer is read by its own length."""

    def __init__(self, port: int, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(15)
        self.socket.connect(("127.0.0.1", port))
        self._received = b""

    def send(self, text: str | bytes) -> Client:
        self.socket.sendall(text.encode() if isinstance(text, str) else text)
        return self

    def receive(self, *, has_body: bool = True) -> tuple[int, dict[str, str], bytes]:
        """(status, headers with small names, body) of the next answer."""
        while b"\r\n\r\n" not in self._received:
            self._more()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        status_line, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
        length = int(headers.get("content-length", 0)) if has_body else 0
        while len(self._received) < length:
            self._more()
        body, self._received = self._received[:length], self._received[length:]
        return int(status_line.split()[1]), headers, body

    def get(self, path: str) -> bytes:
        return self.send(GET.format(path)).receive()[2]

    def rest(self) -> bytes:
        """Everything until the server closes."""
        pieces = [self._received]
        while piece := self.socket.recv(65_536):
            pieces.append(piece)
        return b"".join(pieces)

    def _more(self) -> None:
        piece = self.socket.recv(65_536)
        if not piece:
            raise ConnectionError(f"closed after {self._received!r}")
        self._received += piece


class Running:
    def __init__(self, process: subprocess.Popen[str], port: int, clients: ExitStack) -> None:
        self.process = process
        self.port = port
        self._clients = clients

    def client(self, receive_buffer: int = 0) -> Client:
        client = Client(self.port, receive_buffer)
        self._clients.callback(client.socket.close)
        return client

    def figures(self) -> dict[str, int]:
        return json.loads(self.client().get("/figures"))

    def calls(self) -> list[str]:
        return json.loads(self.client().get("/calls"))

    def workers(self) -> list[int]:
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in listed.split()]


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    with ExitStack() as until_end:

        def begin(**limits: Any) -> Running:
            port = free_port()
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.webserver.applications", str(port)),
                    json.dumps({**LIMITS, **limits}),
                ],
                cwd=BASE_DIR,
                text=True,
                stderr=subprocess.PIPE,
            )
            until_end.callback(end, process)
            wait_until(lambda: is_listening(port))
            return Running(process, port, until_end)

        yield begin


def end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
    process.communicate()


def is_listening(port: int) -> bool:
    try:
        Client(port).socket.close()
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- Answers -------------------------------------------------------------------------------------


def test_requests_of_one_connection_are_answered_one_after_the_other(
    start: Callable[..., Running],
) -> None:
    client = start().client()
    client.send((POST + "Content-Length: 3\r\n\r\nabc") * 3 + GET.format("/empty"))
    for _ in range(3):
        status, headers, body = client.receive()
        assert (status, json.loads(body)["body"]) == (200, "abc")
        assert headers["content-length"] == str(len(body))
        assert "connection" not in headers
    assert client.receive()[0] == 204
    status, headers, body = client.send("HEAD /echo HTTP/1.1\r\nHost: x\r\n\r\n").receive(
        has_body=False
    )
    assert status == 200
    assert client.get("/echo")


def test_a_stream_is_sent_in_chunks_and_to_old_clients_until_the_end(
    start: Callable[..., Running],
) -> None:
    running = start()
    client = running.client().send(GET.format("/short") + GET.format("/empty"))
    status, headers, _ = client.receive()
    assert (status, headers["transfer-encoding"]) == (200, "chunked")
    old = running.client().send("GET /short HTTP/1.0\r\n\r\n")
    _, headers, _ = old.receive()
    assert "transfer-encoding" not in headers
    assert old.rest() == b"one,two,three"
    newer = running.client().send("GET /short HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    newer.receive()
    assert newer.rest() == b"4\r\none,\r\n4\r\ntwo,\r\n5\r\nthree\r\n0\r\n\r\n"


def test_an_application_that_fails_is_answered_500_and_the_next_request_works(
    start: Callable[..., Running],
) -> None:
    running = start()
    for path in ("/fail", "/split", "/wrong"):
        status, headers, body = running.client().send(GET.format(path)).receive()
        assert (status, headers["content-type"]) == (500, "text/plain; charset=utf-8")
        assert b"purpose" not in body
        assert "set-cookie" not in headers
    assert running.client().get("/echo")


def test_who_waits_for_100_continue_gets_it_unless_the_body_is_refused(
    start: Callable[..., Running],
) -> None:
    running = start()
    expecting = POST + "Expect: 100-continue\r\nContent-Length: {}\r\n\r\n"
    client = running.client().send(expecting.format(3))
    assert client.receive(has_body=False)[0] == 100
    assert json.loads(client.send("abc").receive()[2])["body"] == "abc"
    status, headers, body = running.client().send(expecting.format(1_000_001)).receive()
    assert status == 200  # this application does not mind
    assert json.loads(body)["webserver.body_too_large"] is True
    assert headers["connection"] == "close"


def test_a_refused_sender_sees_the_answer_while_it_still_sends(
    start: Callable[..., Running],
) -> None:
    client = start().client()
    client.send(POST + "Content-Length: 900000000\r\n\r\n")
    for _ in range(50):
        client.send(b"x" * 100_000)
    assert client.receive()[1]["connection"] == "close"


def test_what_is_no_request_is_refused_in_words(start: Callable[..., Running]) -> None:
    running = start()
    for bad in (
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01",
        POST + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    ):
        client = running.client().send(bad)
        status, headers, body = client.receive()
        assert status in (400, 505)
        assert headers["content-type"].startswith("text/plain")
        assert body.endswith(b".\n")
        assert client.rest() == b""


# --- Slow senders --------------------------------------------------------------------------------


def test_headers_have_a_deadline(start: Callable[..., Running]) -> None:
    running = start()
    silent, half = running.client(), running.client().send("GET /echo HTTP/1.1\r\n")
    status, _, body = half.receive()
    assert (status, body) == (408, b"The headers didn't arrive within 1 seconds.\n")
    assert half.rest() == b""
    assert silent.rest() == b""


@pytest.mark.parametrize("framing", ["Content-Length: 100", "Transfer-Encoding: chunked"])
def test_a_body_has_a_deadline_for_each_silence_and_one_for_all_of_it(
    start: Callable[..., Running], framing: str
) -> None:
    running = start()
    silent = running.client().send(f"{POST}{framing}\r\n\r\n")
    dripping = running.client().send(f"{POST}{framing}\r\n\r\n")
    began = time.monotonic()
    drop = "x" if "Length" in framing else "1\r\nx\r\n"
    answers = []
    while not answers:
        dripping.send(drop)
        time.sleep(0.3)
        dripping.socket.settimeout(0.01)
        try:
            answers.append(dripping.receive())
        except TimeoutError:
            assert time.monotonic() - began < 12
    assert silent.receive()[::2] == (408, b"No part of the body arrived for 1 seconds.\n")
    assert answers[0][::2] == (408, b"The body didn't arrive within 2 seconds.\n")
    assert running.calls() == ["/calls"]


def test_a_body_that_ends_early_never_reaches_the_application(
    start: Callable[..., Running],
) -> None:
    running = start()
    for framing in ("Content-Length: 100\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc"):
        client = running.client().send(POST + framing)
        client.socket.shutdown(socket.SHUT_WR)
        assert client.rest() == b""
    assert running.calls() == ["/calls"]


def test_slow_senders_occupy_no_thread_and_make_room_for_others(
    start: Callable[..., Running],
) -> None:
    running = start(connections=60, head_seconds=30, body_seconds=30, silence_seconds=30)
    slow = [
        running.client().send(f"{POST}Content-Length: 100\r\n\r\nx" if number % 2 else "GET /")
        for number in range(150)
    ]
    for _ in range(20):
        assert running.client().get("/echo")
    assert len(slow) == 150


def test_unfinished_bodies_hold_no_more_than_their_share(start: Callable[..., Running]) -> None:
    running = start(unfinished_bytes=2_000_000, body_seconds=30, silence_seconds=30)
    large = [
        running.client().send(POST + "Content-Length: 900000\r\n\r\n").send(b"x" * 800_000)
        for _ in range(6)
    ]
    status, headers, body = large[0].receive()
    assert (status, headers["retry-after"]) == (503, "5")
    assert body == b"Too many incomplete requests. This one took the longest.\n"
    assert json.loads(large[-1].send(b"x" * 100_000).receive()[2])["CONTENT_LENGTH"] == "900000"


# --- Slow readers --------------------------------------------------------------------------------


def test_an_answer_that_nobody_reads_occupies_no_thread_and_is_dropped(
    start: Callable[..., Running],
) -> None:
    running = start()
    readers = [running.client(4_096).send(GET.format("/large")) for _ in range(8)]
    assert running.client().get("/echo")  # there are two threads
    wait_until(lambda: open_files(running) < 10, seconds=20)
    for reader in readers:
        with pytest.raises((ConnectionError, TimeoutError)):
            reader.receive()


def test_an_answer_that_is_read_arrives_whole(start: Callable[..., Running]) -> None:
    running = start()
    status, _, body = running.client(65_536).send(GET.format("/large")).receive()
    assert (status, len(body), set(body)) == (200, LARGE, {ord("x")})


def test_a_stream_is_made_no_faster_than_it_is_read_and_ends_with_its_reader(
    start: Callable[..., Running],
) -> None:
    running = start()
    reader = running.client(4_096).send(GET.format("/stream"))
    reader.receive()
    produced = -1
    while produced != (produced := running.figures()["produced"]):
        time.sleep(0.3)
    assert produced < 8_000_000  # what the buffers of both sides hold
    reader.socket.close()
    wait_until(lambda: running.figures()["closed"] == 1)
    assert running.client().get("/echo")


def test_unread_answers_hold_no_more_than_their_share(start: Callable[..., Running]) -> None:
    running = start(answer_bytes=20_000_000, silence_seconds=30)
    watcher = running.client()
    watcher.get("/calls")
    files_before = open_files(running)
    readers = [running.client(4_096).send(GET.format("/large")) for _ in range(8)]
    wait_until(lambda: json.loads(watcher.get("/calls")).count("/large") == 8)
    wait_until(lambda: open_files(running) < files_before + 8)
    with pytest.raises(ConnectionError):
        readers[0].receive()
    assert len(readers[-1].receive()[2]) == LARGE


# --- Pools, ends and new beginnings --------------------------------------------------------------


def test_pages_that_hang_leave_the_probes_their_thread(start: Callable[..., Running]) -> None:
    running = start()
    held = [running.client().send(GET.format("/hold")) for _ in range(3)]
    wait_until(lambda: running.calls().count("/hold") == 2)
    assert running.client().get("/release") == b"released"
    assert [client.receive()[2] for client in held] == [b"held"] * 3


def test_too_many_waiting_requests_are_answered_503(start: Callable[..., Running]) -> None:
    running = start(waiting_requests=3)
    held = [running.client().send(GET.format("/hold")) for _ in range(2)]
    wait_until(lambda: running.calls().count("/hold") == 2)
    waiting = [running.client().send(GET.format("/echo")) for _ in range(10)]
    refused = []
    for client in waiting[3:]:
        refused.append(client.receive())
    assert {(one[0], one[1]["retry-after"]) for one in refused} == {(503, "5")}
    running.client().get("/release")
    assert [client.receive()[0] for client in waiting[:3] + held] == [200] * 5


def test_sigterm_ends_what_is_under_way_and_accepts_nothing_new(
    start: Callable[..., Running],
) -> None:
    running = start()
    idle = running.client()
    idle.get("/echo")
    slow = running.client().send(GET.format("/slow"))
    sending = running.client().send(POST + "Content-Length: 3\r\n\r\n")
    wait_until(lambda: "/slow" in running.calls())
    running.process.terminate()
    assert idle.socket.recv(1) == b""
    assert json.loads(sending.send("abc").receive()[2])["body"] == "abc"
    status, headers, body = slow.receive()
    assert (status, headers["connection"], body) == (200, "close", b"slow")
    assert running.process.wait(10) == 0
    assert not is_listening(running.port)


def test_a_process_that_dies_is_replaced(start: Callable[..., Running]) -> None:
    running = start()
    assert running.client().get("/echo")
    (before,) = running.workers()
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: running.workers() not in ([], [before]))
    assert running.client().get("/echo")


def test_processes_end_when_their_parent_was_killed(start: Callable[..., Running]) -> None:
    running = start()
    assert running.client().get("/echo")
    running.process.kill()
    wait_until(lambda: not is_listening(running.port))


def test_what_cannot_start_ends_with_its_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.webserver.applications", str(free_port()), '{"no": 1}'],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 1
    assert "unexpected keyword argument 'no'" in done.stderr


def open_files(running: Running) -> int:
    """Sockets of the one worker."""
    (worker,) = running.workers()
    found = 0
    for link in Path(f"/proc/{worker}/fd").iterdir():
        with suppress(FileNotFoundError):  # the worker has closed it meanwhile
            found += os.readlink(link).startswith("socket:")
    return found
