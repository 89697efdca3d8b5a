"""Event rules as a gate: a destination's ordered rules, and its list of event names.

The first rule that matches decides; what no rule matches is sent unless the destination says
otherwise. A value is compared by its type in the event: numbers as numbers, text as text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import ge, gt, le, lt
from typing import Any, NamedTuple

import re2

from .cleaning import clean
from .consent_gate import CategoryError, split_list
from .event import read_path, split_path
from .findings import EventFiltered
from .times import unix_seconds
from .values import boolean, decimal_text, is_plain_number

EVENT_LIST_CHOICES = ("off", "allow", "deny")
OPERATORS = {
    "is": "is",
    "is_not": "isn't",
    "in": "is one of",
    "contains": "contains",
    "starts_with": "starts with",
    "matches": "matches",
    "exists": "exists",
    "missing": "doesn't exist",
    "true": "is true",
    "false": "is false",
    "gt": "is greater than",
    "ge": "is at least",
    "lt": "is less than",
    "le": "is at most",
}
"""Operators and how a sentence says them."""

WITHOUT_VALUE = frozenset({"exists", "missing", "true", "false"})
COMPARISONS = frozenset({"gt", "ge", "lt", "le"})
MAX_PATTERN = 500
MAX_TEXT = 100_000
"""Characters of an event's text that a pattern looks at."""
_PATTERN_BYTES = 1 << 20
_NUMBERS = frozenset({int, float})
_MAX_SHOWN = 50
# Where people stand in an event: neither a value found there nor one typed for it is repeated.
_PERSONAL = frozenset(
    [
        "traits",
        "email",
        "phone",
        "ip",
        "userid",
        "anonymousid",
        "firstname",
        "first_name",
        "lastname",
        "last_name",
        "name",
        "address",
        "birthday",
        "gender",
        "externalid",
        "user_id",
        "anonymous_id",
    ]
)

Test = Callable[[Any], bool]


class Condition(NamedTuple):
    """One row of a rule: the path in the event, an operator (``OPERATORS``), and a value as
    typed."""

    path: str
    operator: str
    value: str = ""


class EventRule(NamedTuple):
    """Send, or don't send, events for which all (or any) of the conditions hold."""

    sends: bool
    any_of: bool
    conditions: tuple[Condition, ...]


class RuleRow(NamedTuple):
    """A row as people write rules: ``block`` or ``send`` begins one, ``and`` or ``or`` goes on
    with it."""

    action: str
    condition: Condition


class RowError(ValueError):
    """A row that goes on with nothing (``first``), or with an “and” among “or”s (``mixed``)."""

    def __init__(self, position: int, problem: str) -> None:
        super().__init__(f"row {position}: {problem}")
        self.position = position
        self.problem = problem


class _Prepared(NamedTuple):
    holds: Test
    number: int
    rule: EventRule


def problem_with(condition: Condition) -> str:
    """What is wrong with a condition, as a word for the form; "" when it can be used.

    ``path_missing``, ``operator_unknown``, ``value_missing``, ``not_comparable`` (neither a number
    nor a time), ``list_unreadable``, ``pattern_too_long`` or ``pattern_invalid``.
    """
    path, operator, value = condition
    if not split_path(path):
        return "path_missing"
    if operator not in OPERATORS:
        return "operator_unknown"
    if operator in WITHOUT_VALUE:
        return ""
    if not value:
        return "value_missing"
    if operator in COMPARISONS and _number(value) is None and unix_seconds(value) is None:
        return "not_comparable"
    if operator == "in":
        try:
            return "" if split_list(value) else "value_missing"
        except CategoryError:
            return "list_unreadable"
    if operator == "matches":
        if len(value) > MAX_PATTERN:
            return "pattern_too_long"
        try:
            _pattern(value)
        except re2.error:
            return "pattern_invalid"
    return ""


def rules_of(rows: Iterable[RuleRow]) -> tuple[EventRule, ...]:
    """The rules of rows in their order. Raises RowError, with the row's place from 0."""
    rules: list[EventRule] = []
    for position, (action, condition) in enumerate(rows):
        if action in ("block", "send"):
            rules.append(EventRule(action == "send", False, (condition,)))
            continue
        if not rules:
            raise RowError(position, "first")
        last = rules[-1]
        is_or = action == "or"
        if len(last.conditions) > 1 and last.any_of is not is_or:
            raise RowError(position, "mixed")
        rules[-1] = EventRule(last.sends, is_or, (*last.conditions, condition))
    return tuple(rules)


