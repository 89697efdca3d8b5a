"""Which paths are worth a look in an event: only those into objects that it has.

Senders differ in the objects they fill (``traits`` or ``context.traits``, an address or none), but
one sender's events are alike, so the tables are cut down once for each combination.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from .custom_data import CUSTOM_FIELDS
from .event import Step, steps_within
from .event_fields import ACTION_SOURCE_PATHS, EVENT_FIELDS
from .texts import TextRow, rows_within
from .user_data import UserPlan, user_plan


class Plan(NamedTuple):
    """Every table of the mapping, cut down to one combination of objects."""

    action_source: tuple[Step, ...]
    event_fields: tuple[TextRow, ...]
    user_data: UserPlan
    custom_data: tuple[TextRow, ...]


# Not bounded because it cannot grow far: there are at most 2^11 combinations of objects.
@cache
def plan_for(present: int) -> Plan:
    """The plan for events with the ``present`` sections, as ``read_sections`` tells them."""
    return Plan(
        steps_within(ACTION_SOURCE_PATHS, present),
        rows_within(EVENT_FIELDS, present),
        user_plan(present),
        rows_within(CUSTOM_FIELDS, present),
    )
