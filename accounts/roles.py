"""The three groups of people that a new installation has, and what each may do."""

from __future__ import annotations

from typing import Any

from django.apps import apps as current_apps
from django.contrib.auth.management import create_permissions

VIEWER = "Viewer"
OPERATOR = "Operator"
ADMINISTRATOR = "Administrator"

LOOK = frozenset(
    {
        "deliveries.view_event",
        "deliveries.view_delivery",
        "deliveries.view_attempt",
        "deliveries.view_batch",
        "deliveries.view_refusal",
        "deliveries.view_bulkaction",
        "destinations.view_source",
        "destinations.view_destination",
        "destinations.view_eventmapping",
    }
)
OPERATE = frozenset({"deliveries.operate_delivery", "destinations.operate_destination"})
"""Retry, discard, replay, pause and resume; not what is set up, and no token."""
SET_UP = frozenset(
    f"destinations.{verb}_{model}"
    for verb in ("add", "change", "delete")
    for model in ("source", "destination", "eventmapping")
)
PEOPLE = frozenset(
    f"auth.{verb}_{model}"
    for verb in ("view", "add", "change", "delete")
    for model in ("user", "group")
) | {"admin.view_logentry"}
PERSONAL_DATA = frozenset({"deliveries.view_personal_data"})

ROLES: dict[str, frozenset[str]] = {
    VIEWER: LOOK,
    OPERATOR: LOOK | OPERATE,
    ADMINISTRATOR: LOOK | OPERATE | SET_UP | PEOPLE | PERSONAL_DATA,
}
"""Group → its permissions (``app.codename``)."""


def make_groups(apps: Any = current_apps, using: str = "default") -> None:
    """Make the groups that are missing, with their permissions; existing ones are left alone.

    Usable in a migration: Django makes permissions only when all migrations are done, so the
    ones that are needed here are made first. A permission whose model is not there is an error.
    """
    for label in ("admin", "auth", "deliveries", "destinations"):
        create_permissions(current_apps.get_app_config(label), verbosity=0, using=using, apps=apps)
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    known = {
        f"{app}.{codename}": pk
        for pk, app, codename in Permission.objects.using(using).values_list(
            "pk", "content_type__app_label", "codename"
        )
    }
    for name, wanted in ROLES.items():
        group, is_new = Group.objects.using(using).get_or_create(name=name)
        if is_new:
            group.permissions.set([known[permission] for permission in sorted(wanted)])
