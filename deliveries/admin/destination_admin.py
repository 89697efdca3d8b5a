"""A destination's pages with what needs its deliveries: pause, resume, archive and preview."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy, ngettext
from unfold.decorators import display

from admin_base.site import signed_in
from admin_base.typed import typed_line
from deliveries.actions.operations import resume
from deliveries.admin.archive_pages import ArchivePages
from deliveries.admin.destination_overview import (
    OVERVIEW,
    read_overview,
    read_standing,
    tab_of,
    tabs_of,
    tabs_with_mistakes,
)
from deliveries.admin.events_page import destination_events
from deliveries.admin.filtered_page import filtered_view
from deliveries.admin.preview_page import preview_view
from deliveries.destination_states import State, read_states
from deliveries.models import Delivery
from deliveries.phrases import group_digits
from destinations.admin import DestinationAdmin
from destinations.models import Destination
from destinations.pausing import pause
from destinations.routed_admin import RoutedChangeList

MAX_COUNTED = 10_000
PAUSED_BY_A_PERSON = "paused_by_a_person"


class DestinationList(RoutedChangeList):
    """The list with the state of each destination on the page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.states = read_states(list(self.result_list), timezone.now())
        for destination in self.result_list:
            destination.state = self.states[destination.pk]


@admin.register(Destination)
class OperatedDestinationAdmin(ArchivePages, DestinationAdmin):
    """What is set up, and what is done with it."""

    list_display = ("name", "shown_state", "shown_account", "shown_sources", "shown_resume")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[DestinationList]:
        return DestinationList

    @display(description=gettext_lazy("Status"))
    def shown_state(self, destination: Any) -> SafeString:
        state: State = destination.state
        return format_html(
            '{}<span class="relay-error" title="{}"><small>{}</small></span>',
            state.badge,
            state.sentence,
            state.sentence,
        )

    def _read_state(self, request: HttpRequest, object_id: str | None) -> dict[str, Any]:
        context = super()._read_state(request, object_id)
        if (destination := context["destination"]) is not None:
            context |= {"tabs": tabs_of(destination), **read_standing(destination, timezone.now())}
        return context

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
            mistakes = tabs_with_mistakes(context)
            tab = mistakes[0] if mistakes else tab_of(request)
            context |= {"tab": tab, "mistakes": mistakes, "show_save_and_add_another": False}
            if tab == OVERVIEW:
                context |= read_overview(request, obj, timezone.now())
        return super().render_change_form(request, context, add, change, form_url, obj)

    def response_change(self, request: HttpRequest, obj: Destination) -> HttpResponse:
        """“Save and continue editing” goes on in the same tab."""
        response = super().response_change(request, obj)
        if response.headers.get("Location") == request.path and "_continue" in request.POST:
            response["Location"] = f"{request.path}?tab={tab_of(request)}"
        return response

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "destinations_destination"
        return [
            path("preview/", view(preview_view), name=f"{name}_preview_new"),
            path("<int:pk>/preview/", view(preview_view), name=f"{name}_preview"),
            path("filtered/", view(filtered_view), name=f"{name}_filtered_new"),
            path("<int:pk>/filtered/", view(filtered_view), name=f"{name}_filtered"),
            path("<int:pk>/events/", view(self.events_view), name=f"{name}_events"),
            path("<int:pk>/pause/", view(self.pause_view), name=f"{name}_pause"),
            path("<int:pk>/resume/", view(self.resume_view), name=f"{name}_resume"),
            *super().get_urls(),
        ]

    def events_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return destination_events(self, request, get_object_or_404(Destination, pk=pk))

    def pause_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        destination = self._destination_to_operate(request, pk)
        if isinstance(destination, HttpResponse):
            return destination
        reason = typed_line(request, "reason")
        said = f"{request.user.get_username()} paused it" + (f": {reason}" if reason else ".")
        if pause(destination.pk, PAUSED_BY_A_PERSON, said):
            self._note(request, destination, f"Paused: {reason}" if reason else "Paused.")
            messages.success(
                request,
                gettext("“%(destination)s” is paused. New deliveries are queued.")
                % {"destination": destination},
            )
        else:
            messages.info(
                request,
                gettext("“%(destination)s” was already paused.") % {"destination": destination},
            )
        return HttpResponseRedirect(_destination_url(destination))

    def resume_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        destination = self._destination_to_operate(request, pk)
        if isinstance(destination, HttpResponse):
            return destination
        if resume(destination.pk):
            waiting = _count_waiting(destination)
            self._note(request, destination, f"Resumed. {waiting}")
            messages.success(
                request,
                gettext("“%(destination)s” is resumed. %(waiting)s")
                % {"destination": destination, "waiting": waiting},
            )
        else:
            messages.info(
                request, gettext("“%(destination)s” wasn't paused.") % {"destination": destination}
            )
        return HttpResponseRedirect(_destination_url(destination))

    def _destination_to_operate(self, request: HttpRequest, pk: int) -> Destination | HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not request.user.has_perm("destinations.operate_destination"):
            raise PermissionDenied
        return get_object_or_404(Destination, pk=pk)

    def _note(self, request: HttpRequest, destination: Destination, message: str) -> None:
        """Who did it, in the destination's history."""
        LogEntry.objects.log_actions(
            signed_in(request).pk, [destination], CHANGE, change_message=message, single_object=True
        )


def _destination_url(destination: Destination) -> str:
    return reverse("admin:destinations_destination_change", args=[destination.pk])


def _count_waiting(destination: Destination) -> str:
    """How many deliveries wait there, counted only as far as it is quick."""
    waiting = Delivery.objects.filter(destination=destination, due_at__isnull=False)
    count = len(waiting.values_list("pk")[: MAX_COUNTED + 1])
    if count > MAX_COUNTED:
        more = gettext("More than %(count)s queued deliveries are being sent now.")
        return more % {"count": group_digits(MAX_COUNTED)}
    if count == 0:
        return gettext("No deliveries were queued.")
    return ngettext(
        "%(count)s queued delivery is being sent now.",
        "%(count)s queued deliveries are being sent now.",
        count,
    ) % {"count": group_digits(count)}
