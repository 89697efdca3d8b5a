"""Migrations are for logs of millions of rows: none may rewrite such a table or lock it for long."""

from __future__ import annotations

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.models import NOT_PROVIDED

from deliveries.db.index_operations import AddLogIndex, DropForeignKeyIndex, RemoveLogIndex

LOG_MODELS = frozenset({"event", "refusal", "batch", "delivery", "attempt"})


def is_safe_at_size(operation: Operation) -> bool:
    """Whether it takes no long lock on the log, and leaves the release before it working."""
    if isinstance(operation, migrations.RunSQL | migrations.RunPython):
        return False
    model = getattr(operation, "model_name", None) or getattr(operation, "name", "")
    if model.lower() not in LOG_MODELS:
        return True
    if isinstance(operation, migrations.AddField):
        return operation.field.null or operation.field.db_default is not NOT_PROVIDED
    return isinstance(
        operation,
        migrations.AlterModelOptions
        | AddIndexConcurrently
        | RemoveIndexConcurrently
        | DropForeignKeyIndex,
    )


def test_every_migration_of_the_log_after_the_first_is_safe_at_size() -> None:
    migrations_of_log = {
        name: migration
        for (app, name), migration in MigrationLoader(None).disk_migrations.items()
        if app == "deliveries" and name != "0001_initial"
    }
    assert migrations_of_log
    unsafe = [
        (name, operation.describe())
        for name, migration in migrations_of_log.items()
        for operation in migration.operations
        if not is_safe_at_size(operation)
    ]
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
        (migrations.RemoveField("delivery", "warnings"), False),
        (migrations.RunSQL("UPDATE deliveries_delivery SET warnings = '[]'"), False),
        (migrations.AddIndex("tally", models.Index("bucket", name="x")), True),
    ],
)
def test_what_counts_as_safe(operation: Operation, safe: bool) -> None:
    assert is_safe_at_size(operation) is safe
