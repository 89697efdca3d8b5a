"""Pages and buttons of the log beyond Django's own: views that call one function and report."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    QueryDict,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from admin_base.typed import typed_line
from deliveries.actions.operations import discard, retry
from deliveries.admin.bulk_pages import bulk_links
from deliveries.admin.correction_page import correct_view
from deliveries.admin.delivery_list import newest_first
from deliveries.admin.details import batch_body, batch_panes, read_details
from deliveries.admin.export import csv_lines, json_lines
from deliveries.admin.history_notes import note_deliveries, note_export
from deliveries.admin.log_admin import LogAdmin
from deliveries.admin.paging import AFTER, BEFORE
from deliveries.admin.saved_view_pages import SavedLinkPages
from deliveries.admin.status_help import STATUS_HELP
from deliveries.admin.verdicts import Powers
from deliveries.models import Batch, Delivery
from deliveries.phrases import group_digits
from deliveries.privacy.masked_rows import mask_row, sees_personal_data
from deliveries.search.query_params import read_in_own_zone
from deliveries.statuses import OPEN
from destinations.models import Destination

SOON = timedelta(minutes=1)
RELOAD_SOON_SECONDS, RELOAD_SECONDS = 2, 15

EXPORTS = {
    "csv": ("text/csv; charset=utf-8", csv_lines),
    "jsonl": ("application/x-ndjson", json_lines),
}


class DeliveryPages(SavedLinkPages):
    """The page of one delivery, retry and discard, and the export of what the list shows."""

    detail_template = "admin/deliveries/delivery/detail.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("export/<str:kind>/", view(self.export_view), name="deliveries_delivery_export"),
            path("discard/", view(self.discard_view), name="deliveries_delivery_discard"),
            path("<int:pk>/retry/", view(self.retry_view), name="deliveries_delivery_retry"),
            path("<int:pk>/correct/", view(correct_view), name="deliveries_delivery_correct"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        read_in_own_zone(request)  # before links are made of the address
        extra_context = {
            **(extra_context or {}),
            "bulk_links": bulk_links(request),
            "can_be_watched": True,
            "status_help": STATUS_HELP.get(request.GET.get("status", "")),
            **self.saved_links_context(request),
            "export_links": [(self._export_url(request, kind), kind.upper()) for kind in EXPORTS],
        }
        return super().changelist_view(request, extra_context)

    def read_details(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        powers = Powers(
            may_operate=self.has_operate_permission(request),
            may_edit=request.user.has_perm("destinations.change_destination"),
            sees_people=sees_personal_data(request.user),
        )
        return {
            "details": read_details(row, timezone.now(), powers),
            "may_operate": powers.may_operate,
            "reload_seconds": reload_seconds(row, timezone.now()),
        }

    def export_view(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        """All that the list shows under the same filters, as a file that is written on the way."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if kind not in EXPORTS:
            raise Http404
        content_type, lines = EXPORTS[kind]
        note_export(request, kind)
        deliveries = self.get_changelist_instance(request).queryset
        masks = not sees_personal_data(request.user)
        day = timezone.localtime().strftime("%Y-%m-%d-%H%M")
        return StreamingHttpResponse(
            lines(newest_first(request, deliveries), masks=masks),
            content_type=content_type,
            headers={"Content-Disposition": f'attachment; filename="deliveries-{day}.{kind}"'},
        )

    def _export_url(self, request: HttpRequest, kind: str) -> str:
        query = request.GET.copy()
        for name in (BEFORE, AFTER):
            query.pop(name, None)
        url = reverse("admin:deliveries_delivery_export", args=[kind])
        return f"{url}?{query.urlencode()}" if query else url

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """May retry and discard."""
        return request.user.has_perm("deliveries.operate_delivery")

    def retry_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_operate_permission(request):
            raise PermissionDenied
        count = retry(Delivery.objects.filter(pk=pk))
        note_deliveries(request, [pk], f"Retried {count} of 1.")
        self.report_retry(request, count, 1)
        return HttpResponseRedirect(self.detail_url(pk))

    def discard_view(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_operate_permission(request):
            raise PermissionDenied
        ids = [int(pk) for pk in request.POST.getlist("delivery") if pk.isdecimal()]
        if "confirmed" not in request.POST:
            return self.ask_before_discard(request, ids)
        reason = typed_line(request, "reason")
        count = discard(Delivery.objects.filter(pk__in=ids), reason=reason)
        left = len(ids) - count
        said = f"Discarded {count:,} of {len(ids):,}"
        note_deliveries(request, ids, f"{said}: {reason}" if reason else f"{said}.")
        if count:
            messages.success(
                request,
                ngettext("%(count)s delivery discarded.", "%(count)s deliveries discarded.", count)
                % {"count": group_digits(count)},
            )
        if left:
            messages.warning(
                request,
                ngettext(
                    "%(count)s delivery unchanged: already delivered, being sent or "
                    "already discarded.",
                    "%(count)s deliveries unchanged: already delivered, being sent or "
                    "already discarded.",
                    left,
                )
                % {"count": group_digits(left)},
            )
        if len(ids) == 1:
            return HttpResponseRedirect(self.detail_url(ids[0]))
        filters = QueryDict(request.POST.get("filters", "")).urlencode()
        return HttpResponseRedirect(
            reverse("admin:deliveries_delivery_changelist") + (f"?{filters}" if filters else "")
        )

    def ask_before_discard(self, request: HttpRequest, ids: list[int]) -> HttpResponse:
        """The page that says how many deliveries it is about, and asks why."""
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Discard deliveries"),
            "opts": self.opts,
            "ids": ids,
            "count": len(ids),
            "filters": request.GET.urlencode(),
        }
        return TemplateResponse(request, "admin/deliveries/delivery/discard.html", context)

    def report_retry(self, request: HttpRequest, count: int, chosen: int) -> None:
        """Say how many will be sent again and how many were left alone."""
        if count:
            messages.success(
                request,
                ngettext(
                    "%(count)s delivery queued.",
                    "%(count)s deliveries queued.",
                    count,
                )
                % {"count": group_digits(count)},
            )
        if count < chosen:
            left = chosen - count
            messages.warning(
                request,
                ngettext(
                    "%(count)s delivery unchanged: already delivered, already queued or "
                    "not mapped to a Pinterest event.",
                    "%(count)s deliveries unchanged: already delivered, already queued "
                    "or not mapped to a Pinterest event.",
                    left,
                )
                % {"count": group_digits(left)},
            )


