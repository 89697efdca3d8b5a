"""What became of a person's consent since a delivery was filtered for it, in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext, ngettext

from deliveries.models import ConsentWait, Delivery
from deliveries.phrases import say_duration
from deliveries.statuses import DeliveryStatus
from destinations.models import Destination
from destinations.pinterest.gates import CONSENT_CODES


@dataclass(frozen=True, slots=True)
class ConsentNote:
    """``is_granted``: it may be sent, whatever its own event says."""

    sentence: str
    is_granted: bool


def consent_note(
    delivery: Delivery, destination: Destination | None, now: datetime
) -> ConsentNote | None:
    """None for a delivery that never waited for consent. One query at most.

    The sentence is "" once it was sent, or ended for another reason.
    """
    if (
        destination is None
        or destination.transform_config(event_map=(), event_rules=()).once_granted is None
    ):
        return None
    wait = ConsentWait.objects.filter(pk=delivery.pk).first()
    if wait is None:
        return None
    is_about_consent = delivery.error_code in CONSENT_CODES
    if wait.granted_by:
        said = gettext("The person granted consent later (message ID %(message_id)s).") % {
            "message_id": wait.granted_by
        }
        return ConsentNote(said if is_about_consent else "", True)
    if not is_about_consent:
        return None
    if wait.opened_at is not None:
        said = gettext("The person granted consent later, then denied it before this was sent.")
        return ConsentNote(said, False)
    if delivery.status != DeliveryStatus.FILTERED:
        return None
    left = wait.created_at + timedelta(hours=settings.IDENTITY_SECOND_CHANCE_HOURS) - now
    if left > timedelta(0):
        said = gettext(
            "If a newer event of the same person grants consent in the next %(duration)s, this is "
            "sent."
        ) % {"duration": say_duration(left.total_seconds())}
    else:
        said = ngettext(
            "No newer event of the same person granted consent within %(count)s hour.",
            "No newer event of the same person granted consent within %(count)s hours.",
            settings.IDENTITY_SECOND_CHANCE_HOURS,
        ) % {"count": settings.IDENTITY_SECOND_CHANCE_HOURS}
    return ConsentNote(said, False)
