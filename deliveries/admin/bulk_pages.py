"""The pages of bulk actions: ask with the count, start, watch, cancel, and the list of all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.request import QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import translation
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy
from unfold.decorators import display

from admin_base.site import signed_in
from admin_base.typed import typed_line
from deliveries.actions.bulk import TOUCHED, cancel_bulk_action, count_preview, start_bulk_action
from deliveries.admin.log_admin import LogAdmin
from deliveries.admin.paging import KeysetChangeList
from deliveries.models import BulkAction
from deliveries.phrases import group_digits, show_status, show_time
from deliveries.search import PARAMETERS, Names, Selection, read_selection
from deliveries.search.query_params import has_times, read_in_own_zone
from deliveries.search.zones import ZONE, zone_name, zone_of
from deliveries.statuses import BulkVerb, DeliveryStatus
from destinations.models import Destination, Source

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

MAY_OPERATE = "deliveries.operate_delivery"
REPLAY_OPTIONS = ("retries_undelivered", "resends_delivered")


class BulkActionList(KeysetChangeList):
    """A page of bulk actions, each with its selection in words: two queries for all of them."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        names = _names()
        for action in self.result_list:
            action.said = Selection.from_json(action.selection).say(names)


@admin.register(BulkAction)
class BulkActionAdmin(LogAdmin):
    list_display = (
        "shown_time",
        "shown_verb",
        "shown_selection",
        "shown_count",
        "shown_state",
        "shown_person",
    )
    detail_template = "admin/deliveries/bulkaction/detail.html"
    empty_title = gettext_lazy("No bulk actions yet")
    empty_text = gettext_lazy(
        "Filter the delivery log, then choose “Retry all matching”, or replay a time "
        "range. Every bulk action and its result is recorded here."
    )
    empty_link = ("admin:deliveries_delivery_changelist", gettext_lazy("Go to the delivery log"))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("new/<str:verb>/", view(self.ask_view), name="deliveries_bulkaction_ask"),
            path("<int:pk>/cancel/", view(self.cancel_view), name="deliveries_bulkaction_cancel"),
            *super().get_urls(),
        ]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return BulkActionList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        replay = reverse("admin:deliveries_bulkaction_ask", args=[BulkVerb.REPLAY.value])
        bar_link = (
            (replay, gettext("Replay a time range …"))
            if request.user.has_perm(MAY_OPERATE)
            else None
        )
        return super().changelist_view(request, {**(extra_context or {}), "bar_link": bar_link})

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return request.user.has_perm("deliveries.view_delivery")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def read_details(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        selection = Selection.from_json(row.selection)
        return {
            "title": gettext("%(verb)s deliveries in bulk") % {"verb": row.get_verb_display()},
            "state": show_state(row),
            "said": selection.say(_names()),
            "percent": percent_done(row),
            "unit": gettext("event–destination pairs")
            if row.verb == BulkVerb.REPLAY
            else gettext("deliveries"),
            "may_cancel": not row.is_finished and request.user.has_perm(MAY_OPERATE),
        }

    def ask_view(self, request: HttpRequest, verb: str) -> HttpResponse:
        """Shows how many it is about and how old they are; starts it once that was confirmed."""
        if not request.user.has_perm(MAY_OPERATE):
            raise PermissionDenied
        if verb not in BulkVerb.values:
            return HttpResponse(status=404)
        read_in_own_zone(request)
        posted = request.POST if request.method == "POST" else request.GET
        address = {name: posted.get(name, "") for name in (*PARAMETERS, "q", ZONE)}
        options = {name: verb == BulkVerb.REPLAY and name in posted for name in REPLAY_OPTIONS}
        problem, preview, said = "", None, []
        try:
            selection = read_selection(address)
            if verb == BulkVerb.DISCARD and selection == Selection():
                raise ValueError(gettext("Choose a filter before you discard deliveries."))
            if verb == BulkVerb.REPLAY and not (selection.since and selection.until):
                if selection.since or selection.until:
                    problem = gettext("Choose the start and end of the time range.")
            else:
                if request.method == "POST":
                    return self._start(request, verb, selection, options)
                preview = count_preview(verb, selection)
                said = selection.say(_names())
        except ValueError as error:
            problem = str(error)
        context = {
            **self.admin_site.each_context(request),
            "title": TITLES[verb],
            "opts": self.opts,
            "verb": verb,
            "address": address,
            "hidden": [(name, text) for name, text in address.items() if text],
            "options": options,
            "problem": problem,
            "preview": preview,
            "said": said,
            "log_query": _query(address),
            "destinations": Destination.objects.filter(enabled=True).order_by("name"),
            "sources": Source.objects.order_by("name"),
            "zone": zone_name(zone_of(address)),
        }
        return TemplateResponse(request, "admin/deliveries/bulkaction/ask.html", context)

    def _start(
        self, request: HttpRequest, verb: str, selection: Selection, options: dict[str, Any]
    ) -> HttpResponse:
        action = start_noted(
            request, verb, selection, reason=typed_line(request, "reason"), **options
        )
        return HttpResponseRedirect(self.detail_url(action.pk))

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not request.user.has_perm(MAY_OPERATE):
            raise PermissionDenied
        if cancel_bulk_action(pk):
            action = BulkAction.objects.get(pk=pk)
            _note(request, action, _say_canceled)
            messages.success(request, gettext("Canceled. Changes made so far are kept."))
        else:
            messages.warning(request, gettext("It has already finished."))
        return HttpResponseRedirect(self.detail_url(pk))

    @display(description=gettext_lazy("Requested"))
    def shown_time(self, action: BulkAction) -> SafeString:
        url = self.detail_url(action.pk)
        return format_html(
            '<a class="relay-link" href="{}">{}</a>', url, show_time(action.created_at)
        )

    @display(description=gettext_lazy("Action"))
    def shown_verb(self, action: BulkAction) -> SafeString:
        return format_html(
            '<a class="relay-link relay-link--strong" href="{}">{}</a>',
            self.detail_url(action.pk),
            action.get_verb_display(),
        )

    @display(description=gettext_lazy("Filter"))
    def shown_selection(self, action: Any) -> SafeString:
        words = "; ".join(f"{what}: {which}" for what, which in action.said) or gettext("all")
        return format_html('<span class="relay-clamp" title="{0}">{0}</span>', words)

    @display(description=gettext_lazy("Count"))
    def shown_count(self, action: BulkAction) -> SafeString:
        return format_html(
            '<span class="relay-counts"><b>{}</b> <small>{}</small></span>',
            gettext("%(count)s changed") % {"count": group_digits(action.changed_count)},
            gettext("of %(count)s") % {"count": action.said_total},
        )

    @display(description=gettext_lazy("State"))
    def shown_state(self, action: BulkAction) -> SafeString:
        return show_state(action)

    @display(description=gettext_lazy("By"))
    def shown_person(self, action: BulkAction) -> str:
        return action.requested_by or "–"


TITLES: dict[str, StrOrPromise] = {
    BulkVerb.RETRY: gettext_lazy("Retry all matching"),
    BulkVerb.DISCARD: gettext_lazy("Discard all matching"),
    BulkVerb.REPLAY: gettext_lazy("Replay a time range"),
}


def start_noted(
    request: HttpRequest, verb: str, selection: Selection, **options: Any
) -> BulkAction:
    """``start_bulk_action`` for whoever asks, with its entry in the history."""
    with transaction.atomic():
        action = start_bulk_action(
            verb, selection, requested_by=request.user.get_username(), **options
        )
        _note(request, action, _say_asked_for)
    return action


def _note(request: HttpRequest, action: BulkAction, say: Callable[[BulkAction], str]) -> None:
    """Who did it, in the history; the entry leads to the action's page with what came of it.

    The history is kept in English, whatever language the page is in.
    """
    with translation.override("en"):
        LogEntry.objects.log_actions(
            signed_in(request).pk, [action], CHANGE, change_message=say(action), single_object=True
        )


def _say_canceled(action: BulkAction) -> str:
    return (
        f"Canceled after {action.examined_count:,} of {action.total_count:,}; "
        f"{action.changed_count:,} changed before that."
    )


def _say_asked_for(action: BulkAction) -> str:
    """What was asked for, of how many, which, and why."""
    unit = (
        gettext("%(count)s event–destination pairs")
        if action.verb == BulkVerb.REPLAY
        else gettext("%(count)s deliveries")
    )
    said = Selection.from_json(action.selection).say(_names())
    parts = [
        f"{TITLES[action.verb]}: {unit % {'count': group_digits(action.total_count)}}",
        "; ".join(f"{what}: {which}" for what, which in said) or gettext("No filter"),
    ]
    if action.resends_delivered:
        parts.append(gettext("Including deliveries Pinterest already accepted"))
    if action.reason:
        parts.append(gettext("Reason: %(reason)s") % {"reason": action.reason})
    return ". ".join(parts) + "."


def show_state(action: BulkAction) -> SafeString:
    """A badge: waiting, running with its share, done, cancelled or failed."""
    if action.cancelled_at is not None:
        return show_status("", "discarded", gettext("Canceled"))
    if action.is_finished:
        failed = bool(action.positions)
        return show_status(
            "",
            "rejected" if failed else "delivered",
            gettext("Failed") if failed else gettext("Done"),
        )
    if action.started_at is None:
        return show_status("", "pending", gettext("Queued"))
    return show_status(
        "",
        "sending",
        gettext("Running, %(percent)s%%") % {"percent": percent_done(action)},
    )


def percent_done(action: BulkAction) -> int:
    """How much was looked at, as a whole percentage; 100 only when it is done."""
    if action.is_finished and not action.positions:
        return 100
    return min(99, action.examined_count * 100 // max(action.total_count, 1))


def _names() -> Names:
    return Names(
        dict(Destination.objects.values_list("pk", "name")),
        dict(Source.objects.values_list("pk", "name")),
    )


def _query(address: dict[str, str]) -> str:
    query = QueryDict(mutable=True)
    query.update({name: text for name, text in address.items() if text})
    return query.urlencode()


def bulk_links(request: HttpRequest) -> list[tuple[str, str, str, str]]:
    """(address, icon, words, what it would do) for what may be done with all that the log shows.

    A verb that can change nothing of the chosen status is not offered.
    """
    if not request.user.has_perm(MAY_OPERATE):
        return []
    address = {name: request.GET.get(name, "") for name in PARAMETERS}
    if has_times(address):
        address[ZONE] = zone_name(zone_of(request.GET))
    replay = {
        name: address.get(name, "") for name in ("since", "until", "source", "source_event", ZONE)
    }
    replay["destination"] = address["destination"]
    status = address["status"]
    assurance = gettext("You'll see a preview before anything happens.")
    links = []
    for verb, icon, promise in (
        (
            BulkVerb.RETRY,
            "replay",
            gettext("Sends them again with a new set of attempts. Live events go first."),
        ),
        (
            BulkVerb.DISCARD,
            "delete",
            gettext("They won't be sent to Pinterest. You can undo this with a retry."),
        ),
        (
            BulkVerb.REPLAY,
            "history",
            gettext("Reprocesses events of a time range with current settings."),
        ),
    ):
        if verb != BulkVerb.REPLAY and (request.GET.get("q") or not _can_change(verb, status)):
            continue  # a search cannot be acted upon as a whole
        if verb == BulkVerb.DISCARD and not any(address[name] for name in PARAMETERS):
            continue
        query = _query(replay if verb == BulkVerb.REPLAY else address)
        url = reverse("admin:deliveries_bulkaction_ask", args=[verb.value])
        promise = f"{promise} {assurance}"
        links.append((f"{url}?{query}" if query else url, icon, _say_verb(verb, status), promise))
    return links


def _can_change(verb: str, status: str) -> bool:
    return status in TOUCHED[verb] or status not in DeliveryStatus.values


def _say_verb(verb: str, status: str) -> str:
    """What the button says it is about: the chosen status by its name."""
    if verb == BulkVerb.REPLAY:
        return gettext("Replay a time range …")
    chosen = dict(DeliveryStatus.choices).get(status)
    if chosen is None:
        return (
            gettext("Retry all matching …")
            if verb == BulkVerb.RETRY
            else gettext("Discard all matching …")
        )
    said = (
        gettext("Retry all with status %(status)s …")
        if verb == BulkVerb.RETRY
        else gettext("Discard all with status %(status)s …")
    )
    return said % {"status": str(chosen).lower()}
