"""The search for the events that make Pinterest refuse a whole batch. Pure: it sends nothing.

    search = Isolation(size)
    while (span := search.next_span()) is not None:
        reading = read_reply(client.send(...conversions[span.start : span.stop]...), span.size)
        for position, outcome in search.learn(span, reading): ...
        if search.suspects_account:
            reading = read_reply(...a made-up event, sent as a test...), 1)
            for position, outcome in search.learn_of_account(reading): ...
    for position, outcome in search.undecided(): ...

A batch that is accepted costs one round. One that is refused (400, unreadable 422) is halved, left
half first, until the bad event stands alone; a half whose sibling was accepted must hold the bad
one, so it is halved without asking. That is at most 2·log2(n)+1 further requests per bad event.

**Is it the events at all?** A wrong account setting also refuses everything. So, as long as nothing
was accepted and every refusal reads the same, nobody is blamed. After about 2·log2(n)+1 such
refusals the first, middle and last event are tried alone. Refused alike again, the account itself
is asked, with an event that is beyond doubt:

| the made-up event is | then |
|---|---|
| evaluated | the account is in order and the events are to blame: the search goes on to each |
| refused whole, as they were, or the token or account with it | all are PAUSED |
| anything else: 429, 5xx, no answer, an unreadable one | nobody knows: all are tried again later |

The first acceptance or different refusal ends the suspicion as well, and the held-back blame is
spoken. Once the account is known to be in order, most events are probably bad: so the search asks
of one, then of two, four, eight … at once as long as they are accepted, and of one again after a
refusal. That is one request for each bad event. An event that the requests do not suffice for has
not been tried: it is not among the undecided, and goes back as it came.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from destinations.pinterest.outcomes import Outcome, OutcomeKind, Stage
from destinations.pinterest.replies import FollowUp, Reading

DEFAULT_MAX_REQUESTS: Final = 256
"""About ten scattered bad events in a batch of 1000, or forty neighbouring ones, at one go."""

_OPEN: Final = 0
_DECIDED: Final = 1
_HELD: Final = 2
"""Refused alone while the destination is under suspicion: blamed later, or not at all."""

_FINAL: Final = frozenset({OutcomeKind.DELIVERED, OutcomeKind.REJECTED})


class PositionRange(NamedTuple):
    """The positions from ``start`` up to, not including, ``stop`` of the batch."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start


Decided = tuple[int, Outcome]
"""A position of the batch and its final outcome."""


@dataclass(slots=True)
class _Part:
    """A stretch still to be asked about."""

    span: PositionRange
    left_sibling: PositionRange | None = None
    """The other half, when Pinterest refused both together for their content."""
    presumed_bad: bool = False
    """The left sibling was accepted, so this half was the reason."""
    asked_in_steps: bool = False
    """All that is left once the account is known to be in order: taken in steps of ``_step``."""


