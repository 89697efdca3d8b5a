"""Questions about sets of deliveries and events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.apps import apps
from django.db import models
from django.db.models import BinaryField, Case, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Length
from django.db.models.lookups import GreaterThan

if TYPE_CHECKING:
    from deliveries.models import Delivery, Event  # noqa: F401 (named in strings)

LARGE_BODY_BYTES = 32_768
"""As stored. A thousand events may be a thousand large orders: those are read one at a time."""


@models.CharField.register_lookup
@models.BigIntegerField.register_lookup
@models.UUIDField.register_lookup
class AnyOf(models.lookups.In):
    """``id__any_of=[…]``: like ``__in``, with one array parameter where the database has arrays.

    A thousand parameters cost more to compile and parse than the rows cost to find. The array has
    the column's own type: psycopg makes small integers an ``int2[]``, and PostgreSQL cannot hash
    those against a bigint, so that it compares each row with each element.
    """

    lookup_name = "any_of"

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        column, parameters = self.process_lhs(compiler, connection)
        field = self.lhs.output_field
        kind = (field.rel_db_type(connection) or "").partition("(")[0]
        return f"{column} = ANY(%s::{kind}[])", [*parameters, list(self.rhs)]


@models.JSONField.register_lookup
class HasCode(models.lookups.BuiltinLookup):
    """``warnings__has_code=code``: a list of objects in which one has this ``code``."""

    lookup_name = "has_code"
    prepare_rhs = False

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} @> %s::jsonb", [*parameters, json.dumps([{"code": self.rhs}])]

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        column, parameters = self.process_lhs(compiler, connection)
        return (
            f"EXISTS (SELECT 1 FROM json_each({column}) AS one "
            "WHERE json_extract(one.value, '$.code') = %s)",
            [*parameters, self.rhs],
        )


def small_body(path: str = "body") -> Case:
    """An event's body; NULL for a large one."""
    is_large = GreaterThan(Length(path), Value(LARGE_BODY_BYTES))
    return Case(When(is_large, then=Value(None)), default=path, output_field=BinaryField())


def body_size(path: str = "body") -> Length:
    """The bytes of an event's body as stored; NULL once it is no longer kept."""
    return Length(path)


class EventQuerySet(models.QuerySet["Event"]):
    def body_of(self, event_id: int) -> bytes | memoryview | None:
        """One body; None when it is no longer kept."""
        body: bytes | memoryview | None = (
            self.filter(pk=event_id).values_list("body", flat=True).first()
        )
        return body

    def each_body(self) -> Iterator[tuple[int, bytes | memoryview]]:
        """The ID and body of each event that has one: small ones together, large ones in turn."""
        for pk, body, size in self.values_list("pk", small_body(), body_size()):
            if body is None and size is not None:
                body = self.model.objects.body_of(pk)
            if body is not None:
                yield pk, body


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def due(self, now: datetime) -> Self:
        """May be claimed: pending and its time has come, or sending and its lease has ended."""
        return self.filter(due_at__lte=now)

    def reopen(self, now: datetime) -> int:
        """Make closed ones, which the caller has locked, pending with a fresh budget."""
        count: int = self.update(status="pending", due_at=now, attempt_count=0, settled_at=None)
        return count

    def waiting(self) -> Self:
        """Pending, whether due or not."""
        return self.filter(status="pending")

    def with_warnings(self, code: str = "") -> Self:
        """Those with a warning, or with one of this code. An index holds those with any."""
        found = self.filter(~Q(warnings=[]))
        return found.filter(warnings__has_code=code) if code else found

    def of_source(self, source_id: int) -> Self:
        """Those of the events of a source: one look by primary key for each delivery."""
        return self.alias(source_of_event=_of_event("source_id")).filter(source_of_event=source_id)

    def of_event_name(self, name: str) -> Self:
        """Those of events that their sender gave this name, whole."""
        return self.alias(name_of_event=_of_event("name")).filter(name_of_event=name)


def _of_event(column: str) -> Subquery:
    """A column of a delivery's event, as a value: given a join or IN, the planner may begin with
    all
    events of a source, which are millions."""
    events = apps.get_model("deliveries", "Event").objects.filter(pk=OuterRef("event_id"))
    return Subquery(events.values(column)[:1])
