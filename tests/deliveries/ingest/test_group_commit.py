"""Requests that arrive during a transaction share the next one, and only its successes."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event as Flag
from typing import Any

import pytest
from django.db import DataError, OperationalError

from deliveries.ingest.group_commit import MAX_BYTES, MAX_ROWS, GroupCommit


class Text(str):
    """Stands for a request: a row for each letter, ``bytes_of_row`` bytes each."""

    bytes_of_row = 1

    def size_bytes(self) -> int:
        return len(self) * self.bytes_of_row


class LargeText(Text):
    bytes_of_row = MAX_BYTES // 4


class Writer:
    """Holds the first write until it is let go; fails as told."""

    def __init__(self, error: Exception | None = None, poison: str = "") -> None:
        self.groups: list[list[str]] = []
        self.followed_up: list[int] = []
        self.is_writing, self.may_go_on = Flag(), Flag()
        self.error, self.poison = error, poison

    def __call__(self, group: Sequence[Any]) -> int:
        self.groups.append(list(group))
        self.is_writing.set()
        if len(self.groups) == 1:
            assert self.may_go_on.wait(10)
        elif self.error and (not self.poison or self.poison in group):
            raise self.error
        return len(group)


def submit_behind_one(writer: Writer, texts: list[str]) -> list[Future[None]]:
    """One write under way, then all of ``texts`` waiting, then the write goes on."""
    groups: Any = GroupCommit(writer, writer.followed_up.append)
    intakes = [text if isinstance(text, Text) else Text(text) for text in texts]
    with ThreadPoolExecutor(len(intakes) + 1) as threads:
        futures = [threads.submit(groups.submit, Text("first"))]
        assert writer.is_writing.wait(10)
        for count, intake in enumerate(intakes, start=1):
            futures.append(threads.submit(groups.submit, intake))
            while len(groups._waiting) < count:
                assert not futures[-1].done()
        writer.may_go_on.set()
    return futures


def test_all_that_waited_share_one_transaction() -> None:
    writer = Writer()
    futures = submit_behind_one(writer, ["a", "b", "c"])
    assert [future.exception() for future in futures] == [None] * 4
    assert writer.groups == [["first"], ["a", "b", "c"]]
    assert sorted(writer.followed_up) == [1, 3]


def test_large_requests_do_not_share() -> None:
    writer = Writer()
    half = "x" * (MAX_ROWS // 2)
    submit_behind_one(writer, [half, half, "y"])
    assert [len(group) for group in writer.groups] == [1, 2, 1]


def test_requests_with_many_bytes_do_not_share() -> None:
    writer = Writer()
    submit_behind_one(
        writer, [LargeText("abc"), LargeText("d"), LargeText("e"), LargeText("fghijk")]
    )
    assert writer.groups == [["first"], ["abc", "d"], ["e"], ["fghijk"]]


def test_the_fault_of_one_request_is_not_the_loss_of_its_neighbours() -> None:
    error = DataError("poison")
    writer = Writer(error, poison="b")
    futures = submit_behind_one(writer, ["a", "b", "c"])
    assert [future.exception() for future in futures] == [None, None, error, None]
    assert writer.groups == [["first"], ["a", "b", "c"], ["a"], ["b"], ["c"]]


def test_a_database_that_fails_is_asked_once_for_all_that_wait() -> None:
    error = OperationalError("no space left")
    writer = Writer(error)
    futures = submit_behind_one(writer, ["a", "b"])
    assert [future.exception() for future in futures] == [None, error, error]
    assert writer.groups == [["first"], ["a", "b"]]
    assert writer.followed_up == [1]


def test_the_next_request_is_written_after_a_failure() -> None:
    written: list[Any] = []

    def write(group: Sequence[Any]) -> None:
        if not written:
            written.append("failed")
            raise OperationalError
        written.extend(group)

    groups: Any = GroupCommit(write, lambda _: None)
    with pytest.raises(OperationalError):
        groups.submit(Text("a"))
    groups.submit(Text("b"))
    assert written == ["failed", "b"]
