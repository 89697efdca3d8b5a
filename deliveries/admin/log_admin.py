"""What the admin's logs have in common: newest first, paged by key, nothing to edit."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import capfirst

from admin_base.lists import StrictModelAdmin
from deliveries.admin.paging import AFTER, BEFORE, KeysetChangeList
from deliveries.search.query_params import read_in_own_zone
from deliveries.search.zones import ZONE


class LogAdmin(StrictModelAdmin):
    """A log, and a page of its own for each row (``detail_template``)."""

    list_per_page = 50
    list_display_links = None
    list_disable_select_all = True
    list_fullwidth = True
    sortable_by = ()
    show_full_result_count = False
    change_list_template = "admin/deliveries/log.html"
    detail_template = ""
    own_parameters = frozenset({BEFORE, AFTER, ZONE})

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return KeysetChangeList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        read_in_own_zone(request)
        title = capfirst(str(self.opts.verbose_name_plural))
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": str(row),
            "opts": self.opts,
            "original": row,
            "is_fullwidth": "1",
            **self.read_details(request, row),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, self.detail_template, context)

    def read_details(self, request: HttpRequest, row: models.Model) -> dict[str, Any]:
        """What ``detail_template`` shows beside ``original``.

        It masks the row where personal data may not be seen.
        """
        return {}

    def detail_url(self, pk: int) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[pk])

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


def related(row: models.Model, name: str) -> Any:
    """The prefetched row that a log row points to, or None when that is gone (no constraint)."""
    return row._state.fields_cache.get(name)
