"""The pages of alerts: what is open, what was, who takes care of it; acknowledge and silence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy

from admin_base.site import signed_in
from admin_base.typed import typed_line
from deliveries.alerts.conditions import CONDITIONS
from deliveries.alerts.machine import open_alerts
from deliveries.alerts.models import Alert, Channel, Message, Silence
from deliveries.alerts.wording import Words, name_of, say, say_took
from destinations.badges import show_badge

MAX_HISTORY = 100
"""So many resolved ones are shown, newest first."""
MAY_SEE, MAY_OPERATE = "deliveries.view_delivery", "deliveries.operate_delivery"
MAY_SET_UP = "destinations.change_destination"


@dataclass(frozen=True, slots=True)
class AlertLine:
    """An alert as the pages show it."""

    alert: Alert
    words: Words
    badge: SafeString
    took: str

    @property
    def url(self) -> str:
        return reverse("alert", args=[self.alert.pk])


def line_of(alert: Alert) -> AlertLine:
    return AlertLine(alert, say(alert), show_alert_badge(alert), say_took(alert))


def open_alert_lines() -> list[AlertLine]:
    """What home and other pages show of open alerts; one query."""
    return [line_of(one) for one in open_alerts()]


def failing_channels() -> list[Channel]:
    """Channels that don't get their messages; one query."""
    return list(Channel.objects.filter(enabled=True, failure_count__gt=0))


def show_alert_badge(alert: Alert) -> SafeString:
    if not alert.is_open:
        return show_badge("discarded", "check", gettext("Resolved"))
    if alert.severity == "critical":
        return show_badge("dead", "error", gettext("Critical"))
    return show_badge("pending", "warning", gettext("Warning"))


def require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def render(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    return TemplateResponse(
        request,
        f"admin/deliveries/alerts/{template}.html",
        {**admin.site.each_context(request), **context},
    )


def alerts_view(request: HttpRequest) -> HttpResponse:
    """Open ones first, then the history; a constant number of queries."""
    require(request, MAY_SEE)
    resolved = (
        Alert.objects.filter(resolved_at__isnull=False)
        .select_related("destination", "source", "acknowledged_by")
        .order_by("-fired_at")[:MAX_HISTORY]
    )
    return render(
        request,
        "list",
        title=gettext("Alerts"),
        open=open_alert_lines(),
        resolved=[line_of(one) for one in resolved],
        max_history=MAX_HISTORY,
        failing_channels=failing_channels(),
        has_channel=Channel.objects.filter(enabled=True).exists(),
        may_set_up=request.user.has_perm(MAY_SET_UP),
    )


class SilenceForm(forms.Form):
    """For how long, and why."""

    hours = forms.TypedChoiceField(
        coerce=int,
        choices=(
            (1, gettext_lazy("1 hour")),
            (8, gettext_lazy("8 hours")),
            (24, gettext_lazy("1 day")),
            (7 * 24, gettext_lazy("7 days")),
            (30 * 24, gettext_lazy("30 days")),
        ),
        initial=8,
    )
    reason = forms.CharField(max_length=500)


def alert_view(request: HttpRequest, pk: int) -> HttpResponse:
    require(request, MAY_SEE)
    alert = get_object_or_404(
        Alert.objects.select_related("destination", "source", "acknowledged_by"), pk=pk
    )
    sent = Message.objects.filter(alert=alert).select_related("channel").order_by("pk")
    return render(
        request,
        "alert",
        title=say(alert).title,
        line=line_of(alert),
        alert=alert,
        name=name_of(alert),
        condition=CONDITIONS.get(alert.condition),
        sent=[(one, show_message_badge(one)) for one in sent],
        silence=_silence_of(alert, timezone.now()),
        form=SilenceForm(),
        may_operate=request.user.has_perm(MAY_OPERATE),
    )


def show_message_badge(message: Message) -> SafeString:
    looks = {
        "pending": ("pending", "schedule"),
        "sending": ("sending", "sync"),
        "sent": ("delivered", "check_circle"),
        "failed": ("rejected", "cancel"),
        "cancelled": ("discarded", "block"),
    }
    return show_badge(*looks[message.status], message.get_status_display())


def _silence_of(alert: Alert, now: datetime) -> Silence | None:
    rows = Silence.objects.filter(
        condition=alert.condition, subject=alert.subject, until__gt=now
    ).select_related("created_by")
    return rows.order_by("-until").first()


def acknowledge_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Somebody takes care of it: reminders stop."""
    alert = _posted(request, pk)
    if isinstance(alert, HttpResponse):
        return alert
    if alert.is_open and alert.acknowledged_at is None:
        alert.acknowledged_at, alert.acknowledged_by = timezone.now(), signed_in(request)
        alert.note = typed_line(request, "note")
        alert.save(update_fields=["acknowledged_at", "acknowledged_by", "note"])
        messages.success(request, gettext("Acknowledged. No more reminders are sent."))
    return _back(alert)


def silence_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Nobody is told of this condition and subject until a time that is chosen."""
    alert = _posted(request, pk)
    if isinstance(alert, HttpResponse):
        return alert
    form = SilenceForm(request.POST)
    if not form.is_valid():
        messages.error(request, gettext("Enter a reason."))
        return _back(alert)
    now = timezone.now()
    Silence.objects.create(
        condition=alert.condition,
        subject=alert.subject,
        reason=form.cleaned_data["reason"],
        until=now + timedelta(hours=form.cleaned_data["hours"]),
        created_by=signed_in(request),
    )
    messages.success(request, gettext("Silenced. The alert is still listed here."))
    return _back(alert)


def end_silence_view(request: HttpRequest, pk: int) -> HttpResponse:
    alert = _posted(request, pk)
    if isinstance(alert, HttpResponse):
        return alert
    now = timezone.now()
    Silence.objects.filter(condition=alert.condition, subject=alert.subject, until__gt=now).update(
        until=now
    )
    messages.success(request, gettext("The silence has ended."))
    return _back(alert)


def _posted(request: HttpRequest, pk: int) -> Alert | HttpResponse:
    """The alert that a button is about; a response if it may not be pressed so."""
    require(request, MAY_OPERATE)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    return get_object_or_404(Alert, pk=pk)


def _back(alert: Alert) -> HttpResponse:
    return HttpResponseRedirect(reverse("alert", args=[alert.pk]))
