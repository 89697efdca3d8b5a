"""Field by field: what a conversion says, where each value came from, and what wasn't used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy

from deliveries.privacy.known_values import HIDDEN, KnownValues
from deliveries.privacy.masking import mask
from destinations.models import Destination
from destinations.pinterest.event import split_path
from destinations.pinterest.explained_steps import Step
from destinations.pinterest.explanation import (
    ExplainedField,
    Explanation,
    Origin,
    Unused,
    leaves,
)
from destinations.pinterest.identity import Completed

MAX_PRODUCT_ROWS = 60
MAX_UNUSED = 100
MAX_SHOWN = 200
_DIGEST_LENGTH = 64
_DIGEST_SHOWN = 12

STEP_LABELS: dict[Step, Promise] = {
    Step.TRIMMED: gettext_lazy("spaces removed"),
    Step.LOWERCASED: gettext_lazy("lowercased"),
    Step.UPPERCASED: gettext_lazy("uppercased"),
    Step.PUNCTUATION: gettext_lazy("spaces and punctuation removed"),
    Step.COUNTRY_CODE: gettext_lazy("country code added"),
    Step.CONVERTED: gettext_lazy("converted"),
    Step.SEVERAL_FORMS: gettext_lazy("sent in several spellings"),
    Step.HASHED: gettext_lazy("hashed"),
    Step.ALREADY_HASHED: gettext_lazy("was already hashed"),
    Step.AS_TEXT: gettext_lazy("sent as text"),
    Step.AS_NUMBER: gettext_lazy("rewritten as a plain number"),
    Step.UNIX_TIME: gettext_lazy("converted to seconds since 1970"),
    Step.CLOCK_CORRECTED: gettext_lazy("corrected by the time of sending"),
    Step.FROM_URL: gettext_lazy("taken from the URL"),
    Step.INVERTED: gettext_lazy("inverted"),
    Step.EMAILS_ONLY: gettext_lazy("email addresses only"),
    Step.LIMITED: gettext_lazy("limited data processing added if it was missing"),
    Step.EVENT_MAP: gettext_lazy("event map"),
    Step.STANDARD: gettext_lazy("standard event"),
    Step.OWN_NAME: gettext_lazy("sent under its own name"),
    Step.AS_CUSTOM: gettext_lazy("sent as custom"),
    Step.CATEGORY: gettext_lazy("page with a category"),
    Step.SUMMED: gettext_lazy("sum of the quantities"),
    Step.COLLECTED: gettext_lazy("collected from the products"),
    Step.RESHAPED: gettext_lazy("converted to a list of products"),
    Step.GENERATED: gettext_lazy("generated from the content"),
}

PERSON_KEYS: dict[str, Promise] = {
    "em": gettext_lazy("Email"),
    "ph": gettext_lazy("Phone"),
    "external_id": gettext_lazy("User ID"),
    "click_id": gettext_lazy("Click ID"),
    "hashed_maids": gettext_lazy("Advertising ID"),
    "client_ip_address": gettext_lazy("IP address"),
    "client_user_agent": gettext_lazy("User agent"),
    "fn": gettext_lazy("First name"),
    "ln": gettext_lazy("Last name"),
    "ct": gettext_lazy("City"),
    "st": gettext_lazy("State"),
    "zp": gettext_lazy("Postal code"),
    "country": gettext_lazy("Country"),
    "ge": gettext_lazy("Gender"),
    "db": gettext_lazy("Birthday"),
    "partner_id": gettext_lazy("Partner ID"),
}
"""What Pinterest matches a person by, the best first."""


class FieldRow(NamedTuple):
    """One field as it is shown. ``source`` is a path of the event when ``is_path``."""

    field: str
    value: str
    whole: str
    source: str
    is_path: bool
    raw: str
    done: str
    warnings: tuple[dict[str, str], ...]


class UnusedRow(NamedTuple):
    """A value that isn't sent. ``times``: in how many products."""

    path: str
    value: str
    why: str
    times: int


@dataclass(frozen=True, slots=True)
class Fields:
    """What the page says of a conversion.

    ``was_sent``: it is the one that was sent; else the one that would be. ``lacks_a_match``:
    nobody could be matched by it.
    """

    was_sent: bool
    lacks_a_match: bool
    groups: list[tuple[str, list[FieldRow]]] = field(default_factory=list)
    more_product_rows: int = 0
    unused: list[UnusedRow] = field(default_factory=list)
    more_unused: int = 0
    order: str = ""
    value: str = ""
    item_count: str = ""
    person: list[str] = field(default_factory=list)


