"""Who did what: Django's log of changes, to be read by administrators and edited by nobody."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import DELETION, LogEntry
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy
from unfold.decorators import display

from admin_base.lists import StrictModelAdmin
from deliveries.phrases import show_time
from destinations.pausing import AUTHOR


@admin.register(LogEntry)
class HistoryAdmin(StrictModelAdmin):
    """Every change of set-up and people, and every retry, discard, pause, resume and export."""

    list_display = ("shown_time", "shown_person", "shown_about", "shown_which", "shown_change")
    list_display_links = None
    list_select_related = ("user", "content_type")
    list_filter = (
        ("user", admin.RelatedOnlyFieldListFilter),
        ("content_type", admin.RelatedOnlyFieldListFilter),
        "action_time",
    )
    fields = ("shown_time", "shown_person", "shown_about", "shown_which", "shown_change")
    readonly_fields = fields
    search_fields = ("user__username", "object_repr", "change_message")
    ordering = ("-pk",)
    sortable_by = ()
    list_per_page = 50
    list_disable_select_all = True
    actions = None
    change_list_template = "admin/history.html"
    empty_title = gettext_lazy("No changes yet")
    empty_text = gettext_lazy(
        "Changes to sources, destinations, users and groups are recorded here, and so is every "
        "retry, discard, pause, resume and export: who, what and when."
    )
    empty_link = None

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return super().changelist_view(
            request, {"title": gettext("History"), **(extra_context or {})}
        )

    @display(description=gettext_lazy("When"))
    def shown_time(self, entry: LogEntry) -> SafeString | str:
        return show_time(entry.action_time)

    @display(description=gettext_lazy("Who"))
    def shown_person(self, entry: LogEntry) -> str:
        name = str(entry.user.get_username())
        return gettext("automatic") if name == AUTHOR else name

    @display(description=gettext_lazy("Item"))
    def shown_which(self, entry: LogEntry) -> SafeString | str:
        url = entry.get_admin_url() if entry.action_flag != DELETION else None
        if url is None:
            return str(entry.object_repr)
        return format_html('<a class="relay-link" href="{}">{}</a>', url, entry.object_repr)

    @display(description=gettext_lazy("Type"))
    def shown_about(self, entry: LogEntry) -> str:
        return str(entry.content_type.name) if entry.content_type else "–"

    @display(description=gettext_lazy("Change"))
    def shown_change(self, entry: LogEntry) -> str:
        return str(entry.get_change_message())

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
