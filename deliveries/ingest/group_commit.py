"""Requests that arrive while a transaction is under way share the next one.

A durable commit costs a round trip and a flush to disk whether it holds one event or fifty. One
thread writes for all that wait; nobody waits for company: a single request is written at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

from django.db import InterfaceError, OperationalError

if TYPE_CHECKING:
    from deliveries.ingest.store import Intake

Result = TypeVar("Result")

MAX_ROWS = 2000
MAX_BYTES = 8_000_000
"""In one transaction, if more than one request is to share it."""


class _Ticket:
    """One request's place in the queue. Its thread waits for ``turn`` until it is done, or until
    it is the first that waits and has to write."""

    __slots__ = ("error", "intake", "is_done", "turn")

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.is_done = False
        self.error: BaseException | None = None
        self.turn = Lock()
        self.turn.acquire()


class GroupCommit(Generic[Result]):
    """``write`` stores some intakes in one transaction, or raises and stores none of them.

    ``follow_up`` gets what ``write`` returned, after the commit, when nobody waits for it.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Intake]], Result],
        follow_up: Callable[[Result], None],
    ) -> None:
        self._write = write
        self._follow_up = follow_up
        self._waiting: list[_Ticket] = []
        self._is_led = False
        self._queue = Lock()

    def submit(self, intake: Intake) -> None:
        """Returns when ``intake`` is committed; raises what ``write`` raised for it."""
        ticket = _Ticket(intake)
        with self._queue:
            self._waiting.append(ticket)
            follows, self._is_led = self._is_led, True
        if follows:
            ticket.turn.acquire()
        if not ticket.is_done:
            for result in self._lead():
                self._follow_up(result)
        if ticket.error is not None:
            raise ticket.error

    def _lead(self) -> list[Result]:
        """Write the group that this thread's ticket is the first of; then another one leads."""
        group = self._take_group()
        try:
            return self._write_group(group)
        finally:
            with self._queue:
                successor = self._waiting[0] if self._waiting else None
                self._is_led = successor is not None
            if successor is not None:
                successor.turn.release()
            for ticket in group:
                ticket.turn.release()

    def _take_group(self) -> list[_Ticket]:
        with self._queue:
            size = size_bytes = count = 0
            for ticket in self._waiting:
                size += len(ticket.intake)
                size_bytes += ticket.intake.size_bytes()
                if count and (size > MAX_ROWS or size_bytes > MAX_BYTES):
                    break
                count += 1
            group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group

    def _write_group(self, group: list[_Ticket]) -> list[Result]:
        results: list[Result] = []
        try:
            results.append(self._write([ticket.intake for ticket in group]))
        except (OperationalError, InterfaceError) as error:
            # No database, no room: it would be the same for each of them.
            self._fail(group, error)
        except BaseException as error:
            if len(group) == 1:
                self._fail(group, error)
            else:  # the fault of one must not be the loss of the others
                for ticket in group:
                    results += self._write_group([ticket])
        for ticket in group:
            ticket.is_done = True
        return results

    @staticmethod
    def _fail(group: list[_Ticket], error: BaseException) -> None:
        for ticket in group:
            ticket.error = error