def reload_seconds(delivery: Delivery, now: datetime) -> int:
    """How often the page of a delivery looks for news: never once it is closed."""
    if delivery.status not in OPEN or delivery.due_at is None:
        return 0
    is_soon = delivery.due_at - now <= SOON
    return RELOAD_SOON_SECONDS if is_soon else RELOAD_SECONDS


class BatchPages(LogAdmin):
    """The page of one batch, and its exact bodies to download."""

    detail_template = "admin/deliveries/batch/detail.html"

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                "<int:pk>/<str:side>.json",
                self.admin_site.admin_view(self.body_view),
                name="deliveries_batch_body",
            ),
            *super().get_urls(),
        ]

    def read_details(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        is_masked = not sees_personal_data(request.user)
        deliveries = list(Delivery.objects.filter(batch_id=row.pk).order_by("batch_position")[:50])
        if is_masked:
            for one in (row, *deliveries):
                mask_row(one)
        return {
            "request_words": gettext("personal data is hidden")
            if is_masked
            else gettext("exact bytes sent"),
            "response_words": gettext("personal data is hidden")
            if is_masked
            else gettext("exact bytes received"),
            "panes": batch_panes(row, is_masked),
            "destination": Destination.objects.filter(pk=row.destination_id).first(),
            "rate_limit_headers": sorted(row.rate_limit_headers.items()),
            "deliveries": deliveries,
        }

    def body_view(self, request: HttpRequest, pk: int, side: str) -> HttpResponse:
        """The exact bytes of a request or response; masked without the permission to see them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if side not in ("request", "response"):
            raise Http404
        batch = get_object_or_404(Batch, pk=pk)
        stored = batch.request_body if side == "request" else batch.response_body
        if stored is None:
            raise Http404
        is_masked = not sees_personal_data(request.user)
        name = f"batch-{pk}-{side}{'-masked' if is_masked else ''}.json"
        return HttpResponse(
            batch_body(batch, stored, is_masked),
            content_type="application/octet-stream",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )
