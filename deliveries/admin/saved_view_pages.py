"""The views behind saved views: save what the log shows now, remove one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    QueryDict,
)
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext

from deliveries.admin.log_admin import LogAdmin
from deliveries.admin.paging import AFTER, BEFORE
from deliveries.models import SavedLink
from deliveries.search.saved_views import MAY_SHARE, clean_query, links_for, may_remove, save_link


class SavedLinkPages(LogAdmin):
    """The part of the delivery log that is about saved views."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("views/save/", view(self.save_link_view), name="deliveries_savedlink_save"),
            path(
                "views/<int:pk>/remove/",
                view(self.remove_link_view),
                name="deliveries_savedlink_remove",
            ),
            *super().get_urls(),
        ]

    def save_link_view(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        is_shared = "shared" in request.POST
        if not self.has_view_permission(request):
            raise PermissionDenied
        if is_shared and not request.user.has_perm(MAY_SHARE):
            raise PermissionDenied
        address = QueryDict(request.POST.get("query", ""))
        try:
            link = save_link(request.user, request.POST.get("name", ""), address.dict(), is_shared)
        except ValueError as error:
            messages.error(request, str(error))
            return _to_log(address.urlencode())
        messages.success(request, gettext("“%(name)s” saved.") % {"name": link.name})
        return _to_log(link.query)

    def remove_link_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        link = get_object_or_404(SavedLink, pk=pk)
        if not (self.has_view_permission(request) and may_remove(request.user, link)):
            raise PermissionDenied
        link.delete()
        messages.success(request, gettext("“%(name)s” removed.") % {"name": link.name})
        return _to_log(QueryDict(request.POST.get("query", "")).urlencode())

    def saved_links_context(self, request: HttpRequest) -> dict[str, Any]:
        """What ``relay/saved_links.html`` shows above the log."""
        query = request.GET.copy()
        for name in (BEFORE, AFTER):
            query.pop(name, None)
        return {
            "saved_links": links_for(request.user),
            "this_query": query.urlencode(),
            "this_link": _clean_or_empty(
                {name: str(value) for name, value in query.dict().items()}
            ),
            "may_share": request.user.has_perm(MAY_SHARE),
        }


def _clean_or_empty(address: dict[str, str]) -> str:
    """As a saved view would hold it, to tell which one this is."""
    try:
        return clean_query(address)
    except ValueError:
        return ""


def _to_log(query: str) -> HttpResponse:
    url = reverse("admin:deliveries_delivery_changelist")
    return HttpResponseRedirect(f"{url}?{query}" if query else url)
