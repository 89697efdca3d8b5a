"""What each status of a delivery means to a person, and what to do about it.

docs/errors.md lists the same; a test keeps them equal.
"""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from deliveries.statuses import DeliveryStatus

STATUS_HELP: dict[str, tuple[Promise, Promise]] = {
    DeliveryStatus.PENDING: (
        _("It waits for its next try, or for its destination to be resumed."),
        _("Nothing, most often: it is sent by itself. The page of the delivery says when."),
    ),
    DeliveryStatus.SENDING: (
        _("A worker is sending it now."),
        _("Nothing: if the worker dies, another one takes it up within minutes."),
    ),
    DeliveryStatus.DELIVERED: (
        _("Pinterest has taken it."),
        _("Nothing. A warning beside it says what could be better."),
    ),
    DeliveryStatus.REJECTED: (
        _("It can never succeed as it is: a check here or Pinterest itself said why."),
        _("Mend what its error says in the sender or in the destination, then retry it."),
    ),
    DeliveryStatus.DEAD: (
        _(
            "Every try failed for a reason that could have passed by, such as a server error, and "
            "the tries are used up. Nothing more is tried by itself, and nothing is lost."
        ),
        _(
            "See in its attempts whether Pinterest, the network or a worker was away. Once that "
            "is over, retry it, or all of them at once: each gets a fresh set of tries. Pinterest "
            "takes events for 7 days."
        ),
    ),
    DeliveryStatus.FILTERED: (
        _("It is not meant for Pinterest: its type, the event map, its age or its sender says so."),
        _("Nothing, unless it should be sent: change the destination, then retry it."),
    ),
    DeliveryStatus.DISCARDED: (
        _("Somebody decided not to send it."),
        _("Nothing. A retry takes the decision back."),
    ),
}
"""Status → (what it means, what to do)."""
