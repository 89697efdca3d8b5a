"""Sources in the browser: their write key, their destinations, and how to connect them.

``deliveries.admin.source_admin`` registers sources, with the pages that need events.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import dateformat, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy
from unfold.decorators import display

from destinations.first_start import DEMO_WRITE_KEY
from destinations.forms import RotateForm, SourceForm
from destinations.models import FormerWriteKey, Source
from destinations.routed_admin import RoutedAdmin
from destinations.routing import forget_routes
from destinations.snippets import make_snippets
from destinations.write_keys import end_former_key, rotate_key

MAX_FORMER_KEYS = 10
"""The newest so many are shown."""

if TYPE_CHECKING:
    from django.contrib.admin.options import _FieldsetSpec


class SourceAdmin(RoutedAdmin):
    form = SourceForm
    list_display: tuple[str, ...] = ("name", "shown_key", "shown_destinations")
    ordering = ("name",)
    readonly_fields = ("shown_destinations",)
    change_form_template = "admin/destinations/source/change_form.html"
    empty_title = gettext_lazy("No sources yet")
    empty_text = gettext_lazy(
        "A source is a website or app that sends events. Each has its own write key."
    )
    empty_link = ("admin:destinations_source_add", gettext_lazy("Add a source"))

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Source]:
        return super().get_queryset(request).prefetch_related("destinations")

    def get_fieldsets(self, request: HttpRequest, obj: Source | None = None) -> _FieldsetSpec:
        seen = "destinations"
        if obj and not self.has_change_permission(request, obj):
            seen = "shown_destinations"
        # Once made, a key is rotated, not edited: a typing error would cut off a whole site.
        own_key = () if obj else ("write_key",)
        return [
            (None, {"fields": ("name", "enabled", "is_public", "identity_memory", seen)}),
            (
                gettext("Advanced"),
                {
                    "classes": ("collapse",),
                    "fields": (
                        *own_key,
                        "identity_space",
                        "allowed_origins",
                        "rate_limit_per_second",
                    ),
                },
            ),
        ]

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                "<int:pk>/rotate-key/",
                self.admin_site.admin_view(self.rotate_view),
                name="destinations_source_rotate",
            ),
            path(
                "<int:pk>/end-key/<int:key_pk>/",
                self.admin_site.admin_view(self.end_key_view),
                name="destinations_source_end_key",
            ),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        source = self.get_object(request, object_id)
        extra_context = {**(extra_context or {}), "sees_key": False}
        if isinstance(source, Source) and self.has_change_permission(request, source):
            extra_context |= {
                "sees_key": True,
                "server_url": server_url(request),
                "former_keys": list(source.former_keys.all()[:MAX_FORMER_KEYS]),
                "now": timezone.now(),
                "snippets": make_snippets(server_url(request), source.write_key),
            }
        return super().change_view(request, object_id, form_url, extra_context)

    def rotate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask for how long the old key goes on, then give the source a new one."""
        source = get_object_or_404(Source, pk=pk)
        if not self.has_change_permission(request, source):
            raise PermissionDenied
        form = RotateForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            context = {
                **self.admin_site.each_context(request),
                "title": gettext("Rotate the write key"),
                "opts": self.opts,
                "original": source,
                "form": form,
                "is_demo": source.write_key == DEMO_WRITE_KEY,
            }
            return TemplateResponse(request, "admin/destinations/source/rotate.html", context)
        with transaction.atomic():
            kept_for = timedelta(hours=form.cleaned_data["keep"])
            former = rotate_key(source, kept_for, timezone.now())
            said = "Write key rotated."
            if former is not None:
                said += f" The old key works until {former.expires_at:%Y-%m-%d %H:%M} UTC."
            self.log_change(request, source, said)
            transaction.on_commit(forget_routes)
        messages.success(request, _say_rotated(source, former))
        return HttpResponseRedirect(reverse("admin:destinations_source_change", args=[pk]))

    def end_key_view(self, request: HttpRequest, pk: int, key_pk: int) -> HttpResponse:
        """Let an old key end now."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        source = get_object_or_404(Source, pk=pk)
        if not self.has_change_permission(request, source):
            raise PermissionDenied
        with transaction.atomic():
            if former := end_former_key(source, key_pk, timezone.now()):
                self.log_change(request, source, f"Old write key …{former.ending} stopped.")
                transaction.on_commit(forget_routes)
        if former:
            messages.success(
                request,
                gettext("The old key …%(ending)s no longer works.") % {"ending": former.ending},
            )
        else:
            messages.info(request, gettext("This key had stopped working already."))
        return HttpResponseRedirect(reverse("admin:destinations_source_change", args=[pk]))

    def response_add(
        self, request: HttpRequest, obj: Source, post_url_continue: str | None = None
    ) -> HttpResponse:
        """After adding comes connecting: show the page with the key and the ready lines."""
        if not {"_addanother", "_continue", "_popup"} & request.POST.keys():
            messages.success(
                request,
                gettext("“%(obj)s” is ready. Connect it with one of the snippets below.")
                % {"obj": obj},
            )
            return HttpResponseRedirect(reverse("admin:destinations_source_change", args=[obj.pk]))
        return super().response_add(request, obj, post_url_continue)

    @display(description=gettext_lazy("Write key"))
    def shown_key(self, source: Source) -> SafeString:
        return format_html("<code>…{}</code>", source.write_key[-4:])

    @display(description=gettext_lazy("Destinations"))
    def shown_destinations(self, source: Source) -> str:
        names = [one.name for one in source.destinations.all() if one.archived_at is None]
        return ", ".join(names) or gettext("none")


def _say_rotated(source: Source, former: FormerWriteKey | None) -> str:
    if former is None:
        return gettext(
            "“%(source)s” has a new write key. Events sent with the old key are now rejected."
        ) % {"source": source}
    until = dateformat.format(timezone.localtime(former.expires_at), gettext("d M Y H:i T"))
    return gettext(
        "“%(source)s” has a new write key. The old key works until %(until)s: switch your website "
        "or app to the new one before."
    ) % {"source": source, "until": until}


def server_url(request: HttpRequest) -> str:
    """This server as the outside sees it, with the prefix, without a slash at the end."""
    prefix = f"/{settings.URL_PREFIX}" if settings.URL_PREFIX else ""
    return f"{request.scheme}://{request.get_host()}{prefix}"