class RuleGate:
    """A destination's rules and event list, prepared once. Raises ValueError for an unusable
    rule."""

    __slots__ = ("_list", "_names", "_rules", "_sends_unmatched")

    def __init__(
        self,
        rules: Iterable[EventRule],
        unmatched: str,
        event_list: str,
        listed_events: Iterable[str],
    ) -> None:
        self._rules = tuple(_prepare(number, rule) for number, rule in enumerate(rules, start=1))
        self._sends_unmatched = unmatched != "filter" or not self._rules
        self._list = "" if event_list == "off" else event_list
        self._names = frozenset(map(fold_event_name, listed_events)) - {""}

    def check(self, event: dict[str, Any]) -> None:
        """Raises EventFiltered ``filtered_by_rule``."""
        if self._list:
            self._check_name(event)
        for holds, number, rule in self._rules:
            if holds(event):
                if rule.sends:
                    return
                raise EventFiltered("filtered_by_rule", _say(event, number, rule))
        if not self._sends_unmatched:
            raise EventFiltered(
                "filtered_by_rule",
                "No event rule matches, and the destination doesn't send such events.",
            )

    def _check_name(self, event: dict[str, Any]) -> None:
        # As in RudderStack, the list is about the names of tracked events and screens.
        if event.get("type") == "page":
            return
        name = event.get("event") or event.get("name")
        if type(name) is not str:
            name = ""
        is_listed = fold_event_name(name) in self._names
        if is_listed is (self._list == "allow"):
            return
        raise EventFiltered(
            "filtered_by_rule",
            f"The event name “{name[:_MAX_SHOWN]}” is on the destination's deny list."
            if is_listed
            else f"The event name “{name[:_MAX_SHOWN]}” isn't on the destination's allow list.",
        )


@lru_cache(maxsize=4096)
def _fold(name: str) -> str:
    return clean(name).casefold()


def fold_event_name(name: str) -> str:
    """A name as lists compare it: without case and what nobody sees."""
    return _fold(name) if len(name) <= 255 else clean(name).casefold()


def _say(event: dict[str, Any], number: int, rule: EventRule) -> str:
    conditions = rule.conditions
    if rule.any_of:
        conditions = tuple(one for one in conditions if _event_test(one)(event))[:1]
    reasons = " and ".join(_say_condition(event, one) for one in conditions[:3])
    more = f" (and {len(conditions) - 3} more)" if len(conditions) > 3 else ""
    return f"Rule {number} doesn't send it: {reasons}{more}."


def _say_condition(event: dict[str, Any], condition: Condition) -> str:
    path, operator, value = condition
    steps = split_path(path)
    text = f"{path} {OPERATORS[operator]}"
    if not _PERSONAL.isdisjoint(map(str.lower, steps)):
        return text + ("" if operator in WITHOUT_VALUE else " the rule's value")
    if operator in WITHOUT_VALUE:
        return text
    shown = value if len(value) <= _MAX_SHOWN else f"{value[:_MAX_SHOWN]}…"
    text = f"{text} {shown}" if operator in COMPARISONS else f"{text} “{shown}”"
    found = read_path(event, steps)
    if operator in COMPARISONS and type(found) in (int, float, str):
        text += f" (it's {str(found)[:_MAX_SHOWN]})"
    return text


def _prepare(number: int, rule: EventRule) -> _Prepared:
    for condition in rule.conditions:
        if problem := problem_with(condition):
            raise ValueError(f"rule {number}: {problem}")
    if not rule.conditions:
        raise ValueError(f"rule {number}: no conditions")
    tests = tuple(map(_event_test, rule.conditions))
    return _Prepared(_one_test(tests, rule.any_of), number, rule)


def _event_test(condition: Condition) -> Test:
    """Whether a condition holds for an event."""
    return _at(split_path(condition.path), _test_of(condition.operator, condition.value))


def _one_test(tests: tuple[Test, ...], any_of: bool) -> Test:
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        if any_of:
            return lambda event: first(event) or second(event)
        return lambda event: first(event) and second(event)
    if any_of:
        return lambda event: any(test(event) for test in tests)
    return lambda event: all(test(event) for test in tests)


