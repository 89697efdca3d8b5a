"""What the pages of sources and destinations have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models, transaction
from django.db.models import QuerySet
from django.forms import BaseFormSet, BaseModelFormSet, Form, ModelForm
from django.http import HttpRequest

from admin_base.lists import StrictChangeList, StrictModelAdmin
from destinations.change_history import describe_changes
from destinations.routing import forget_routes

ARCHIVED = "archived"
"""In the address of a list: what is archived, and nothing else."""


class RoutedChangeList(StrictChangeList):
    """Either what is in use or what is archived."""

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet[Any]:
        self.shows_archived = ARCHIVED in request.GET
        self.root_queryset = self.root_queryset.filter(archived_at__isnull=not self.shows_archived)
        return super().get_queryset(request, exclude_parameters)

    def count_archived(self) -> int:
        """How many there are: the list of those in use leads to them."""
        return self.model._default_manager.filter(archived_at__isnull=False).count()


class RoutedAdmin(StrictModelAdmin):
    """A part of what decides where events go: every change is passed on once it is committed.

    The log keeps pointing to it, so it is archived: off, hidden from the list, and as it was. What
    is archived can be looked at, restored, and deleted when nothing points to it.
    """

    warn_unsaved_form = True
    own_parameters = frozenset({ARCHIVED})
    list_after_template = "admin/destinations/archived_link.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[StrictChangeList]:
        return RoutedChangeList

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and not _is_archived(obj)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_archived(obj)

    def save_related(
        self,
        request: HttpRequest,
        form: ModelForm[Any],
        formsets: list[BaseModelFormSet[Any, Any]],
        change: bool,
    ) -> None:
        super().save_related(request, form, formsets, change)
        transaction.on_commit(forget_routes)

    def construct_change_message(
        self,
        request: HttpRequest,
        form: Form,
        formsets: Iterable[BaseFormSet[Any]],
        add: bool = False,
    ) -> list[dict[str, Any]]:
        """What the history says: after an addition Django's words, else before and after."""
        if add:
            return super().construct_change_message(request, form, formsets, add)
        return describe_changes(form, formsets)


def _is_archived(obj: models.Model | None) -> bool:
    return getattr(obj, "archived_at", None) is not None
