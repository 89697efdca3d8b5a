"""The preview: what an event would become at a destination, before anything is saved or sent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

import orjson
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.forms import inlineformset_factory
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext

from deliveries.db.compression import unpack
from deliveries.ingest.addresses import find_visitor_ip
from deliveries.ingest.dry_run import EventPreview, preview_body
from deliveries.ingest.envelope import Arrival
from deliveries.ingest.responses import BodyRefused, RequestRefused
from deliveries.models import Event
from deliveries.phrases import pretty, pretty_json
from deliveries.privacy.event_ids import has_readable_event_ids, hide_event_ids
from deliveries.privacy.known_values import KnownValues
from deliveries.privacy.masked_rows import mask_pretty, sees_personal_data
from deliveries.privacy.masking import mask, mask_text, personal_values
from destinations.connections import send_as_test
from destinations.event_map_advice import advise_event_map
from destinations.examples import EXAMPLES
from destinations.forms import DestinationForm, EventMappingForm
from destinations.models import Destination, EventMapping, EventRuleRow, Source
from destinations.pinterest.client import Reply
from destinations.pinterest.match_advice import Advice, missing_for_a_match
from destinations.pinterest.replies import read_reply
from destinations.pinterest.transform import TransformConfig
from destinations.rule_forms import EventRuleForm, say_problems
from destinations.rule_forms import EventRuleFormSet as RuleFormSet
from destinations.secrets import SecretUnreadable

RECENT_COUNT = 15
RECENT_AMONG = 100_000
"""IDs: no index knows the events of a source, and the newest of a busy log are enough."""
MAX_CHARACTERS = 600_000
"""More than the largest event has, written with indents or not."""
MAX_SHOWN = 20
"""Events of a batch."""
MAX_SENT = 20
"""Pinterest looks at no more conversions of a test request."""
NEVER_CARRIED = frozenset(
    {"csrfmiddlewaretoken", "conversion_token", "event", "example", "recent", "send"}
)
"""What of a posted form is not handed on from page to page: above all a typed token."""

ENOUGH_FOR_A_MATCH = ("em", "hashed_maids", "client_ip_address", "client_user_agent")
MATCHABLE_BY = [
    advice
    for advice in missing_for_a_match({"action_source": "app_ios"})
    if advice.field in ENOUGH_FOR_A_MATCH
]

EventMappingFormSet = inlineformset_factory(
    Destination, EventMapping, form=EventMappingForm, extra=0
)
EventRuleFormSet = inlineformset_factory(
    Destination, EventRuleRow, form=EventRuleForm, formset=RuleFormSet, extra=0
)


@dataclass(slots=True)
class Trial:
    """One event tried out, and what it gave."""

    name: str
    answer: dict[str, Any]
    conversions: list[tuple[str, str, list[Advice]]] = field(default_factory=list)
    """(event name, pretty JSON, what is missing for a better match)"""

    @property
    def completed(self) -> list[tuple[str, str, datetime]]:
        """What identity memory added: the field, from which call, and when that came."""
        return [
            (one["field"], one["call"], datetime.fromtimestamp(one["seen_at"], UTC))
            for one in self.answer.get("completed", ())
        ]

    missing: list[Advice] = field(default_factory=list)
    """What would let an event through that nobody can match."""


def preview_view(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Shows a form for what a sender sends and, when it was posted, what becomes of its events.

    Ingest's own rules come first: what they refuse is refused here. The destination is the saved
    one, or what the posted fields of its form make of it. Nothing is saved; with ``send`` the
    conversions go out with ``?test=true``, which records nothing.
    """
    if not request.user.has_perm("destinations.view_destination"):
        raise PermissionDenied
    destination = get_object_or_404(Destination, pk=pk) if pk else Destination()
    config, problems, is_unsaved = read_config(request, destination)
    recent = _recent_events(destination)
    text, problem, is_real = _event_text(request, recent)
    if is_real and is_unsaved and config is not None and _asks_too_much(request, config):
        problem = problem or gettext(
            "You can't try unsaved event rules on a received event, because you may not see its "
            "personal data. Paste an event instead."
        )
    trials: list[Trial] = []
    sent: dict[str, Any] | None = None
    if problem:
        problems.append(problem)
    elif config is not None and request.method == "POST":
        request_ip = (
            ""
            if is_real
            else find_visitor_ip(
                request.META, settings.TRUSTED_PROXY_COUNT, settings.TRUSTED_PROXY_HEADER
            )
        )
        space = _space_of(request, recent) if is_real else None
        trials, problem = _try_out(text, config, Arrival(timezone.now(), request_ip), space)
        if problem:
            problems.append(problem)
        conversions = [one for trial in trials for one in trial.answer.get("conversions", ())]
        if "send" in request.POST and pk and conversions:
            if not request.user.has_perm("destinations.change_destination"):
                raise PermissionDenied
            sent = _send(destination, conversions[:MAX_SENT])
    if is_masked := is_real and not sees_personal_data(request.user):
        known = personal_values(orjson.loads(text))
        text = mask_pretty(text, known)
        known |= frozenset().union(*(_values_to_hide(trial, config) for trial in trials))
        trials = [_mask_trial(trial, known, config) for trial in trials]
        sent = _mask_sent(sent, known) if sent else None
    context = {
        **admin.site.each_context(request),
        "title": (gettext("Preview: %(name)s") % {"name": destination.name})
        if destination.name
        else gettext("Preview"),
        "opts": Destination._meta,
        "original": destination if pk else None,
        "text": text,
        "is_masked": is_masked,
        "problems": problems,
        "trials": trials[:MAX_SHOWN],
        "consent_hours": settings.IDENTITY_SECOND_CHANCE_HOURS,
        "more_count": max(len(trials) - MAX_SHOWN, 0),
        "sent": sent,
        "examples": EXAMPLES,
        "recent": recent,
        "carried": _carried(request),
        "is_unsaved": is_unsaved,
        "advice": advise_event_map(config.event_map, config.unmapped_events)
        if config is not None and is_unsaved
        else [],
        "may_send": bool(pk) and request.user.has_perm("destinations.change_destination"),
    }
    return TemplateResponse(request, "admin/destinations/destination/preview.html", context)