def _at(steps: tuple[str, ...], test: Test) -> Test:
    """The test of an event by the value at a path. Short ones, as most are, do without a call."""
    of_nothing = test(None)
    if len(steps) == 1:
        (only,) = steps
        return lambda event: test(event.get(only))
    if len(steps) == 2:
        first, second = steps

        def test_of_two(event: Any) -> bool:
            holder = event.get(first)
            value = holder.get(second) if type(holder) is dict else read_path(event, steps)
            return of_nothing if value is None else test(value)

        return test_of_two
    if len(steps) == 3:
        first, second, third = steps

        def test_of_three(event: Any) -> bool:
            holder = event.get(first)
            if type(holder) is dict and type(holder := holder.get(second)) is dict:
                value = holder.get(third)
            else:
                value = read_path(event, steps)
            return of_nothing if value is None else test(value)

        return test_of_three
    return lambda event: test(read_path(event, steps))


def _test_of(operator: str, value: str) -> Test:
    """Whether a value of an event passes; None stands for one that isn't there."""
    if operator in ("is", "in", "is_not"):
        equals = _equals(split_list(value) if operator == "in" else (value,))
        return (lambda found: not equals(found)) if operator == "is_not" else equals
    if operator == "contains":
        equals = _equals((value,))
        return lambda found: (
            value in found
            if type(found) is str
            else type(found) is list and any(map(equals, found))
        )
    if operator == "starts_with":
        return lambda found: type(found) is str and found.startswith(value)
    if operator == "matches":
        search = _pattern(value).search
        return lambda found: (text := _text(found)) is not None and search(text) is not None
    if operator == "exists":
        return lambda found: found is not None and found != ""
    if operator == "missing":
        return lambda found: found is None or found == ""
    if operator in ("true", "false"):
        wanted = operator == "true"
        return lambda found: found is wanted or boolean(found) is wanted
    return _comparison(operator, value)


def _equals(values: Iterable[str]) -> Test:
    texts = frozenset(values)
    numbers = frozenset(number for one in texts if (number := _number(one)) is not None)
    flags = frozenset(one.strip().lower() for one in texts)

    def test(found: Any) -> bool:
        kind = type(found)
        if kind is str:
            return found in texts
        if kind is bool:
            return ("true" if found else "false") in flags
        return (kind is int or kind is float) and found in numbers

    return test


def _comparison(operator: str, value: str) -> Test:
    number = _number(value)
    if number is None:
        return _comparison_of_times(operator, value)
    bound = number
    # What is no number is NaN, which no comparison holds for.
    if operator == "gt":
        return lambda found: (found if type(found) in _NUMBERS else _or_nan(_number(found))) > bound
    if operator == "ge":
        return lambda found: (
            (found if type(found) in _NUMBERS else _or_nan(_number(found))) >= bound
        )
    if operator == "lt":
        return lambda found: (found if type(found) in _NUMBERS else _or_nan(_number(found))) < bound
    return lambda found: (found if type(found) in _NUMBERS else _or_nan(_number(found))) <= bound


def _comparison_of_times(operator: str, value: str) -> Test:
    bound = _or_nan(unix_seconds(value))
    compare = {"gt": gt, "ge": ge, "lt": lt, "le": le}[operator]
    return lambda found: bool(compare(_or_nan(unix_seconds(found)), bound))


def _or_nan(number: float | None) -> float:
    return math.nan if number is None else number


def _number(value: Any) -> float | None:
    """A number, or plain text that is one ("12.50"), as int or float; no boolean."""
    kind = type(value)
    if kind is int:
        return int(value)
    if kind is float:
        return float(value) if math.isfinite(value) else None
    if kind is not str or not is_plain_number(value):
        return None
    text = decimal_text(value)
    if text is None:
        return None
    return int(text) if text.lstrip("-").isdecimal() else float(text)


def _text(value: Any) -> str | None:
    if type(value) is str:
        return value[:MAX_TEXT]
    return decimal_text(value) if type(value) in (int, float) else None


@lru_cache(maxsize=256)
def _pattern(text: str) -> Any:
    """A pattern of RE2, which never takes longer than the text is long. Raises re2.error."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _PATTERN_BYTES
    return re2.compile(text, options)
