"""Migrations are for logs of millions of rows: none may rewrite such a table or lock it for
long."""

from __future__ import annotations

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED, Field

from deliveries.db.column_operations import CompressWithLz4
from deliveries.db.index_operations import AddLogIndex, DropForeignKeyIndex, RemoveLogIndex

LOG_MODELS = frozenset({"event", "refusal", "batch", "delivery", "attempt"})


def is_safe_at_size(operation: Operation, before: ProjectState) -> bool:
    """Whether it takes no long lock on the log, and leaves the release before it working.

    ``before`` is the state that the operation starts from.
    """
    if isinstance(operation, migrations.RunSQL | migrations.RunPython):
        return False
    model = getattr(operation, "model_name", None) or getattr(operation, "name", "")
    if model.lower() not in LOG_MODELS:
        return True
    if isinstance(operation, migrations.AddField):
        return operation.field.null or operation.field.db_default is not NOT_PROVIDED
    if type(operation) is migrations.AlterField:
        old = before.models["deliveries", operation.model_name_lower].get_field(operation.name)
        return column_of(old) == column_of(operation.field)
    return isinstance(
        operation,
        migrations.AlterModelOptions
        | AddIndexConcurrently
        | RemoveIndexConcurrently
        | DropForeignKeyIndex
        | CompressWithLz4,
    )


def column_of(field: Field) -> tuple[str, list, dict]:
    """What of a field reaches the database; words such as help texts do not."""
    _, path, arguments, options = field.deconstruct()
    words = {*field.non_db_attrs} - {"db_column"}
    return path, arguments, {name: one for name, one in options.items() if name not in words}


def test_every_migration_of_the_log_after_the_first_is_safe_at_size() -> None:
    loader = MigrationLoader(None)
    migrations_of_log = {
        name: migration
        for (app, name), migration in loader.disk_migrations.items()
        if app == "deliveries" and name != "0001_initial"
    }
    assert migrations_of_log
    unsafe = []
    for name, migration in migrations_of_log.items():
        state = loader.project_state(("deliveries", name), at_end=False)
        for operation in migration.operations:
            if not is_safe_at_size(operation, state):
                unsafe.append((name, operation.describe()))
            operation.state_forwards("deliveries", state)
    assert unsafe == []


@pytest.mark.parametrize(
    ("operation", "safe"),
    [
        (migrations.AddField("delivery", "x", models.TextField(null=True)), True),
        (migrations.AddField("delivery", "x", models.IntegerField(db_default=0)), True),
        (migrations.AddField("delivery", "x", models.IntegerField(default=0)), False),
        (migrations.AddIndex("event", models.Index("name", name="x")), False),
        (AddIndexConcurrently("event", models.Index("name", name="x")), True),
        (AddLogIndex("event", models.Index("name", name="x")), True),
        (migrations.RemoveIndex("event", "x"), False),
        (RemoveLogIndex("event", "x"), True),
        (DropForeignKeyIndex("event", "source", models.BigIntegerField()), True),
        (migrations.AlterField("batch", "error_code", models.CharField(max_length=60)), False),
        (migrations.AlterField("batch", "was_split", models.BooleanField(help_text="x")), False),
        (
            migrations.AlterField(
                "batch", "was_split", models.BooleanField(default=False, help_text="x")
            ),
            True,
        ),
        (migrations.RemoveField("delivery", "warnings"), False),
        (migrations.RunSQL("UPDATE deliveries_delivery SET warnings = '[]'"), False),
        (migrations.AddIndex("tally", models.Index("bucket", name="x")), True),
    ],
)
def test_what_counts_as_safe(operation: Operation, safe: bool) -> None:
    assert is_safe_at_size(operation, MigrationLoader(None).project_state()) is safe