def _asks_too_much(request: HttpRequest, config: TransformConfig) -> bool:
    """Whether a rule that this person typed would answer questions on values that are hidden."""
    return (
        bool(config.event_rules)
        and not sees_personal_data(request.user)
        and not request.user.has_perm("destinations.change_destination")
    )


def read_config(
    request: HttpRequest, destination: Destination
) -> tuple[TransformConfig | None, list[str], bool]:
    """The configuration to use, mistakes in the posted form, and whether it was a posted one."""
    if request.method != "POST" or "advertiser_id" not in request.POST:
        if destination.pk:
            return destination.transform_config(), [], False
        return TransformConfig(), [], False
    posted = request.POST.copy()
    posted.pop("conversion_token", None)  # a preview needs none, and a test event has the saved one
    form = DestinationForm(posted, instance=destination)
    rows = EventMappingFormSet(request.POST, instance=destination)
    rules = EventRuleFormSet(data=request.POST, instance=destination)
    # A new destination has no token yet, and the preview needs none.
    form.instance.clean = lambda: None  # type: ignore[method-assign]  # of this object only
    whole = gettext("Form")
    problems = [
        f"{form.fields[name].label if name in form.fields else whole}: {message}"
        for name, messages in form.errors.items()
        for message in messages
    ]
    if rows.management_form.is_valid() and not rows.is_valid():
        problems += [
            (
                gettext("Event map, row %(number)s: %(message)s")
                % {"number": number, "message": message}
            )
            for number, errors in enumerate(rows.errors, start=1)
            for messages in cast(dict[str, list[str]], errors).values()
            for message in messages
        ]
    assert isinstance(rules, RuleFormSet)
    if rules.management_form.is_valid() and not rules.is_valid():
        problems += say_problems(rules)
    if problems:
        return None, problems, True
    event_map = tuple(
        (row.cleaned_data["source_event_name"], row.cleaned_data["pinterest_event_name"])
        for row in (rows.forms if rows.management_form.is_valid() else ())
        if row.cleaned_data.get("source_event_name") and not row.cleaned_data.get("DELETE")
    )
    event_rules = rules.rules() if rules.management_form.is_valid() else ()
    return form.instance.transform_config(event_map, event_rules), [], True


def _event_text(request: HttpRequest, recent: list[Event]) -> tuple[str, str, bool]:
    """The event to try as JSON text, what is wrong with it, and whether a source sent it."""
    chosen = request.POST.get("example") or request.GET.get("example", "")
    for example in EXAMPLES:
        if example.key == chosen:
            return pretty(example.event), "", False
    if chosen := request.POST.get("recent", "") or request.GET.get("event", ""):
        ids = {str(event.pk) for event in recent}
        event = Event.objects.filter(pk=chosen).first() if chosen in ids else None
        if event is None or event.body is None:
            return (
                "",
                gettext("That event has been deleted. Choose or paste another one."),
                False,
            )
        text = pretty(orjson.loads(unpack(event.body)))
        if len(text) > MAX_CHARACTERS:
            return "", _say_too_large(), False
        return text, "", True
    text = request.POST.get("event", "").strip() or pretty(EXAMPLES[0].event)
    if len(text) > MAX_CHARACTERS:
        return text[:MAX_CHARACTERS], _say_too_large(), False
    return text, "", False


def _say_too_large() -> str:
    return gettext("This event is too large to preview.")


