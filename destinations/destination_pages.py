"""Pages and buttons of a destination beyond Django's own form: check its connection, copy it."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext

from destinations.connection_check import advise, check_and_record, check_connection
from destinations.forms import DestinationForm
from destinations.models import ConnectionCheck, Destination, EventMapping, EventRuleRow
from destinations.routed_admin import RoutedAdmin
from destinations.secrets import Secret

CHECKED_FIELDS = ("service", "api_version", "advertiser_id", "conversion_token")
"""What a check depends on, of all that can be typed."""


class DestinationPages(RoutedAdmin):
    """Views of a destination: each calls one function and reports the result."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "destinations_destination"
        return [
            path("check/", view(self.check_view), name=f"{name}_check_new"),
            path("<int:pk>/check/", view(self.check_view), name=f"{name}_check"),
            path("<int:pk>/copy/", view(self.copy_view), name=f"{name}_copy"),
            *super().get_urls(),
        ]

    def check_view(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Checks what was typed, without saving it, or the saved destination."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        destination = get_object_or_404(Destination, pk=pk) if pk else Destination()
        may = (
            self.has_change_permission(request, destination)
            if pk
            else self.has_add_permission(request)
        )
        if not may:
            raise PermissionDenied
        problems, changed = _take_over(request, destination)
        result = None
        if not problems:
            now = timezone.now()
            is_saved = pk is not None and not changed
            result = (
                check_and_record(destination, now)
                if is_saved
                else check_connection(destination, now)
            )
        context = {
            **self.admin_site.each_context(request),
            "title": (gettext("Connection of %(name)s") % {"name": destination.name})
            if pk
            else gettext("Connection check"),
            "opts": self.opts,
            "pk": pk,
            "result": result,
            "problems": problems,
            "tried": _say_tried(pk, changed),
            "destination": destination,
        }
        return TemplateResponse(request, "admin/destinations/destination/check.html", context)

    def copy_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Makes a copy that is switched off and belongs to no account yet, and opens it."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_add_permission(request) or not self.has_change_permission(request):
            raise PermissionDenied
        original = get_object_or_404(Destination, pk=pk)
        with transaction.atomic():
            copy = copy_destination(original)
            self.log_addition(request, copy, f"Copied from “{original.name}” (no. {original.pk}).")
        messages.success(
            request,
            gettext(
                "This is a copy of “%(name)s” with its settings, event map and event rules. It's "
                "off, and has no account, token or sources: enter them, then turn it on."
            )
            % {"name": original.name},
        )
        url = reverse("admin:destinations_destination_change", args=[copy.pk])
        return HttpResponseRedirect(f"{url}?tab=connection")  # what it lacks comes first


def copy_destination(original: Destination) -> Destination:
    """A copy under a free name, switched off and not paused, with settings, event map and event
    rules.

    What says whose conversions go where stays empty: account, token, app and sources. A copy is
    made for another market or client, whose account must not get this one's customers.
    """
    rows = list(original.event_mappings.all())
    rules = list(original.event_rules.all())
    copy = Destination.objects.get(pk=original.pk)
    copy.pk = None
    copy._state.adding = True
    copy.name = _free_name(original.name)
    copy.advertiser_id, copy.app_id, copy.conversion_token = "", "", Secret()
    copy.enabled = False
    copy.paused_at, copy.paused_code, copy.paused_reason = None, "", ""
    copy.created_at = timezone.now()
    copy.save()
    EventMapping.objects.bulk_create(
        EventMapping(
            destination=copy,
            source_event_name=row.source_event_name,
            pinterest_event_name=row.pinterest_event_name,
        )
        for row in rows
    )
    for rule in rules:
        rule.pk, rule.destination = None, copy
    EventRuleRow.objects.bulk_create(rules)
    return copy


def last_check(destination: Destination | None) -> tuple[ConnectionCheck, str, str] | None:
    """The recorded check, what it means and what to do; None when there was none."""
    if destination is None:
        return None
    found = ConnectionCheck.objects.filter(destination_id=destination.pk).first()
    return (found, *advise(found.verdict)) if found else None


def _take_over(request: HttpRequest, destination: Destination) -> tuple[list[str], list[str]]:
    """Put what was typed into ``destination``, unsaved: (mistakes, which fields differ)."""
    if "advertiser_id" not in request.POST:
        return [], []
    saved = {name: getattr(destination, name) for name in CHECKED_FIELDS}
    form = DestinationForm(request.POST, instance=destination)
    form.is_valid()
    problems = [
        f"{form.fields[name].label}: {message}"
        for name in CHECKED_FIELDS
        for message in form.errors.get(name, ())
    ]
    return problems, [name for name in CHECKED_FIELDS if getattr(destination, name) != saved[name]]


def _say_tried(pk: int | None, changed: list[str]) -> str:
    if pk is None:
        return gettext("Checked with the values you entered, which aren't saved yet.")
    if not changed:
        return gettext("Checked with the saved destination and token.")
    token = (
        gettext("the token you entered")
        if "conversion_token" in changed
        else gettext("the saved token")
    )
    return gettext("Checked with %(token)s and the values you entered, which aren't saved yet.") % {
        "token": token
    }


def _free_name(name: str) -> str:
    taken = set(Destination.objects.values_list("name", flat=True))
    longest = Destination._meta.get_field("name").max_length or 100
    number = 1
    while True:
        ending = " (copy)" if number == 1 else f" (copy {number})"
        if (candidate := name[: longest - len(ending)] + ending) not in taken:
            return candidate
        number += 1
