"""What can be granted to a group or a person, as boxes to tick instead of two lists to drag
between."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any, cast

from django.contrib.auth.models import Permission
from django.db.models import ManyToManyField, Q, QuerySet
from django.forms import Field, ModelMultipleChoiceField
from django.http import HttpRequest
from django.utils.translation import gettext
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts.roles import ROLES

HOLDERS = {"group": "group", "user": "user"}
"""Model → the name under which a permission knows those who hold it."""


class PermissionField(ModelMultipleChoiceField):
    """Permissions by what they allow; the model's and the app's names say nothing more."""

    def label_from_instance(self, obj: Any) -> str:
        return gettext(obj.name)


class TickedChoices:
    """A ModelAdmin whose many-to-many fields are boxes to tick."""

    filter_horizontal = ()

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Field | None:
        kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
        if db_field.related_model is Permission:
            kwargs["form_class"] = PermissionField
            kwargs["queryset"] = grantable(
                str(db_field.model._meta.model_name), _object_id(request)
            )
        field = super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]
        return cast("Field | None", field)

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Field | None:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]
        if db_field.many_to_many and field is not None:
            # Groups and permissions are not made, changed or looked up from within a box.
            field.widget.can_add_related = field.widget.can_change_related = False
            field.widget.can_delete_related = field.widget.can_view_related = False
        return cast("Field | None", field)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """Of what goes with them, not the rows that only join two others."""
        listed, counts, missing, protected = super().get_deleted_objects(objs, request)  # type: ignore[misc]
        own = str(self.model._meta.verbose_name_plural)  # type: ignore[attr-defined]
        listed = [entry for entry in listed if not isinstance(entry, list)]
        return listed, {own: counts.get(own, len(objs))}, missing, protected


def grantable(model_name: str, object_id: int | None) -> QuerySet[Permission]:
    """The permissions that a page or button asks for, and those held already, which saving
    keeps."""
    wanted = [
        Q(content_type__app_label=app, codename=codename)
        for app, _, codename in (
            one.partition(".") for one in sorted(frozenset().union(*ROLES.values()))
        )
    ]
    if object_id is not None:
        wanted.append(Q(**{f"{HOLDERS[model_name]}__pk": object_id}))
    return (
        Permission.objects.filter(reduce(or_, wanted))
        .select_related("content_type")
        .order_by("content_type__app_label", "content_type__model", "codename")
        .distinct()
    )


def _object_id(request: HttpRequest) -> int | None:
    """Of whom the form is, from its address; None for a new one."""
    match = request.resolver_match
    text = str(match.kwargs.get("object_id", "")) if match else ""
    return int(text) if text.isdecimal() else None
