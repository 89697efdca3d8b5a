"""Codes of what CAPI Relay or a person decided itself."""

from __future__ import annotations

from django.utils.translation import gettext_noop

from deliveries.error_codes.code_help import CodeHelp

ENGINE_CODES: dict[str, CodeHelp] = {
    "event_name_too_long": CodeHelp(
        gettext_noop(
            "The event's name is longer than 100 characters or contains a character that "
            "can't be stored."
        ),
        gettext_noop(
            "Shorten the name in your tracking code, or map it in the destination, then retry."
        ),
    ),
    "transform_failed": CodeHelp(
        gettext_noop(
            "CAPI Relay couldn't process this event because of an internal "
            "error. Other events in the batch were sent."
        ),
        gettext_noop(
            "Look for the delivery's number in the worker's log, update CAPI Relay, then retry."
        ),
    ),
    "event_pruned": CodeHelp(
        gettext_noop(
            "The event's body was deleted at the end of its retention period, so it can't be sent."
        ),
        gettext_noop(
            "This event can't be recovered. If you often retry late, raise BODY_RETENTION_DAYS."
        ),
    ),
    "worker_lost": CodeHelp(
        gettext_noop("The worker stopped during the last attempt, and no attempts are left."),
        gettext_noop("Find out why workers stop (memory, restarts), then retry."),
    ),
    "token_unreadable": CodeHelp(
        gettext_noop("The stored conversion token can't be decrypted with the current keys."),
        gettext_noop(
            "Restore the old encryption key or paste the token again, then resume the destination."
        ),
    ),
    "paused_by_a_person": CodeHelp(
        gettext_noop("Someone paused the destination."),
        gettext_noop("Resume it when you're ready to send. Until then, deliveries are queued."),
    ),
}
"""Of deliveries and pauses."""