def _recent_events(destination: Destination) -> list[Event]:
    """The newest events of its sources, without their bodies, among the newest of all."""
    if not destination.pk:
        return []
    source_ids = list(destination.sources.values_list("pk", flat=True))
    newest = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    found = Event.objects.filter(source_id__in=source_ids, pk__gt=newest - RECENT_AMONG)
    return list(found.defer("body").order_by("-pk")[:RECENT_COUNT])


def _space_of(request: HttpRequest, recent: list[Event]) -> str | None:
    """The identity space of the source that sent the chosen event."""
    chosen = request.POST.get("recent", "") or request.GET.get("event", "")
    source_ids = [event.source_id for event in recent if str(event.pk) == chosen]
    source = Source.objects.filter(pk__in=source_ids).first()
    return source.space if source else None


def _try_out(
    text: str, config: TransformConfig, arrival: Arrival, space: str | None
) -> tuple[list[Trial], str]:
    """A trial of each event that ``text`` brings to ingest, or why there is none."""
    try:
        preview = preview_body(text.encode("utf-8", "surrogatepass"), config, arrival, space)
    except BodyRefused as refused:
        reason = refused.__cause__ or refused.text
        return [], gettext("The event isn't valid JSON: %(error)s.") % {"error": reason}
    except RequestRefused as refused:
        return [], gettext("This batch isn't accepted: %(reason)s.") % {"reason": refused.text}
    return [_trial_of(event) for event in preview.events], ""


def _trial_of(event: EventPreview) -> Trial:
    return Trial(
        event.name,
        event.answer,
        [
            (conversion["event_name"], pretty(conversion), missing_for_a_match(conversion))
            for conversion in event.answer.get("conversions", ())
        ],
        MATCHABLE_BY if _is_unmatchable(event.answer) else [],
    )


def _hides_event_ids(config: TransformConfig | None) -> bool:
    # Anybody can type any dedup key here, and so ask for any value of the event.
    return (
        config is not None
        and bool(config.dedup_key)
        and not has_readable_event_ids(config.dedup_key)
    )


def _values_to_hide(trial: Trial, config: TransformConfig | None) -> frozenset[str]:
    conversions = trial.answer.get("conversions", [])
    ids = {str(one["event_id"]) for one in conversions} if _hides_event_ids(config) else set()
    return personal_values(conversions).values | ids


def _mask_trial(trial: Trial, known: KnownValues, config: TransformConfig | None) -> Trial:
    """Without what the trial says of the person, for somebody who may not see it."""
    answer = trial.answer
    conversions = answer.get("conversions", [])
    if conversions and _hides_event_ids(config):
        conversions = hide_event_ids(conversions)
        answer = {**answer, "conversions": conversions}
    return Trial(
        mask_text(trial.name, known),
        mask(answer, known),
        [
            (mask_text(name, known), pretty(mask(conversion, known)), missing)
            for (name, _, missing), conversion in zip(trial.conversions, conversions, strict=True)
        ],
        trial.missing,
    )


def _mask_sent(sent: dict[str, Any], known: KnownValues) -> dict[str, Any]:
    return sent | {
        "outcomes": [
            replace(
                outcome,
                message=mask_text(outcome.message, known),
                warning=mask_text(outcome.warning, known),
            )
            for outcome in sent.get("outcomes", ())
        ],
        "body": mask_pretty(sent["body"], known) if sent.get("body") else "",
        "summary": mask_text(sent["summary"], known),
    }


def _is_unmatchable(answer: dict[str, Any]) -> bool:
    return any(error["code"] == "missing_user_data" for error in answer.get("errors", ()))


def _send(destination: Destination, conversions: list[dict[str, Any]]) -> dict[str, Any]:
    """Pinterest's answer to the conversions as test events, ready to be shown."""
    try:
        reply = send_as_test(destination, [orjson.dumps(one) for one in conversions])
    except SecretUnreadable as error:
        return {"summary": gettext(str(error)), "is_good": False}
    reading = read_reply(reply, len(conversions))
    return {
        "status": reply.status if isinstance(reply, Reply) else None,
        "duration_ms": reply.duration_ms,
        "outcomes": reading.outcomes,
        "is_good": all(outcome.kind == "delivered" for outcome in reading.outcomes),
        "body": pretty_json(reply.body) if isinstance(reply, Reply) else "",
        "summary": "" if isinstance(reply, Reply) else reply.message,
    }


def _carried(request: HttpRequest) -> list[tuple[str, str]]:
    """The unsaved values of the destination's form, for the next preview on this page."""
    if "advertiser_id" not in request.POST:
        return []
    return [
        (name, value)
        for name, values in request.POST.lists()
        if name not in NEVER_CARRIED and not name.startswith("_")
        for value in values
    ]
