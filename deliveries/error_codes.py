"""The one table of codes: what each means and what to do about it, for the admin and the docs.

``ERROR_CODES`` are the codes of deliveries, attempts, batches and pauses; ``REFUSAL_CODES`` those of
refusals, where a name may mean something else. docs/errors.md lists both.
"""

from __future__ import annotations

from django.utils.translation import gettext, gettext_noop

from deliveries.statuses import DeliveryStatus
from destinations.pinterest.codes import ALL_CODES
from destinations.pinterest.reply_codes import REPLY_CODES, CodeHelp

_FIX_SENDER = gettext_noop("Correct the sender; the warning names the field.")

_SENT_AGAIN = "Nothing: it is sent again"
"""So begin the remedies of what passes by itself; of a dead delivery that is not true any more."""

REMEDIES: dict[str, str] = {
    # Filtered.
    "unsupported_type": gettext_noop(
        "Nothing: identify, alias and group calls carry no conversion."
    ),
    "integration_disabled": (
        gettext_noop(
            "If it should be sent, remove Pinterest from the event's integrations object in the SDK."
        )
    ),
    "unmapped_event": (
        gettext_noop(
            "If it should be sent, add it to the destination's event map, then retry the delivery."
        )
    ),
    "event_too_old": (
        gettext_noop(
            "Send events sooner, or raise the destination's age limit; Pinterest takes 7 days."
        )
    ),
    # Rejected before sending.
    "event_name_missing": gettext_noop("Give the track or screen call a name in the sender."),
    "event_time_missing": gettext_noop(
        "Send a timestamp in ISO 8601, or none: then the time of receipt counts."
    ),
    "action_source_invalid": (
        gettext_noop(
            "Send app_android, app_ios, web or offline, or leave the action source to the destination."
        )
    ),
    "missing_user_data": (
        gettext_noop(
            "Send traits.email, or context.ip with context.userAgent, then send the event again."
        )
    ),
    # Warnings.
    "wrong_type": _FIX_SENDER,
    "event_name_unusual": gettext_noop(
        "Use letters, digits, _ and - in the event map, at most 100 of them."
    ),
    "event_time_unreadable": gettext_noop(
        "Send ISO 8601 with a zone, such as 2026-05-01T10:00:00Z."
    ),
    "event_time_in_future": gettext_noop("Check the clock and the time zone of the sender."),
    "event_id_generated": gettext_noop(
        "Let the sender set a messageId, so that a repeated event counts once."
    ),
    "event_id_personal": gettext_noop(
        "Choose another dedup key in the destination, such as an order ID."
    ),
    "action_source_assumed": (
        gettext_noop("Send context.device.type (ios or android), or set the destination's default.")
    ),
    "boolean_invalid": gettext_noop("Send true or false."),
    "language_invalid": gettext_noop("Send a code such as en or en-US."),
    "email_invalid": _FIX_SENDER,
    "gender_unknown": gettext_noop("Send f, m or n, or female, male, non-binary."),
    "birthday_invalid": gettext_noop("Send YYYY-MM-DD."),
    "country_unknown": gettext_noop("Send the ISO 3166 code, such as DE."),
    "state_unknown": gettext_noop("Send the code, such as CA, and the country with it."),
    "ip_address_invalid": gettext_noop("Send the visitor's public address in context.ip."),
    "ip_address_private": (
        gettext_noop(
            "If it is request_ip, set TRUSTED_PROXY_COUNT; else send the visitor's address in context.ip."
        )
    ),
    "ip_address_refused": gettext_noop("Nothing, if that is meant."),
    "ip_address_repaired": gettext_noop(
        "Nothing. To be sure, send the visitor's address alone in context.ip."
    ),
    "currency_invalid": gettext_noop("Send the ISO 4217 code, such as EUR."),
    "number_invalid": gettext_noop("Send a plain number with a point, such as 12.50."),
    "number_reformatted": gettext_noop("Nothing. To be sure, send a plain number such as 1234.50."),
    "value_zero": gettext_noop("Nothing, if the order was free; else send the order's value."),
    "value_negative": gettext_noop(
        "Nothing, if it is a refund. To leave refunds out, map or filter their event."
    ),
    "products_invalid": gettext_noop("Send products as a list of objects."),
    "products_reshaped": gettext_noop("Nothing. To be sure, send products as a list of objects."),
    "ldp_incomplete": gettext_noop("Send state and country with the opt-out, or none of them."),
}
"""What to do about the codes of the transform, whose meanings stand beside it."""

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
            "Put back the old encryption key, or paste the token again; then resume the destination."
        ),
    ),
    "paused_by_a_person": CodeHelp(
        gettext_noop("Somebody paused the destination."),
        gettext_noop("Resume it when its deliveries may be sent again; until then they wait."),
    ),
}

