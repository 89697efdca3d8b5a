"""Archive, restore and delete: buttons that sources and destinations have in common."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext

from admin_base.site import signed_in
from deliveries.actions.archiving import (
    Reference,
    archive_destination,
    archive_source,
    find_reference,
    restore,
)
from destinations.models import Destination, Source
from destinations.routed_admin import RoutedAdmin
from destinations.routing import forget_routes


class ArchivePages(RoutedAdmin):
    """For the admin of a model that has ``archived_at``."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = f"destinations_{self.opts.model_name}"
        return [
            path("<int:pk>/archive/", view(self.archive_view), name=f"{name}_archive"),
            path("<int:pk>/restore/", view(self.restore_view), name=f"{name}_restore"),
            *super().get_urls(),
        ]

    def archive_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask, then archive."""
        row = get_object_or_404(self.model, pk=pk)
        if not self.has_change_permission(request):
            raise PermissionDenied
        if row.archived_at is not None:
            messages.info(request, gettext("“%(name)s” is already archived.") % {"name": row})
            return HttpResponseRedirect(self._page_of(row))
        if request.method != "POST":
            context = {
                **self.admin_site.each_context(request),
                "title": gettext("Archive %(name)s") % {"name": row},
                "opts": self.opts,
                "original": row,
                "is_destination": isinstance(row, Destination),
            }
            return TemplateResponse(request, "admin/destinations/archive.html", context)
        if isinstance(row, Destination):
            said = "Archived. Its token was removed."
            is_new = archive_destination(row, timezone.now(), signed_in(request).get_username())
        else:
            said = "Archived."
            is_new = archive_source(row, timezone.now())
        if is_new:
            self.log_change(request, row, said)
        messages.success(
            request, gettext("“%(name)s” is archived. Its log is kept.") % {"name": row}
        )
        return HttpResponseRedirect(
            reverse(f"admin:destinations_{self.opts.model_name}_changelist")
        )

    def restore_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_change_permission(request):
            raise PermissionDenied
        row = get_object_or_404(self.model, pk=pk)
        if restore(row):
            self.log_change(request, row, "Restored.")
            messages.success(request, _say_restored(row))
            if isinstance(row, Destination):  # it needs a token first
                return HttpResponseRedirect(f"{self._page_of(row)}?tab=connection")
        else:
            messages.info(request, gettext("“%(name)s” isn't archived.") % {"name": row})
        return HttpResponseRedirect(self._page_of(row))

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        if obj is not None:
            name = f"admin:destinations_{self.opts.model_name}"
            context |= {
                "is_destination": isinstance(obj, Destination),
                "may_archive": self.has_change_permission(request),
                "archive_url": reverse(f"{name}_archive", args=[obj.pk]),
                "restore_url": reverse(f"{name}_restore", args=[obj.pk]),
                "delete_url": reverse(f"{name}_delete", args=[obj.pk]),
                "show_delete": False,  # beside "Restore", where it is said what it is about
            }
        return super().render_change_form(request, context, add, change, form_url, obj)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django's, for what nothing points to."""
        row = self.get_object(request, object_id)
        if row is not None and self.has_delete_permission(request, row):
            found = find_reference(row, timezone.now())
            if found is not Reference.NONE:
                messages.error(request, _say_kept(found))
                return HttpResponseRedirect(self._page_of(row))
        return super().delete_view(request, object_id, extra_context)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        forget_routes()

    def _page_of(self, row: Source | Destination) -> str:
        return reverse(f"admin:destinations_{self.opts.model_name}_change", args=[row.pk])


def _say_restored(row: Source | Destination) -> str:
    if isinstance(row, Destination):
        return gettext(
            "“%(name)s” is restored. It's off and has no token: enter one, then turn it on."
        ) % {"name": row}
    return gettext("“%(name)s” is restored. It's off: turn it on to receive its events.") % {
        "name": row
    }


def _say_kept(found: Reference) -> str:
    if found is Reference.FOUND:
        return gettext(
            "It can't be deleted, because the log still refers to it. It stays archived; try "
            "again once the log's retention period has passed."
        )
    return gettext(
        "Whether the log refers to it couldn't be determined: it was archived less than a minute "
        "ago, or the log is too long to search now. Try again later."
    )
