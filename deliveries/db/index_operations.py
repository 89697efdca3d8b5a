"""Migration operations that make and drop indexes of the log while it is written to.

On PostgreSQL they work CONCURRENTLY, so their migration needs ``atomic = False``; elsewhere they
are Django's own.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations


class AddLogIndex(AddIndexConcurrently):
    """Make an index without holding up who writes; what a broken off attempt left is replaced."""

    def database_forwards(self, app_label: str, editor: Any, before: Any, after: Any) -> None:
        if editor.connection.vendor == "postgresql":
            name = editor.quote_name(self.index.name)
            editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            super().database_forwards(app_label, editor, before, after)
        else:
            migrations.AddIndex.database_forwards(self, app_label, editor, before, after)

    def database_backwards(self, app_label: str, editor: Any, before: Any, after: Any) -> None:
        if editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, editor, before, after)
        else:
            migrations.AddIndex.database_backwards(self, app_label, editor, before, after)


class RemoveLogIndex(RemoveIndexConcurrently):
    """Drop an index without holding up who writes."""

    def database_forwards(self, app_label: str, editor: Any, before: Any, after: Any) -> None:
        if editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, editor, before, after)
        else:
            migrations.RemoveIndex.database_forwards(self, app_label, editor, before, after)

    def database_backwards(self, app_label: str, editor: Any, before: Any, after: Any) -> None:
        if editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, editor, before, after)
        else:
            migrations.RemoveIndex.database_backwards(self, app_label, editor, before, after)


class DropForeignKeyIndex(migrations.AlterField):
    """Drop the index that Django gave to a foreign key: ``field`` is the key with db_index=False.

    Django's own way would copy the whole table on SQLite. Backwards, the index comes back.
    """

    def database_forwards(self, app_label: str, editor: Any, before: Any, after: Any) -> None:
        model = before.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(editor.connection.alias, model):
            return
        concurrently = "CONCURRENTLY " if editor.connection.vendor == "postgresql" else ""
        for name in _plain_indexes(editor, model, self.name):
            editor.execute(f"DROP INDEX {concurrently}IF EXISTS {editor.quote_name(name)}")

    def database_backwards(self, app_label: str, editor: Any, before: Any, after: Any) -> None:
        model = after.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(editor.connection.alias, model):
            editor.execute(editor._create_index_sql(model, fields=[_field(model, self.name)]))


def _field(model: Any, name: str) -> Any:
    return model._meta.get_field(name)


def _plain_indexes(editor: Any, model: Any, field_name: str) -> list[str]:
    """Names of the indexes on this column alone that are no constraints and have no condition."""
    column = _field(model, field_name).column
    with editor.connection.cursor() as cursor:
        found = editor.connection.introspection.get_constraints(cursor, model._meta.db_table)
    declared = {index.name for index in model._meta.indexes}
    return [
        name
        for name, one in found.items()
        if one["index"] and not one["unique"] and one["columns"] == [column]
        if name not in declared
    ]
