"""The rules of alerts: their limits, for all or for one, and what would have fired by them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from admin_base.site import signed_in
from deliveries.admin.alert_pages import MAY_SEE, MAY_SET_UP, render, require
from deliveries.alerts.conditions import (
    CONDITIONS,
    DESTINATION,
    SOURCE,
    Condition,
    Rule,
    default_rule,
    read_rules,
)
from deliveries.alerts.models import AlertRule, Severity
from deliveries.alerts.past import look_back
from destinations.models import Destination, Source

MAX_FIRINGS = 50


def rules_view(request: HttpRequest) -> HttpResponse:
    """Every condition with what holds for all, and for whom something else does."""
    require(request, MAY_SEE)
    rules = read_rules()
    names = dict(_subjects((DESTINATION, SOURCE)))
    own: dict[str, list[tuple[str, str, Rule]]] = {}
    for (condition, subject), rule in rules.stored.items():
        if subject in names:
            own.setdefault(condition, []).append((subject, names[subject], rule))
    return render(
        request,
        "rules",
        title=gettext("Alert rules"),
        rules=[
            (one, rules.of(key, ""), say_limits(one, rules.of(key, "")), own.get(key, []))
            for key, one in CONDITIONS.items()
        ],
        may_set_up=request.user.has_perm(MAY_SET_UP),
    )


def say_limits(condition: Condition, rule: Rule) -> list[tuple[str, int]]:
    return [(str(limit.label), rule.limits[limit.key]) for limit in condition.limits]


def _subjects(kinds: tuple[str, ...]) -> list[tuple[str, str]]:
    """(subject, name) of what isn't archived."""
    found: list[tuple[str, str]] = []
    if DESTINATION in kinds:
        found += [(f"destination:{one.pk}", one.name) for one in Destination.objects.active()]
    if SOURCE in kinds:
        found += [(f"source:{one.pk}", one.name) for one in Source.objects.active()]
    return found


class RuleForm(forms.Form):
    """One rule: whether it's on, how severe it is, and its limits."""

    enabled = forms.BooleanField(label=gettext_lazy("On"), required=False)
    severity = forms.ChoiceField(label=gettext_lazy("Severity"), choices=Severity.choices)

    def __init__(self, condition: Condition, rule: Rule, data: Any = None) -> None:
        super().__init__(
            data,
            initial={"enabled": rule.enabled, "severity": rule.severity, **rule.limits},
        )
        for limit in condition.limits:
            self.fields[limit.key] = forms.IntegerField(
                label=limit.label, min_value=limit.least, max_value=limit.most
            )
        self._keys = [limit.key for limit in condition.limits]

    def rule(self) -> Rule:
        data = self.cleaned_data
        return Rule(data["enabled"], data["severity"], {key: data[key] for key in self._keys})


def rule_view(request: HttpRequest, condition: str) -> HttpResponse:
    """Change a rule, for all or for the subject in the address. Saves only what was asked to be
    saved; "What would have fired" only looks."""
    require(request, MAY_SET_UP)
    if condition not in CONDITIONS:
        raise Http404
    one = CONDITIONS[condition]
    subjects = _subjects(one.subjects)
    subject = request.GET.get("for", "")
    if subject and subject not in dict(subjects):
        raise Http404
    rules = read_rules()
    is_own = (condition, subject) in rules.stored
    if request.method == "POST" and "reset" in request.POST:
        if is_own:
            _log(request, AlertRule.objects.get(condition=condition, subject=subject), DELETION)
            AlertRule.objects.filter(condition=condition, subject=subject).delete()
        messages.success(request, gettext("The rule is back to its default."))
        return HttpResponseRedirect(reverse("alert_rules"))
    form = RuleForm(one, rules.of(condition, subject), request.POST or None)
    past = None
    if request.method == "POST" and form.is_valid():
        rule = form.rule()
        if "save" in request.POST:
            row, is_new = AlertRule.objects.update_or_create(
                condition=condition,
                subject=subject,
                defaults={
                    "enabled": rule.enabled,
                    "severity": rule.severity,
                    "limits": dict(rule.limits),
                },
            )
            _log(request, row, ADDITION if is_new else CHANGE)
            messages.success(request, gettext("The rule was saved. It applies within a minute."))
            return HttpResponseRedirect(reverse("alert_rules"))
        past = look_back(condition, subject, rule.limits, timezone.now())
    names = dict(_subjects((DESTINATION, SOURCE)))
    return render(
        request,
        "rule",
        title=str(one.title),
        condition=one,
        subject=subject,
        subjects=subjects,
        name=names.get(subject, ""),
        form=form,
        is_own=is_own,
        default=say_limits(one, default_rule(condition)),
        past=past,
        firings=[
            (names.get(firing.subject, firing.subject), firing)
            for firing in reversed(past.firings[-MAX_FIRINGS:])
        ]
        if past is not None
        else [],
        max_firings=MAX_FIRINGS,
    )


def _log(request: HttpRequest, row: Any, flag: int) -> None:
    LogEntry.objects.log_actions(
        signed_in(request).pk, [row], flag, change_message="", single_object=True
    )