ERROR_CODES: dict[str, CodeHelp] = {
    **{code: CodeHelp(meaning, REMEDIES[code]) for code, meaning in ALL_CODES.items()},
    **REPLY_CODES,
    **ENGINE_CODES,
}

REFUSAL_CODES: dict[str, CodeHelp] = {
    "invalid_json": CodeHelp(
        gettext_noop("The body is no JSON."),
        gettext_noop("Correct the sender, then send it again."),
    ),
    "unreadable_body": CodeHelp(
        gettext_noop("The connection ended, or broke, before the whole body was here."),
        gettext_noop("Nothing, most often: SDKs send it again."),
    ),
    "incomplete_body": CodeHelp(
        gettext_noop("The body is shorter than its Content-Length says."),
        gettext_noop(
            "Nothing, most often: SDKs send it again. If it lasts, look at proxies on the way."
        ),
    ),
    "invalid_gzip": CodeHelp(
        gettext_noop("The body is said to be compressed with gzip and is not."),
        gettext_noop("Correct the sender or the proxy that set Content-Encoding."),
    ),
    "request_too_large": CodeHelp(
        gettext_noop("The body is larger than MAX_REQUEST_BYTES."),
        gettext_noop("Let the SDK send smaller batches, or raise the limit."),
    ),
    "event_too_large": CodeHelp(
        gettext_noop("The event is larger than MAX_EVENT_BYTES."),
        gettext_noop("Send less with the event, or raise the limit."),
    ),
    "empty_batch": CodeHelp(
        gettext_noop("A batch request has no list of events."),
        gettext_noop("Send {“batch”: […]} with at least one event."),
    ),
    "not_an_object": CodeHelp(
        gettext_noop("An entry of the batch is no JSON object."),
        gettext_noop("Correct the sender: an event is an object."),
    ),
    "missing_identity": CodeHelp(
        gettext_noop("The event has neither a userId nor an anonymousId."),
        gettext_noop("Send one of them."),
    ),
    "invalid_message_id": CodeHelp(
        gettext_noop("The messageId is no text, or has NUL in it."),
        gettext_noop("Send a UUID, or leave it to the SDK."),
    ),
    "message_id_too_long": CodeHelp(
        gettext_noop("The messageId has more than 255 characters."),
        gettext_noop("Send a UUID, or leave it to the SDK."),
    ),
    "invalid_text": CodeHelp(
        gettext_noop(
            "A text has a character that no database takes (NUL, half of a surrogate pair)."
        ),
        gettext_noop("Remove it in the sender."),
    ),
    "not_a_number": CodeHelp(
        gettext_noop("The event has NaN or Infinity, which JSON does not know."),
        gettext_noop("Send null or leave it out."),
    ),
    "number_too_large": CodeHelp(
        gettext_noop("A number does not fit in 64 bits."),
        gettext_noop("Send it as text, or send a smaller one."),
    ),
    "nested_too_deeply": CodeHelp(
        gettext_noop("Objects and lists stand too deep inside each other."),
        gettext_noop("Send a flatter event."),
    ),
    "repeated_key": CodeHelp(
        gettext_noop("An object has the same key twice, so nobody knows which value is meant."),
        gettext_noop("Send each key once."),
    ),
    "more_refusals": CodeHelp(
        gettext_noop("One request had more wrong events than are kept one by one."),
        gettext_noop("Look at the refusals beside it: the reason is mostly the same."),
    ),
}


def meaning_of(code: str) -> str:
    """A sentence on an error code of a delivery, batch or pause; "" for one that is unknown."""
    return gettext(ERROR_CODES[code].meaning) if code in ERROR_CODES else ""


def remedy_of(code: str, status: str = "") -> str:
    """What to do about it, for a delivery of that status; "" for an unknown code."""
    if code not in ERROR_CODES:
        return ""
    remedy = ERROR_CODES[code].remedy
    if status == DeliveryStatus.DEAD and remedy.startswith(_SENT_AGAIN):
        return gettext("The tries are used up: retry it when the cause has passed.")
    return gettext(remedy)
