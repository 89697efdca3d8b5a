"""Codes of what CAPI Relay or a person decided itself."""

from __future__ import annotations

from django.utils.translation import gettext_noop

from deliveries.error_codes.code_help import CodeHelp

ENGINE_CODES: dict[str, CodeHelp] = {
    "event_name_too_long": CodeHelp(
        gettext_noop(
            "The event's name has more than 100 characters, or one that no database takes."
        ),
        gettext_noop(
            "Shorten the name in the sender, or map it in the destination and retry the delivery."
        ),
    ),
    "transform_failed": CodeHelp(
        gettext_noop("CAPI Relay itself failed on this event; its neighbours were sent."),
        gettext_noop(
            "Look for the delivery's number in the worker's log, update CAPI Relay, then retry it."
        ),
    ),
    "event_pruned": CodeHelp(
        gettext_noop(
            "The event's body was deleted when its retention was over, so it cannot be sent."
        ),
        gettext_noop(
            "Nothing can be done for this one; raise BODY_RETENTION_DAYS if you retry late."
        ),
    ),
    "worker_lost": CodeHelp(
        gettext_noop("The worker stopped in the middle of the last try, and no tries are left."),
        gettext_noop("Look why workers stop (memory, restarts), then retry the delivery."),
    ),
    "token_unreadable": CodeHelp(
        gettext_noop("The stored conversion token cannot be decrypted with today's keys."),
        gettext_noop(
            "Put back the old encryption key, or paste the token again; then resume the "
            "destination."
        ),
    ),
    "paused_by_a_person": CodeHelp(
        gettext_noop("Somebody paused the destination."),
        gettext_noop("Resume it when its deliveries may be sent again; until then they wait."),
    ),
}
"""Of deliveries and pauses."""
