"""What each status of a delivery means to a person, and what to do about it.

docs/errors.md lists the same; a test keeps them equal.
"""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from deliveries.statuses import DeliveryStatus

STATUS_HELP: dict[str, tuple[Promise, Promise]] = {
    DeliveryStatus.PENDING: (
        _("It's queued until its next attempt or until its destination is resumed."),
        _("Usually nothing. It's sent automatically. The delivery's page shows when."),
    ),
    DeliveryStatus.SENDING: (
        _("A worker is sending it now."),
        _("Nothing. If the worker stops, another one takes over within minutes."),
    ),
    DeliveryStatus.DELIVERED: (
        _("Pinterest accepted it."),
        _("Nothing. Warnings show what could be improved."),
    ),
    DeliveryStatus.REJECTED: (
        _("It can't succeed as is. The error explains why."),
        _("Fix the cause in your tracking or the destination, then retry."),
    ),
    DeliveryStatus.DEAD: (
        _(
            "Every attempt failed with a temporary error, such as a server error, and no "
            "attempts are left. It won't be retried automatically, but nothing is lost."
        ),
        _(
            "Check its attempts to see whether Pinterest, the network or a worker was "
            "down. Once that's resolved, retry it or all of them at once; each gets a "
            "new set of attempts. Pinterest accepts events for 7 days."
        ),
    ),
    DeliveryStatus.FILTERED: (
        _(
            "It isn't meant for Pinterest because of its type, the event map, its age, the "
            "sender's settings, or the destination's consent settings and filters."
        ),
        _("Nothing, unless you want it sent: change the destination, then retry."),
    ),
    DeliveryStatus.DISCARDED: (
        _("Someone chose not to send it."),
        _("Nothing. You can undo this with a retry."),
    ),
}
"""Status → (what it means, what to do)."""
