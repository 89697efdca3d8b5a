"""The groups Viewer, Operator and Administrator."""

from __future__ import annotations

from typing import Any

from django.db import migrations

from accounts.roles import make_groups


def forwards(apps: Any, schema_editor: Any) -> None:
    make_groups(apps, schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("deliveries", "0004_operating_and_personal_data"),
        ("destinations", "0002_operating_destinations"),
    ]

    # Back: the groups stay, since people may be in them.
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
