"""Messages as files: whole or not at all, taken once, and never more than a folder can bear."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection
from kombu.transport import virtual

from brokers import file_transport


@pytest.fixture
def connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    # Kombu remembers for the whole process which queues it has declared; each test is a new one.
    monkeypatch.setattr(file_transport.Transport, "global_state", virtual.BrokerState())
    for name in ("queue", "control"):
        (tmp_path / name).mkdir()
    opened: list[Connection] = []

    def open_one() -> Connection:
        opened.append(
            Connection(
                transport="brokers.file_transport:Transport",
                transport_options={
                    "data_folder_in": str(tmp_path / "queue"),
                    "data_folder_out": str(tmp_path / "queue"),
                    "control_folder": str(tmp_path / "control"),
                },
            )
        )
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.release()


def test_messages_arrive_in_the_order_they_were_sent_and_leave_no_file(
    connect, tmp_path: Path
) -> None:
    queue = connect().SimpleQueue("live")
    for number in range(20):
        queue.put(number)
    assert len(queue) == 20
    received = []
    for _ in range(20):
        message = queue.get(timeout=2)
        received.append(message.payload)
        message.ack()
    assert received == list(range(20))
    assert list((tmp_path / "queue").iterdir()) == []


def test_readers_and_writers_at_once_lose_and_repeat_nothing(connect) -> None:
    received: list[str] = []
    all_written = threading.Event()

    def write(name: int) -> None:
        queue = connect().SimpleQueue("live")
        for number in range(100):
            queue.put(f"{name}-{number}")

    def read() -> None:
        channel = connect().channel()
        while True:
            last_look = all_written.is_set()
            try:
                received.append(channel._get("live")["body"])
            except Empty:
                if last_look:
                    return
                all_written.wait(0.002)

    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        writers = [pool.submit(write, name) for name in range(3)]
        for writer in writers:
            writer.result()
        all_written.set()
        for reader in readers:
            reader.result()
    assert len(received) == len(set(received)) == 300


def test_queues_do_not_see_each_others_messages(connect) -> None:
    connect().SimpleQueue("bulk").put("slow")
    live = connect().SimpleQueue("live")
    assert len(live) == 0
    live.put("quick")
    assert live.get(timeout=2).payload == "quick"


def test_without_a_worker_only_the_newest_messages_wait(
    connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_transport, "MAX_MESSAGES", 5)
    queue = connect().SimpleQueue("live")
    for number in range(12):
        queue.put(number)
    assert len(queue) == 5
    assert queue.get(timeout=2).payload == 7


def test_a_purge_empties_one_queue(connect) -> None:
    live, bulk = connect().SimpleQueue("live"), connect().SimpleQueue("bulk")
    for queue in (live, bulk):
        queue.put("x")
    assert live.queue.purge() == 1
    assert (len(live), len(bulk)) == (0, 1)


def test_a_full_disk_leaves_no_draft(connect, tmp_path: Path, monkeypatch) -> None:
    def write_half(path: Path, text: str, **_: object) -> None:
        path.write_bytes(text[: len(text) // 2].encode())
        raise OSError(errno.ENOSPC, "No space left on device")

    queue = connect().SimpleQueue("live")
    queue.put(0)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", write_half)
        with pytest.raises(OSError, match="No space left"):
            queue.put(1)
    assert [path.name for path in (tmp_path / "queue").iterdir() if path.name[0] == "."] == []
    assert queue.get(timeout=2).payload == 0


def test_what_killed_processes_left_behind_is_removed_at_the_next_start(
    connect, tmp_path: Path
) -> None:
    connect().SimpleQueue("live").put(1)
    message = next((tmp_path / "queue").glob("*.msg")).name
    old = [
        tmp_path / "queue" / f".{message}.{'0' * 32}",
        tmp_path / "queue" / f".taken-{message}",
        tmp_path / "control" / f".live.exchange.{'a' * 32}",
    ]
    stays = [
        tmp_path / "queue" / f".{message}.{'1' * 32}",  # somebody is writing it
        tmp_path / "control" / ".exchange",
        tmp_path / "control" / ".lock",
        tmp_path / "queue" / message,
    ]
    for path in (*old, *stays):
        path.touch()
    for path in (*old, *stays[1:]):
        os.utime(path, (1, 1))
    file_transport.remove_leftovers.cache_clear()

    assert connect().SimpleQueue("live").get(timeout=2).payload

    assert [path for path in old if path.exists()] == []
    assert [path for path in stays[:3] if not path.exists()] == []
