"""What the page of a delivery says first: one sentence, and the actions that work, best first."""

from __future__ import annotations

from typing import NamedTuple

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext

from deliveries.models import Batch, Delivery, Event, SeenEvent
from deliveries.phrases import group_digits
from deliveries.statuses import RETRYABLE_BY_A_PERSON, DeliveryStatus
from destinations.models import Destination
from destinations.pinterest.outcomes import Stage

MAP, EDIT, CORRECT, RETRY = "map", "edit", "correct", "retry"

_BY_CODE: dict[str, tuple[str, ...]] = {
    "unmapped_event": (MAP,),
    "consent_denied": (EDIT,),
    "consent_missing": (EDIT, CORRECT),
    "filtered_by_rule": (EDIT,),
    "bot": (EDIT,),
    "event_too_old": (EDIT, CORRECT),
    "integration_disabled": (CORRECT,),
    "event_name_too_long": (CORRECT,),
    "event_name_missing": (CORRECT,),
    "unsupported_type": (),
    "event_pruned": (),
}
"""What can help against an error; for others it follows from the status."""


class Action(NamedTuple):
    """A link, or for a retry a button. ``kind`` is one of MAP, EDIT, CORRECT and RETRY."""

    kind: str
    label: str
    url: str
    icon: str
    is_main: bool


class Powers(NamedTuple):
    """What the person who looks may do."""

    may_operate: bool
    may_edit: bool
    sees_people: bool


def say_verdict(
    delivery: Delivery, destination: Destination | None, batch: Batch | None, next_try: str
) -> str:
    """One sentence; of a masked delivery one without personal data."""
    message = delivery.error_message.strip()
    status = delivery.status
    if status == DeliveryStatus.DELIVERED:
        return _say_delivered(delivery, destination, batch)
    if status == DeliveryStatus.SENDING:
        return gettext("It's being sent now.")
    if status == DeliveryStatus.PENDING:
        if destination is not None and destination.paused_at:
            return gettext("It waits because its destination is paused.")
        if message and delivery.attempt_count:
            return gettext("Not delivered yet: %(message)s Next attempt: %(when)s.") % {
                "message": _ended(message),
                "when": next_try,
            }
        return gettext("It's waiting to be sent: %(when)s.") % {"when": next_try}
    if status == DeliveryStatus.REJECTED:
        if delivery.error_stage == Stage.RESPONSE:
            return gettext("Pinterest rejected it: %(message)s") % {"message": _ended(message)}
        return gettext("It wasn't sent: %(message)s") % {"message": _ended(message)}
    if status == DeliveryStatus.DEAD:
        return gettext("All attempts failed, the last one with: %(message)s") % {
            "message": _ended(message or delivery.error_code)
        }
    if status == DeliveryStatus.FILTERED:
        return gettext("It isn't meant for Pinterest: %(message)s") % {"message": _ended(message)}
    if message:
        return gettext("Somebody discarded it: %(message)s") % {"message": _ended(message)}
    return gettext("Somebody discarded it.")


def _say_delivered(delivery: Delivery, destination: Destination | None, batch: Batch | None) -> str:
    name = {"name": delivery.conversion_name}
    if batch is not None and batch.test_mode:
        accepted = gettext("Pinterest checked it as %(name)s in test mode and recorded nothing.")
    elif destination is not None and destination.service == Destination.Service.SANDBOX:
        accepted = gettext("The sandbox accepted it as %(name)s and recorded nothing.")
    else:
        accepted = gettext("Pinterest accepted it as %(name)s.")
    count = len(delivery.warnings)
    if not count:
        return accepted % name
    warned = ngettext(
        "There is %(count)s warning: something was left out, repaired, or assumed.",
        "There are %(count)s warnings: something was left out, repaired, or assumed.",
        count,
    ) % {"count": group_digits(count)}
    return f"{accepted % name} {warned}"


def _ended(message: str) -> str:
    return message if message[-1:] in (".", "!", "?", "…", "") else f"{message}."


def list_actions(
    delivery: Delivery,
    event: Event | None,
    destination: Destination | None,
    powers: Powers,
    *,
    would_be_sent: bool,
) -> list[Action]:
    """What this person can do about a delivery that wasn't delivered, what works first.

    ``would_be_sent``: today's settings let through what the transform stopped: a retry is enough.
    """
    if delivery.status not in RETRYABLE_BY_A_PERSON:
        return []
    if destination is None or destination.archived_at is not None:
        return []
    kinds = list(_kinds(delivery, would_be_sent))
    offered: list[Action] = []
    for kind in (*kinds, RETRY) if RETRY not in kinds else kinds:
        action = _offer(kind, delivery, event, destination, powers)
        if action is not None:
            is_main = not offered and kind in kinds
            offered.append(action._replace(is_main=is_main))
    return offered


def _kinds(delivery: Delivery, would_be_sent: bool) -> tuple[str, ...]:
    if would_be_sent or delivery.status in (DeliveryStatus.DEAD, DeliveryStatus.DISCARDED):
        return (RETRY,)
    if delivery.error_code in _BY_CODE:
        return _BY_CODE[delivery.error_code]
    if delivery.status == DeliveryStatus.REJECTED:
        return (CORRECT, EDIT) if delivery.error_stage == Stage.RESPONSE else (CORRECT,)
    return (EDIT,)


def _offer(
    kind: str,
    delivery: Delivery,
    event: Event | None,
    destination: Destination,
    powers: Powers,
) -> Action | None:
    """None for what this person may not do, or what has nothing to work with."""
    if kind == MAP and powers.may_edit and event is not None:
        label, icon = gettext("Map this event"), "conversion_path"
        if SeenEvent.objects.filter(source_id=event.source_id, name=event.name).exists():
            url = reverse("admin:destinations_destination_events", args=[destination.pk])
            return Action(kind, label, f"{url}?{urlencode({'name': event.name})}", icon, False)
        # The list of events is a minute behind, and knows no more than so many names.
        url = reverse("admin:destinations_destination_change", args=[destination.pk])
        return Action(kind, label, f"{url}?tab=settings#event_mappings-group", icon, False)
    if kind == EDIT and powers.may_edit:
        url = reverse("admin:destinations_destination_change", args=[destination.pk])
        return Action(kind, gettext("Edit destination"), f"{url}?tab=settings", "tune", False)
    if (
        kind == CORRECT
        and powers.may_operate
        and powers.sees_people
        and event is not None
        and event.body is not None
    ):
        url = reverse("admin:deliveries_delivery_correct", args=[delivery.pk])
        return Action(kind, gettext("Send a corrected copy"), url, "edit_note", False)
    if kind == RETRY and powers.may_operate:
        url = reverse("admin:deliveries_delivery_retry", args=[delivery.pk])
        return Action(kind, gettext("Retry"), url, "replay", False)
    return None
