"""What can be granted to a group or a person, as boxes to tick instead of two lists to drag
between."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, cast

from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import Permission
from django.db.models import ManyToManyField, Q, QuerySet
from django.forms import Field, ModelMultipleChoiceField
from django.http import HttpRequest
from django.utils import translation
from django.utils.translation import gettext
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts.roles import ROLES
from destinations.change_history import describe_changes

HOLDERS = {"group": "group", "user": "user"}
"""Model → the name under which a permission knows those who hold it."""


if TYPE_CHECKING:
    _PermissionField = ModelMultipleChoiceField[Permission]
    _ModelAdmin = ModelAdmin[Any]
else:  # Django's take no arguments
    _PermissionField = ModelMultipleChoiceField
    _ModelAdmin = object


class PermissionField(_PermissionField):
    """Permissions by what they allow; the model's and the app's names say nothing more."""

    def label_from_instance(self, obj: Permission) -> str:
        return gettext(obj.name)


class TickedChoices(_ModelAdmin):
    """A ModelAdmin whose many-to-many fields are boxes to tick."""

    filter_horizontal = ()

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelMultipleChoiceField[Any] | None:
        kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
        if db_field.related_model is Permission:
            kwargs["form_class"] = PermissionField
            kwargs["queryset"] = grantable(
                str(db_field.model._meta.model_name), _object_id(request)
            )
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Field | None:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.many_to_many and field is not None:
            # Groups and permissions are not made, changed or looked up from within a box.
            field.widget.can_add_related = field.widget.can_change_related = False
            field.widget.can_delete_related = field.widget.can_view_related = False
        return field

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        """Before and after, in English as all of the history."""
        if add:
            return super().construct_change_message(request, form, formsets, add)
        with translation.override("en"):
            said = describe_changes(form, ())
        return said

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """Of what goes with them, not the rows that only join two others."""
        nested, counts, missing, protected = super().get_deleted_objects(objs, request)
        own = str(self.model._meta.verbose_name_plural)
        # What goes with an object is a list after it, which Django's types leave out.
        listed = [one for one in cast("list[str | list[Any]]", nested) if isinstance(one, str)]
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
