"""Requests that arrive while a transaction is under way share the next one.

A durable commit costs a round trip and a flush to disk whether it holds one event or fifty. One
thread writes for all that wait; nobody waits for company: a single request is written at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

from django.db import InterfaceError, OperationalError

if TYPE_CHECKING:
    from deliveries.ingest.store import Intake

Result = TypeVar("Result")

MOST_ROWS = 2000
"""In one transaction, if more than one request is to share it."""


@dataclass(slots=True, eq=False)
class _Ticket:
    intake: Intake
    is_done: bool = False
    error: BaseException | None = None


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
        self._turn = Lock()
        self._queue = Lock()

    def submit(self, intake: Intake) -> None:
        """Returns when ``intake`` is committed; raises what ``write`` raised for it."""
        ticket = _Ticket(intake)
        with self._queue:
            self._waiting.append(ticket)
        while not ticket.is_done:
            results: list[Result] = []
            with self._turn:
                if not ticket.is_done:
                    results = self._write_group(self._take_group())
            for result in results:
                self._follow_up(result)
        if ticket.error is not None:
            raise ticket.error

    def _take_group(self) -> list[_Ticket]:
        with self._queue:
            size = count = 0
            for ticket in self._waiting:
                size += len(ticket.intake)
                if count and size > MOST_ROWS:
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
