"""Questions about sets of deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.db import models


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
