"""Which paths are worth a look in an event: only those it can have.

Senders differ in what they fill (``traits`` or ``context.traits``, an address or none, a product or
a list of them), but one sender's events are alike. So the tables are cut down once for each shape
of an event, and the thirty paths that lead nowhere cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from .custom_data import AMOUNT_FIELDS, CUSTOM_FIELDS
from .event import (
    CONTEXT,
    CONTEXT_TRAITS,
    PROPERTIES,
    TRAITS,
    Path,
    Sections,
    Shape,
    Step,
    steps_within,
)
from .event_fields import ACTION_SOURCE_PATHS, EVENT_FIELDS
from .texts import TextRow, rows_within
from .user_data import (
    CLICK_URLS,
    HASHED_FIELDS,
    IP_PATHS,
    PHONE_PATHS,
    PLAIN_FIELDS,
    STATE_PATHS,
    UserPlan,
    user_plan,
)


class Plan(NamedTuple):
    """Every table of the mapping, cut down to one shape."""

    action_source: tuple[Step, ...]
    event_fields: tuple[TextRow, ...]
    user_data: UserPlan
    custom_data: tuple[TextRow, ...]
    amounts: tuple[TextRow, ...]


_ALL_PATHS: tuple[Path, ...] = (
    *ACTION_SOURCE_PATHS,
    *IP_PATHS,
    *CLICK_URLS,
    *PHONE_PATHS,
    *STATE_PATHS,
    *(
        path
        for row in (*EVENT_FIELDS, *CUSTOM_FIELDS, *AMOUNT_FIELDS, *PLAIN_FIELDS)
        for path in row.paths
    ),
    *(path for field in HASHED_FIELDS for path in field.paths),
)


def _mapped_keys(section: int) -> frozenset[str]:
    return frozenset(path.key for path in _ALL_PATHS if path.section == section)


_MAPPED_TRAITS = _mapped_keys(TRAITS)
_MAPPED_CONTEXT = _mapped_keys(CONTEXT)
_MAPPED_CONTEXT_TRAITS = _mapped_keys(CONTEXT_TRAITS)
_MAPPED_PROPERTIES = _mapped_keys(PROPERTIES)


# Finding the mapped keys costs more than reading them, so plans are also kept by all the keys of
# the four objects, in the order they came. Bounded: started again when full, and a sender of
# endless
# or ever new keys is left to the slower way.
_PLANS_BY_KEYS: dict[tuple[Any, ...], Plan] = {}
_MAX_PLANS = 1024
_MAX_KEYS = 100
_MAX_KEY_CHARACTERS = 2_000


def plan_for(sections: Sections, present: int) -> Plan:
    """The plan for an event, from what ``read_sections`` says of it."""
    traits, context, context_traits, properties = (
        sections[TRAITS],
        sections[CONTEXT],
        sections[CONTEXT_TRAITS],
        sections[PROPERTIES],
    )
    if len(traits) + len(context) + len(context_traits) + len(properties) > _MAX_KEYS:
        return _plan_for_mapped_keys(present, traits, context, context_traits, properties)
    keys = (present, *traits, 0, *context, 0, *context_traits, 0, *properties)
    plan = _PLANS_BY_KEYS.get(keys)
    if plan is None:
        plan = _plan_for_mapped_keys(present, traits, context, context_traits, properties)
        if sum(map(len, chain(traits, context, context_traits, properties))) <= _MAX_KEY_CHARACTERS:
            if len(_PLANS_BY_KEYS) >= _MAX_PLANS:
                _PLANS_BY_KEYS.clear()
            _PLANS_BY_KEYS[keys] = plan
    return plan


def _plan_for_mapped_keys(
    present: int,
    traits: Iterable[str],
    context: Iterable[str],
    context_traits: Iterable[str],
    properties: Iterable[str],
) -> Plan:
    return _plan_for_shape(
        Shape(
            present,
            _MAPPED_TRAITS.intersection(traits),
            _MAPPED_CONTEXT.intersection(context),
            _MAPPED_CONTEXT_TRAITS.intersection(context_traits),
            _MAPPED_PROPERTIES.intersection(properties),
        )
    )


@lru_cache(maxsize=_MAX_PLANS)
def _plan_for_shape(shape: Shape) -> Plan:
    return Plan(
        steps_within(ACTION_SOURCE_PATHS, shape),
        rows_within(EVENT_FIELDS, shape),
        user_plan(shape),
        rows_within(CUSTOM_FIELDS, shape),
        rows_within(AMOUNT_FIELDS, shape),
    )