def read_fields(
    event: dict[str, Any] | None,
    sent: dict[str, Any] | None,
    explanation: Explanation | None,
    completed: Iterable[Completed],
    warnings: Iterable[dict[str, str]],
    known: KnownValues | None,
) -> Fields | None:
    """None without a conversion. ``known``: the values to hide, for somebody who may not see them.

    ``sent`` must be masked as far as its event ID goes. What is shown comes out of masked copies.
    """
    conversion = sent if sent is not None else explanation and explanation.conversion.fields
    if not isinstance(conversion, dict):
        return None
    shown = conversion if known is None else mask(conversion, known)
    shown_event = _Shown(event or {}, known)
    remembered = {one.field: one for one in completed}
    explained = {one.field: one for one in explanation.fields} if explanation else {}
    by_path: dict[str, list[dict[str, str]]] = {}
    for warning in warnings:
        by_path.setdefault(warning.get("field", ""), []).append(warning)
    groups: dict[str, list[FieldRow]] = {}
    more = 0
    for (name, value), (_, visible) in zip(_flat(conversion), _flat(shown), strict=True):
        group = _group_of(name)
        if group == "contents" and len(groups.get(group, ())) >= MAX_PRODUCT_ROWS:
            more += 1
            continue
        one = _why(name, value, explained, remembered)
        groups.setdefault(group, []).append(
            _row(name, visible, one, shown_event, by_path, is_masked=known is not None)
        )
    unused, more_unused = _unused_rows(explanation, shown_event, by_path)
    custom, user = _part(shown, "custom_data"), _part(shown, "user_data")
    return Fields(
        sent is not None,
        explanation is not None and explanation.lacks is not None,
        [(str(GROUPS[name]), groups[name]) for name in GROUPS if name in groups],
        more,
        unused,
        more_unused,
        order=_say(custom.get("order_id", "")),
        value=f"{_say(custom['value'])} {_say(custom.get('currency', ''))}".strip()
        if "value" in custom
        else "",
        item_count=_say(custom.get("num_items", "")),
        person=[str(label) for name, label in PERSON_KEYS.items() if name in user],
    )


GROUPS: dict[str, Promise] = {
    "event": gettext_lazy("Event"),
    "user_data": gettext_lazy("Person"),
    "custom_data": gettext_lazy("Purchase and content"),
    "contents": gettext_lazy("Products"),
}


class _Shown:
    """An event, with what of it may be seen by path."""

    def __init__(self, event: dict[str, Any], known: KnownValues | None) -> None:
        visible = event if known is None else mask(event, known)
        self._leaves: dict[str, tuple[str, Any]] = {}
        for (path, _), (shown_path, steps) in zip(leaves(event), leaves(visible), strict=True):
            self._leaves[path] = (shown_path, _at(visible, steps))
        self._visible = visible

    def path(self, path: str) -> str:
        return self._leaves.get(path, (path, None))[0]

    def value(self, path: str) -> str:
        """What stands there, as text; "" when that is an object, or nothing."""
        if path in self._leaves:
            return _say(self._leaves[path][1])
        value = _at(self._visible, split_path(path))
        return "" if isinstance(value, dict | list) or value is None else _say(value)


