"""What a delivery would send under today's configuration, beside what it did send."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.utils.translation import gettext

from deliveries.phrases import pretty
from deliveries.privacy.event_ids import has_readable_event_ids, hide_event_ids
from deliveries.privacy.masking import mask, mask_text, personal_values
from destinations.pinterest.findings import EventFiltered, EventRejected
from destinations.pinterest.identity import Memory
from destinations.pinterest.transform import TransformConfig, conversion_names, transform

MAX_COMPARED = 1000
"""Lines between the first and the last difference; of more all old ones stand above all new
ones."""


@dataclass(frozen=True, slots=True)
class Today:
    """``lines`` are (sign, text): "-" was sent, "+" would be sent, " " is the same in both."""

    sentence: str
    lines: tuple[tuple[str, str], ...] = ()
    would_be_sent: bool = False
    filtered_by: str = ""


def compare_with_today(
    event: dict[str, Any] | None,
    sent: dict[str, Any] | None,
    conversion_name: str,
    config: TransformConfig | None,
    now: datetime,
    *,
    memory: Memory | None = None,
    is_masked: bool = False,
) -> Today | None:
    """None when nothing would differ, or when event or destination (``config``) are gone.

    ``sent`` is the conversion that went out last, None when none did. With ``is_masked`` the
    difference shows which fields there are and no personal value. ``memory``: what is known of the
    event's person.
    """
    if event is None or config is None:
        return None
    try:
        names = conversion_names(event, config)
        if conversion_name and conversion_name not in names:
            return Today(
                gettext(
                    "With current settings, this event is sent as %(names)s, not as "
                    "%(conversion_name)s. A retry keeps the name; a replay adds the "
                    "others."
                )
                % {"names": ", ".join(names), "conversion_name": conversion_name}
            )
        name = conversion_name or names[0]
        fields = transform(event, name, config, now.timestamp(), memory).fields
    except EventFiltered as filtered:
        return Today(
            gettext("With current settings, it wouldn't be sent: %(message)s")
            % {"message": _shown(filtered.message, event, is_masked)},
            filtered_by=filtered.code,
        )
    except EventRejected as rejected:
        if sent is None:
            return None  # the same as what the page says at its top
        return Today(
            gettext("With current settings, it would be rejected before sending: %(message)s")
            % {"message": _shown(rejected.errors[0].message, event, is_masked)}
        )
    todays = orjson.loads(orjson.dumps(fields))
    if todays == sent:
        return None
    if is_masked:
        known = personal_values(event)
        if not has_readable_event_ids(config.dedup_key):
            todays, sent = _hide_event_id(todays, event), _hide_event_id(sent, event)
        todays, sent = mask(todays, known), mask(sent, known)
    if sent is None:
        return Today(
            gettext("With current settings, this would be sent:"),
            _signed("", pretty(todays)),
            would_be_sent=True,
        )
    return Today(
        gettext(
            "A retry would send something different: the settings, or what's remembered of the "
            "person, have changed."
        ),
        _signed(pretty(sent), pretty(todays)),
    )


def _shown(message: str, event: dict[str, Any], is_masked: bool) -> str:
    """A rule's sentence quotes the value that decided."""
    return mask_text(message, personal_values(event)) if is_masked else message


def _hide_event_id(conversion: Any, event: dict[str, Any]) -> Any:
    """Unless it is the message ID."""
    is_message_id = isinstance(conversion, dict) and conversion.get("event_id") == event.get(
        "messageId"
    )
    return conversion if is_message_id else hide_event_ids([conversion])[0]


def _signed(before: str, after: str) -> tuple[tuple[str, str], ...]:
    """The lines of both, in order, each with the sign of where it stands."""
    old, new = before.splitlines(), after.splitlines()
    first = _common_count(old, new)
    last = _common_count(old[first:][::-1], new[first:][::-1])
    between = old[first : len(old) - last], new[first : len(new) - last]
    lines = [*_same(old[:first]), *_compare(*between), *_same(old[len(old) - last :])]
    return tuple(lines)


def _compare(old: list[str], new: list[str]) -> Iterator[tuple[str, str]]:
    if len(old) + len(new) > MAX_COMPARED:  # the time grows with the square of it
        yield from (("-", line) for line in old)
        yield from (("+", line) for line in new)
        return
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for kind, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if kind == "equal":
            yield from _same(old[old_from:old_to])
        else:
            yield from (("-", line) for line in old[old_from:old_to])
            yield from (("+", line) for line in new[new_from:new_to])


def _same(lines: list[str]) -> Iterator[tuple[str, str]]:
    return ((" ", line) for line in lines)


def _common_count(one: list[str], other: list[str]) -> int:
    """How many lines at the beginning are the same."""
    for count, (line, other_line) in enumerate(zip(one, other, strict=False)):
        if line != other_line:
            return count
    return min(len(one), len(other))
