"""The channels that alerts go to: set up, test, and see whether messages arrive."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.core.exceptions import ValidationError
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy

from admin_base.site import signed_in
from deliveries.admin.alert_pages import (
    MAY_SET_UP,
    render,
    require,
    show_message_badge,
)
from deliveries.alerts.channels import SERVICES, Unusable, build, seal, values_of
from deliveries.alerts.guard import Refused
from deliveries.alerts.models import Channel, Message, Severity
from deliveries.alerts.sending import check_webhook, send_test
from deliveries.alerts.wording import say
from destinations.secrets import SecretUnreadable

MAX_MESSAGES = 30


def channels_view(request: HttpRequest) -> HttpResponse:
    require(request, MAY_SET_UP)
    return render(
        request,
        "channels",
        title=gettext("Alert channels"),
        channels=[(one, SERVICES[one.kind].title) for one in Channel.objects.all()],
        services=[(kind, service.title) for kind, service in SERVICES.items()],
        base_url=settings.PUBLIC_URL,
    )


class ChannelForm(forms.Form):
    """What every channel has, and the entries of its service. A stored secret isn't shown: blank
    keeps it."""

    name = forms.CharField(label=gettext_lazy("name"), max_length=100)
    enabled = forms.BooleanField(label=gettext_lazy("enabled"), required=False, initial=True)
    least_severity = forms.ChoiceField(
        label=gettext_lazy("alerts"),
        choices=(
            (Severity.WARNING, gettext_lazy("Warnings and critical ones")),
            (Severity.CRITICAL, gettext_lazy("Critical ones only")),
        ),
    )
    repeat_hours = forms.IntegerField(
        label=gettext_lazy("reminder after (hours)"),
        min_value=0,
        max_value=720,
        initial=24,
        help_text=gettext_lazy("While an alert is open and not acknowledged. 0: no reminders."),
    )
    language = forms.ChoiceField(label=gettext_lazy("language"), choices=lambda: settings.LANGUAGES)
    quiet_from = forms.TimeField(
        label=gettext_lazy("quiet from"),
        required=False,
        widget=forms.TimeInput({"type": "time"}, "%H:%M"),
        help_text=gettext_lazy("Warnings wait until quiet hours are over. Critical ones don't."),
    )
    quiet_until = forms.TimeField(
        label=gettext_lazy("quiet until"),
        required=False,
        widget=forms.TimeInput({"type": "time"}, "%H:%M"),
    )
    zone = forms.CharField(label=gettext_lazy("time zone"), max_length=50, initial="UTC")

    def __init__(self, kind: str, channel: Channel | None, data: Any = None) -> None:
        self.kind, self.channel = kind, channel
        common = [*self.base_fields]
        initial: dict[str, Any] = {"language": settings.LANGUAGE_CODE}
        if channel is not None:
            initial = {name: getattr(channel, name) for name in common} | channel.options
            initial["language"] = channel.language or settings.LANGUAGE_CODE
        super().__init__(data, initial=initial)
        for entry in SERVICES[kind].entries:
            is_kept = entry.is_secret and channel is not None
            field: forms.Field
            if entry.choices:
                field = forms.ChoiceField(choices=entry.choices)
            elif entry.is_secret:
                field = forms.CharField(
                    max_length=2000,
                    widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
                )
            else:
                field = forms.CharField(max_length=500)
            field.label = entry.label
            field.help_text = (
                gettext("Stored encrypted. Leave blank to keep it.") if is_kept else entry.help
            )
            field.required = not (entry.is_optional or is_kept)
            field.initial = entry.initial
            self.fields[entry.key] = field
        self.entries = [self[entry.key] for entry in SERVICES[kind].entries]
        self.common = [self[name] for name in common]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        others = Channel.objects.filter(name=name)
        if self.channel is not None:
            others = others.exclude(pk=self.channel.pk)
        if others.exists():
            raise ValidationError(gettext("Another channel has this name."))
        return name

    def clean_zone(self) -> str:
        zone: str = self.cleaned_data["zone"]
        if zone not in available_timezones():
            raise ValidationError(
                gettext("“%(zone)s” isn't a time zone. Use a name such as Europe/Berlin.")
                % {"zone": zone}
            )
        return str(ZoneInfo(zone))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.errors:
            return data
        if bool(data["quiet_from"]) != bool(data["quiet_until"]):
            raise ValidationError(
                {"quiet_until": gettext("Enter both ends of the quiet hours, or neither.")}
            )
        row = self.row()
        try:
            check_webhook(row) if self.kind == "webhook" else build(row, "check")
        except (Unusable, Refused, SecretUnreadable) as error:
            raise ValidationError(gettext(str(error))) from None
        return data

    def row(self) -> Channel:
        """The channel as entered, unsaved."""
        row = self.channel or Channel(kind=self.kind)
        for bound in self.common:
            setattr(row, bound.name, self.cleaned_data[bound.name])
        entries = SERVICES[self.kind].entries
        try:
            kept = values_of(row) if self.channel is not None else {}
        except SecretUnreadable:  # its key is gone: everything has to be entered again
            kept = {}
        row.options = {one.key: self.cleaned_data[one.key] for one in entries if not one.is_secret}
        row.secrets = seal(
            {
                one.key: self.cleaned_data[one.key] or kept.get(one.key, "")
                for one in entries
                if one.is_secret
            }
        )
        return row


def channel_add_view(request: HttpRequest, kind: str) -> HttpResponse:
    require(request, MAY_SET_UP)
    if kind not in SERVICES:
        raise Http404
    return _edit(request, kind, None)


def channel_view(request: HttpRequest, pk: int) -> HttpResponse:
    require(request, MAY_SET_UP)
    channel = get_object_or_404(Channel, pk=pk)
    return _edit(request, channel.kind, channel)


def _edit(request: HttpRequest, kind: str, channel: Channel | None) -> HttpResponse:
    form = ChannelForm(kind, channel, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        row = form.row()
        row.failure_count, row.hold_until = 0, None  # what was wrong may be fixed: try at once
        row.save()
        _log(request, row, CHANGE if channel is not None else ADDITION)
        messages.success(
            request, gettext("“%(name)s” was saved. Send a test to see it work.") % {"name": row}
        )
        return HttpResponseRedirect(reverse("alert_channel", args=[row.pk]))
    if channel is not None:
        channel.refresh_from_db()
    sent = (
        Message.objects.filter(channel=channel)
        .select_related("alert", "alert__destination", "alert__source")
        .order_by("-pk")[:MAX_MESSAGES]
        if channel is not None
        else []
    )
    return render(
        request,
        "channel",
        title=channel.name
        if channel is not None
        else gettext("Add a channel: %(service)s") % {"service": SERVICES[kind].title},
        channel=channel,
        service=SERVICES[kind].title,
        form=form,
        sent=[(one, say(one.alert).title, show_message_badge(one)) for one in sent],
    )


def channel_test_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a test now, and say what the service answered."""
    require(request, MAY_SET_UP)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    channel = get_object_or_404(Channel, pk=pk)
    result = send_test(channel)
    if result.is_sent:
        messages.success(
            request, gettext("The test was sent. Response: %(answer)s") % {"answer": result.answer}
        )
    else:
        messages.error(
            request, gettext("The test wasn't sent: %(answer)s") % {"answer": result.answer}
        )
    return HttpResponseRedirect(reverse("alert_channel", args=[channel.pk]))


def channel_delete_view(request: HttpRequest, pk: int) -> HttpResponse:
    require(request, MAY_SET_UP)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    channel = get_object_or_404(Channel, pk=pk)
    _log(request, channel, DELETION)
    channel.delete()
    messages.success(request, gettext("“%(name)s” was deleted.") % {"name": channel.name})
    return HttpResponseRedirect(reverse("alert_channels"))


def _log(request: HttpRequest, row: Channel, flag: int) -> None:
    LogEntry.objects.log_actions(
        signed_in(request).pk, [row], flag, change_message="", single_object=True
    )
