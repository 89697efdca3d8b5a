"""What the pages of sources and destinations have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models, transaction
from django.forms import BaseFormSet, BaseModelFormSet, Form, ModelForm
from django.http import HttpRequest

from admin_base.lists import StrictModelAdmin
from destinations.change_history import describe_changes
from destinations.routing import forget_routes


class RoutedAdmin(StrictModelAdmin):
    """A part of what decides where events go: every change is passed on once it is committed.

    Nothing is deleted here, because the log keeps pointing to it: it is switched off instead.
    """

    warn_unsaved_form = True

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

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False
