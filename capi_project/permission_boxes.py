"""Groups and permissions as boxes to tick, without those that no page here asks about."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import ManyToManyField, Q
from django.forms import ModelMultipleChoiceField
from django.http import HttpRequest
from django.utils.translation import gettext
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from capi_project.roles import ADMINISTRATOR, ROLES


class PermissionField(ModelMultipleChoiceField):
    """Named by what it allows; which app it belongs to says nothing to a person."""

    def label_from_instance(self, permission: Permission) -> str:
        return gettext(permission.name)


class PermissionBoxes(ModelAdmin):
    """What the pages of users and groups have in common."""

    filter_horizontal = ()

    def formfield_for_manytomany(
        self, db_field: ManyToManyField, request: HttpRequest, **kwargs: Any
    ) -> Any:
        kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget
        if db_field.related_model is not Permission:
            return super().formfield_for_manytomany(db_field, request, **kwargs)
        kwargs["form_class"] = PermissionField
        kwargs["queryset"] = (
            Permission.objects.filter(_is_asked_about() | Q(pk__in=_held(db_field, request)))
            .select_related("content_type")
            .order_by("content_type__app_label", "content_type__model", "codename")
        )
        return db_field.formfield(**kwargs)


def _held(db_field: ManyToManyField, request: HttpRequest) -> list[int]:
    """What this user or group has already: saving the page must not take it away."""
    object_id = request.resolver_match.kwargs.get("object_id", "") if request.resolver_match else ""
    if not object_id.isdecimal():
        return []
    held = db_field.model.objects.filter(pk=int(object_id), **{f"{db_field.name}__isnull": False})
    return list(held.values_list(db_field.name, flat=True))


def _is_asked_about() -> Q:
    """The permissions that pages look at. Django makes many more, which do nothing here."""
    found = Q(pk__in=[])
    for permission in ROLES[ADMINISTRATOR]:
        app, codename = permission.split(".")
        found |= Q(content_type__app_label=app, codename=codename)
    return found