class Isolation:
    """One search over a batch of ``size`` conversions; see the module for how it is driven.

    ``pause_reason`` is set once the search found that the destination has to be paused,
    ``suspects_account`` while it waits for ``learn_of_account``. ``request_count`` counts the spans
    handed out. Raises ValueError if it is told about a span that it did not hand out last, given a
    reading of another size, or told of an account that it did not ask about: our own mistakes.
    """

    def __init__(self, size: int, max_requests: int = DEFAULT_MAX_REQUESTS) -> None:
        if size < 0 or max_requests < 1:
            raise ValueError("A search needs a size of at least 0 and at least one request.")
        self.size = size
        self.max_requests = max_requests
        self.request_count = 0
        self.pause_reason: Outcome | None = None
        self.suspects_account = False
        self._waiting: PositionRange | None = None
        # Asked from the end: a stack, so that halves are searched left to right.
        self._parts: list[_Part] = [_Part(PositionRange(0, size))] if size else []
        self._marks = bytearray([_OPEN]) * size
        self._rest: Outcome | None = None
        self._last_refusal: Outcome | None = None
        # Suspicion: nothing accepted, all refusals alike. A single event alone is never suspected
        # innocent: there is nothing to compare it with.
        self._suspects_destination = size > 1
        self._refusals: set[tuple[int, str]] = set()
        self._refused_count = 0
        self._held: dict[int, Outcome] = {}
        self._has_probed = False
        self._probes: set[int] = set()
        self._account_is_in_order = False
        self._step = 1

    def next_span(self) -> PositionRange | None:
        """Hand out what to send next; None when the search is over (or may not go on)."""
        if self._waiting is not None:
            raise ValueError(f"{self._waiting} was handed out and nothing was learnt about it.")
        if self.suspects_account:
            raise ValueError("The search is waiting for the account check.")
        if self._rest is not None or self.request_count >= self.max_requests:
            return None
        part = self._take_part()
        if part is None:
            return None
        self.request_count += 1
        self._waiting = part.span
        return part.span

    def learn(self, span: PositionRange, reading: Reading) -> list[Decided]:
        """Take in the reading for a span; give every position it decides, each only once.

        A position that was refused alone while the destination was under suspicion is decided
        by a *later* reading: it then lies outside ``span``.
        """
        if span != self._waiting:
            raise ValueError(f"{span} is not the span that was handed out last.")
        if len(reading.outcomes) != span.size:
            raise ValueError(f"{len(reading.outcomes)} outcomes for {span.size} conversions.")
        self._waiting = None
        if reading.refused_whole:
            if reading.status == 413:
                return self._learn_too_large(span, reading.outcomes[0])
            return self._learn_refusal(span, reading.status, reading.outcomes[0])
        if reading.follow_up is FollowUp.PAUSE or _FINAL.isdisjoint(
            o.kind for o in reading.outcomes
        ):
            return self._stop(span, reading)
        return self._learn_acceptance(span, reading.outcomes)

    def learn_of_account(self, reading: Reading) -> list[Decided]:
        """Take in the reading for one made-up event that the account was asked about, as a test.

        Gives the positions it decides: those that were refused alone, when it was not the account.
        """
        if not self.suspects_account:
            raise ValueError("The account was not asked about.")
        self.suspects_account = False
        (outcome,) = reading.outcomes
        refusal = next(iter(self._held.values()))
        if outcome.kind in _FINAL and not reading.refused_whole:
            self._account_is_in_order = True
            self._parts = [_Part(PositionRange(0, self.size), asked_in_steps=True)]
            return self._end_suspicion()
        if outcome.kind is OutcomeKind.PAUSED:
            self.pause_reason = self._rest = outcome
        elif reading.refused_whole:
            self.pause_reason = self._rest = replace(
                refusal, kind=OutcomeKind.PAUSED, code="all_refused_alike"
            )
        else:
            self._rest = replace(refusal, kind=OutcomeKind.RETRYABLE, code="account_unclear")
        return []

    def undecided(self) -> list[Decided]:
        """Give the outcome of every position that no reading decided; valid at any time.

        These go back unjudged: with the outcome that stopped the search, PAUSED when it is not
        the events, or RETRYABLE ``split_budget_spent`` when requests or time ran out. Empty when
        the requests ran out on events that the account would accept or refuse one by one.
        """
        if self._account_is_in_order and self._rest is None:
            return []
        rest = self._rest or _budget_spent(self._last_refusal)
        return [(p, rest) for p, mark in enumerate(self._marks) if mark != _DECIDED]

    # What each kind of reading means for the search.

    def _learn_acceptance(
        self, span: PositionRange, outcomes: tuple[Outcome, ...]
    ) -> list[Decided]:
        # Also results of which some are "failed": Pinterest looked at each event separately.
        if self._parts and self._parts[-1].left_sibling == span:
            self._parts[-1].presumed_bad = True
        self._step *= 2
        return self._end_suspicion() + self._decide(span, outcomes)

    def _learn_refusal(self, span: PositionRange, status: int, refusal: Outcome) -> list[Decided]:
        self._last_refusal = refusal
        self._refusals.add((status, refusal.message))
        self._refused_count += 1
        self._step = 1
        released = self._end_suspicion() if len(self._refusals) > 1 else []
        if span.size > 1:
            self._halve(span, for_content=True)
        elif self._suspects_destination:
            self._held[span.start] = refusal
            self._marks[span.start] = _HELD
        else:
            return released + self._decide(span, (refusal,))
        return released + self._conclude_suspicion()

    def _learn_too_large(self, span: PositionRange, refusal: Outcome) -> list[Decided]:
        self._last_refusal = refusal
        if span.size > 1:
            self._step = span.size // 2
            self._halve(span, for_content=False)
            return []
        return self._decide(span, (refusal,)) + self._conclude_suspicion()

    def _stop(self, span: PositionRange, reading: Reading) -> list[Decided]:
        reason = reading.outcomes[0]
        if reading.follow_up is FollowUp.PAUSE:
            self.pause_reason = reason
        decided = self._decide(span, reading.outcomes)
        # The others were not part of this request, so they cannot have got through with it.
        lost = reason.kind is OutcomeKind.UNKNOWN
        self._rest = replace(reason, kind=OutcomeKind.RETRYABLE) if lost else reason
        return decided

    # Suspicion that it is the destination and not the events.

    def _end_suspicion(self) -> list[Decided]:
        self._suspects_destination = False
        held, self._held = self._held, {}
        return [
            d
            for p, refusal in held.items()
            for d in self._decide(PositionRange(p, p + 1), (refusal,))
        ]

    def _conclude_suspicion(self) -> list[Decided]:
        """Probe when enough was refused alike; suspect the account when nothing is left to ask."""
        if not self._suspects_destination:
            return []
        if not self._has_probed and self._refused_count >= 2 * math.log2(self.size) + 1:
            self._has_probed = True
            first_middle_last = (0, self.size // 2, self.size - 1)
            self._probes = {p for p in first_middle_last if self._marks[p] == _OPEN}
            self._parts += [
                _Part(PositionRange(p, p + 1)) for p in sorted(self._probes, reverse=True)
            ]
        has_probed_all = self._has_probed and all(self._marks[p] != _OPEN for p in self._probes)
        has_asked_all = _OPEN not in self._marks
        if not (has_probed_all or has_asked_all):
            return []
        if len(self._held) < 2:
            return self._end_suspicion()
        self.suspects_account = True
        return []

    # Keeping count of positions.

    def _decide(self, span: PositionRange, outcomes: tuple[Outcome, ...]) -> list[Decided]:
        self._marks[span.start : span.stop] = bytes([_DECIDED]) * span.size
        return list(zip(range(span.start, span.stop), outcomes, strict=True))

    def _halve(self, span: PositionRange, *, for_content: bool) -> None:
        middle = span.start + span.size // 2
        left, right = PositionRange(span.start, middle), PositionRange(middle, span.stop)
        self._parts.append(_Part(right, left_sibling=left if for_content else None))
        self._parts.append(_Part(left))

    def _take_part(self) -> _Part | None:
        while self._parts:
            part = self._parts.pop()
            if self._marks.count(_OPEN, part.span.start, part.span.stop) < part.span.size:
                # Probes cut holes into it: what was presumed of the whole holds no longer.
                self._parts += [
                    replace(part, span=stretch, left_sibling=None, presumed_bad=False)
                    for stretch in reversed([*self._open_stretches(part.span)])
                ]
            elif part.asked_in_steps:
                cut = min(part.span.start + self._step, part.span.stop)
                if cut < part.span.stop:
                    self._parts.append(replace(part, span=PositionRange(cut, part.span.stop)))
                return _Part(PositionRange(part.span.start, cut))
            elif part.presumed_bad and part.span.size > 1:
                self._halve(part.span, for_content=True)
            else:
                return part
        return None

    def _open_stretches(self, span: PositionRange) -> Iterator[PositionRange]:
        start = span.start
        for position in range(span.start, span.stop):
            if self._marks[position] != _OPEN:
                if start < position:
                    yield PositionRange(start, position)
                start = position + 1
        if start < span.stop:
            yield PositionRange(start, span.stop)


def _budget_spent(refusal: Outcome | None) -> Outcome:
    said = refusal.message if refusal is not None else ""
    return Outcome(OutcomeKind.RETRYABLE, Stage.RESPONSE, "split_budget_spent", message=said)
