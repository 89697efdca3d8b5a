"""Which paths are worth a look in an event: only those it can have.

Senders differ in what they fill (``traits`` or ``context.traits``, an address or none, a product or
a list of them), but one sender's events are alike. So the tables are cut down once for each shape
of an event, and the thirty paths that lead nowhere cost nothing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from .custom_data import CUSTOM_FIELDS
from .event import CONTEXT_TRAITS, PROPERTIES, TRAITS, Path, Sections, Shape, Step, steps_within
from .event_fields import ACTION_SOURCE_PATHS, EVENT_FIELDS
from .texts import TextRow, rows_within
from .user_data import CLICK_URLS, HASHED_FIELDS, IP_PATHS, PLAIN_FIELDS, UserPlan, user_plan


class Plan(NamedTuple):
    """Every table of the mapping, cut down to one shape."""

    action_source: tuple[Step, ...]
    event_fields: tuple[TextRow, ...]
    user_data: UserPlan
    custom_data: tuple[TextRow, ...]


_ALL_PATHS: tuple[Path, ...] = (
    *ACTION_SOURCE_PATHS,
    *IP_PATHS,
    *CLICK_URLS,
    *(path for row in (*EVENT_FIELDS, *CUSTOM_FIELDS, *PLAIN_FIELDS) for path in row.paths),
    *(path for field in HASHED_FIELDS for path in field.paths),
)


def _mapped_keys(section: int) -> frozenset[str]:
    return frozenset(path.key for path in _ALL_PATHS if path.section == section)


_MAPPED_TRAITS = _mapped_keys(TRAITS)
_MAPPED_CONTEXT_TRAITS = _mapped_keys(CONTEXT_TRAITS)
_MAPPED_PROPERTIES = _mapped_keys(PROPERTIES)


def plan_for(sections: Sections, present: int) -> Plan:
    """The plan for an event, from what ``read_sections`` says of it."""
    return _plan_for_shape(
        present,
        _MAPPED_TRAITS.intersection(sections[TRAITS]),
        _MAPPED_CONTEXT_TRAITS.intersection(sections[CONTEXT_TRAITS]),
        _MAPPED_PROPERTIES.intersection(sections[PROPERTIES]),
    )


# A plan holds nothing of an event but which mapped keys it has; a thousand shapes are a few MB.
@lru_cache(maxsize=1024)
def _plan_for_shape(
    present: int,
    traits: frozenset[str],
    context_traits: frozenset[str],
    properties: frozenset[str],
) -> Plan:
    shape = Shape(present, traits, context_traits, properties)
    return Plan(
        steps_within(ACTION_SOURCE_PATHS, shape),
        rows_within(EVENT_FIELDS, shape),
        user_plan(shape),
        rows_within(CUSTOM_FIELDS, shape),
    )
