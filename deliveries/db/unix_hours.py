"""Hours since 1970 of a moment, counted by the database."""

from __future__ import annotations

from typing import Any

from django.db.models import Func, IntegerField


class UnixHour(Func):
    """``UnixHour("received_at")``: the moment's hour since 1970, UTC."""

    output_field = IntegerField()

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = "floor(date_part('epoch', %(expressions)s) / 3600)::integer"
        return self.as_sql(compiler, connection, template=template, **extra)

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = "CAST(strftime('%%%%s', %(expressions)s) / 3600 AS integer)"
        return self.as_sql(compiler, connection, template=template, **extra)