def _at(value: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _why(
    name: str,
    value: Any,
    explained: Mapping[str, ExplainedField],
    remembered: Mapping[str, Completed],
) -> ExplainedField | None:
    """None when it isn't known: settings, or what is stored, have changed since it was sent."""
    key = name.removeprefix("user_data.")
    if name.startswith("user_data.") and key in remembered:
        return ExplainedField(name, value, Origin.MEMORY, completed=remembered[key])
    one = explained.get(name)
    return one if one is not None and one.value == value else None


def _row(
    name: str,
    visible: Any,
    one: ExplainedField | None,
    event: _Shown,
    by_path: Mapping[str, list[dict[str, str]]],
    *,
    is_masked: bool,
) -> FieldRow:
    is_path = one is not None and one.origin is Origin.EVENT and bool(one.paths)
    done = [str(STEP_LABELS[step]) for step in one.steps] if one else []
    raw = ""
    if one is not None and is_path:
        raw = event.value(one.paths[0])
        if one.normal and one.normal != raw:
            normal = HIDDEN if is_masked else one.normal
            done.insert(-1, gettext("as “%(text)s”") % {"text": normal[:MAX_SHOWN]})
    return FieldRow(
        name.removeprefix("user_data.").removeprefix("custom_data."),
        _short(visible),
        _say(visible),
        _source(one),
        is_path,
        raw if raw != _say(visible) else "",
        ", ".join(done),
        tuple(
            warning
            for path in (one.paths if one and is_path else ())
            for warning in by_path.get(path, ())
        ),
    )


def _source(one: ExplainedField | None) -> str:
    if one is None:
        return gettext("Not known: settings or data have changed since")
    if one.origin is Origin.EVENT:
        return ", ".join(one.paths) or gettext("This event")
    if one.origin is Origin.SETTING:
        setting: Any = Destination._meta.get_field(one.paths[0])
        return gettext("Setting: %(name)s") % {"name": setting.verbose_name}
    if one.origin is Origin.MEMORY and one.completed is not None:
        seen_at = datetime.fromtimestamp(one.completed.seen_at, UTC)
        return gettext("Remembered from %(call)s, %(when)s") % {
            "call": one.completed.call,
            "when": seen_at.strftime("%Y-%m-%d %H:%M UTC"),
        }
    return gettext("Default") if one.origin is Origin.DEFAULT else gettext("Calculated")


def _unused_rows(
    explanation: Explanation | None,
    event: _Shown,
    by_path: Mapping[str, list[dict[str, str]]],
) -> tuple[list[UnusedRow], int]:
    """The rows, products of a list together, and how many more there are."""
    found: dict[str, tuple[Unused, int]] = {}
    for one in explanation.unused if explanation else ():
        head, bracket, rest = one.path.partition("[")
        key = f"{head}[]{rest.partition(']')[2]}" if bracket and rest else one.path
        first, count = found.get(key, (one, 0))
        found[key] = (first, count + 1)
    order = sorted(found.values(), key=lambda one: one[0].decides)
    rows = [
        UnusedRow(event.path(one.path), event.value(one.path), _why_not(one, by_path), count)
        for one, count in order[:MAX_UNUSED]
    ]
    return rows, max(len(order) - MAX_UNUSED, 0)


def _why_not(one: Unused, by_path: Mapping[str, list[dict[str, str]]]) -> str:
    if one.path in by_path:
        return " ".join(warning.get("message", "") for warning in by_path[one.path])
    if one.instead:
        return gettext("%(path)s was used instead") % {"path": one.instead}
    if one.decides:
        return gettext("Read, but not sent as is")
    if one.field:
        return gettext("Not usable as %(field)s") % {"field": one.field.rpartition(".")[2]}
    return gettext("No Pinterest field for it")


def _flat(conversion: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields as an explanation names them; masked copies have them in the same order."""
    for key, value in conversion.items():
        if not isinstance(value, dict):
            yield key, value
            continue
        for name, inner in value.items():
            if not isinstance(inner, list) or not inner or not isinstance(inner[0], dict):
                yield f"{key}.{name}", inner
                continue
            for position, content in enumerate(inner):
                entries = content.items() if isinstance(content, dict) else (("", content),)
                for part, there in entries:
                    yield f"{key}.{name}[{position}].{part}", there


def _group_of(name: str) -> str:
    if name.startswith("custom_data.contents["):
        return "contents"
    head = name.partition(".")[0]
    return head if head in ("user_data", "custom_data") else "event"


def _part(conversion: dict[str, Any], name: str) -> dict[str, Any]:
    part = conversion.get(name)
    return part if isinstance(part, dict) else {}


def _say(value: Any) -> str:
    if isinstance(value, str):
        text = value
    elif isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        text = ", ".join(value)
    else:
        text = orjson.dumps(value).decode()
    return text if len(text) <= 10 * MAX_SHOWN else f"{text[: 10 * MAX_SHOWN]}…"


def _short(value: Any) -> str:
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        shown = [
            f"{one[:_DIGEST_SHOWN]}…" if len(one) == _DIGEST_LENGTH else one for one in value[:5]
        ]
        return ", ".join(shown) + (" …" if len(value) > len(shown) else "")
    text = _say(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
