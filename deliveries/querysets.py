"""Questions about sets of deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.apps import apps
from django.db import models
from django.db.models import OuterRef, Subquery


@models.BigAutoField.register_lookup
class AnyOf(models.lookups.In):
    """``id__any_of=[…]``: like ``__in``, with one array parameter where the database has arrays.

    A thousand parameters cost more to compile and parse than the rows cost to find.
    """

    lookup_name = "any_of"

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", [*parameters, list(self.rhs)]


class DeliveryQuerySet(models.QuerySet):  # type: ignore[type-arg]
    def due(self, now: datetime) -> Self:
        """May be claimed: pending and its time has come, or sending and its lease has ended."""
        return self.filter(due_at__lte=now)

    def waiting(self) -> Self:
        """Pending, whether due or not."""
        return self.filter(status="pending")

    def of_source(self, source_id: int) -> Self:
        """Those of the events of a source: one look by primary key for each delivery."""
        return self.alias(source_of_event=_of_event("source_id")).filter(source_of_event=source_id)

    def of_event_name(self, name: str) -> Self:
        """Those of events that their sender gave this name, whole."""
        return self.alias(name_of_event=_of_event("name")).filter(name_of_event=name)


def _of_event(column: str) -> Subquery:
    """A column of a delivery's event, as a value: given a join or IN, the planner may begin with all
    events of a source, which are millions."""
    events = apps.get_model("deliveries", "Event").objects.filter(pk=OuterRef("event_id"))
    return Subquery(events.values(column)[:1])
