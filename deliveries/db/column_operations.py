"""A migration operation that changes how new rows of the log are stored."""

from __future__ import annotations

from typing import Any

from django.db.migrations.operations.base import Operation


class CompressWithLz4(Operation):
    """Compress new values of a column with lz4 where PostgreSQL has it.

    Values from before stay as they are, and can be read: only the catalog changes, in an instant.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(self, model_name: str, name: str) -> None:
        self.model_name = model_name
        self.name = name

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, editor: Any, before: Any, after: Any) -> None:
        connection = editor.connection
        if connection.vendor != "postgresql":
            return
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM pg_settings"
                " WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)"
            )
            if cursor.fetchone() is not None:
                self._set(app_label, editor, after, "lz4")

    def database_backwards(self, app_label: str, editor: Any, before: Any, after: Any) -> None:
        if editor.connection.vendor == "postgresql":
            self._set(app_label, editor, after, "default")

    def _set(self, app_label: str, editor: Any, state: Any, method: str) -> None:
        model = state.apps.get_model(app_label, self.model_name)
        table = editor.quote_name(model._meta.db_table)
        column = editor.quote_name(model._meta.get_field(self.name).column)
        editor.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET COMPRESSION {method}")

    def describe(self) -> str:
        return f"Compress {self.name} of {self.model_name} with lz4"
