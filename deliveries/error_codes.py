"""The one table of codes: what each means and what to do about it, for the admin and the docs.

``ERROR_CODES`` are the codes of deliveries, attempts, batches and pauses; ``REFUSAL_CODES`` those of
refusals, where a name may mean something else. docs/errors.md lists both.
"""

from __future__ import annotations

from destinations.pinterest.codes import ALL_CODES
from destinations.pinterest.reply_codes import REPLY_CODES, CodeHelp

_FIX_SENDER = "Correct the sender; the warning names the field."

REMEDIES: dict[str, str] = {
    # Filtered.
    "unsupported_type": "Nothing: identify, alias and group calls carry no conversion.",
    "integration_disabled": (
        "If it should be sent, remove Pinterest from the event's integrations object in the SDK."
    ),
    "unmapped_event": (
        "If it should be sent, add it to the destination's event map, then retry the delivery."
    ),
    "event_too_old": (
        "Send events sooner, or raise the destination's age limit; Pinterest takes 7 days."
    ),
    # Rejected before sending.
    "event_name_missing": "Give the track or screen call a name in the sender.",
    "event_time_missing": "Send a timestamp in ISO 8601, or none: then the time of receipt counts.",
    "action_source_invalid": (
        "Send app_android, app_ios, web or offline, or leave the action source to the destination."
    ),
    "missing_user_data": (
        "Send traits.email, or context.ip with context.userAgent, then send the event again."
    ),
    # Warnings.
    "wrong_type": _FIX_SENDER,
    "event_name_unusual": "Use letters, digits, _ and - in the event map, at most 100 of them.",
    "event_time_in_future": "Check the clock and the time zone of the sender.",
    "event_id_generated": "Let the sender set a messageId, so that a repeated event counts once.",
    "event_id_personal": "Choose another dedup key in the destination, such as an order ID.",
    "action_source_assumed": (
        "Send context.device.type (ios or android), or set the destination's default."
    ),
    "boolean_invalid": "Send true or false.",
    "language_invalid": "Send a code such as en or en-US.",
    "email_invalid": _FIX_SENDER,
    "gender_unknown": "Send f, m or n, or female, male, non-binary.",
    "birthday_invalid": "Send YYYY-MM-DD.",
    "ip_address_invalid": "Send the visitor's public address in context.ip.",
    "currency_invalid": "Send the ISO 4217 code, such as EUR.",
    "number_invalid": "Send a plain number with a point, such as 12.50.",
    "products_invalid": "Send products as a list of objects.",
    "ldp_incomplete": "Send state and country with the opt-out, or none of them.",
}
"""What to do about the codes of the transform, whose meanings stand beside it."""

ENGINE_CODES: dict[str, CodeHelp] = {
    "event_name_too_long": CodeHelp(
        "The event's name has more than 100 characters, or one that no database takes.",
        "Shorten the name in the sender, or map it in the destination and retry the delivery.",
    ),
    "transform_failed": CodeHelp(
        "CAPI Relay itself failed on this event; its neighbours were sent.",
        "Look for the delivery's number in the worker's log, update CAPI Relay, then retry it.",
    ),
    "event_pruned": CodeHelp(
        "The event's body was deleted when its retention was over, so it cannot be sent.",
        "Nothing can be done for this one; raise BODY_RETENTION_DAYS if you retry late.",
    ),
    "worker_lost": CodeHelp(
        "The worker stopped in the middle of the last try, and no tries are left.",
        "Look why workers stop (memory, restarts), then retry the delivery.",
    ),
    "token_unreadable": CodeHelp(
        "The stored conversion token cannot be decrypted with today's keys.",
        "Put back the old encryption key, or paste the token again; then resume the destination.",
    ),
    "paused_by_a_person": CodeHelp(
        "Somebody paused the destination.",
        "Resume it when its deliveries may be sent again; until then they wait.",
    ),
}

ERROR_CODES: dict[str, CodeHelp] = {
    **{code: CodeHelp(meaning, REMEDIES[code]) for code, meaning in ALL_CODES.items()},
    **REPLY_CODES,
    **ENGINE_CODES,
}

REFUSAL_CODES: dict[str, CodeHelp] = {
    "invalid_json": CodeHelp("The body is no JSON.", "Correct the sender, then send it again."),
    "unreadable_body": CodeHelp(
        "The connection ended, or broke, before the whole body was here.",
        "Nothing, most often: SDKs send it again.",
    ),
    "incomplete_body": CodeHelp(
        "The body is shorter than its Content-Length says.",
        "Nothing, most often: SDKs send it again. If it lasts, look at proxies on the way.",
    ),
    "invalid_gzip": CodeHelp(
        "The body is said to be compressed with gzip and is not.",
        "Correct the sender or the proxy that set Content-Encoding.",
    ),
    "request_too_large": CodeHelp(
        "The body is larger than MAX_REQUEST_BYTES.",
        "Let the SDK send smaller batches, or raise the limit.",
    ),
    "event_too_large": CodeHelp(
        "The event is larger than MAX_EVENT_BYTES.", "Send less with the event, or raise the limit."
    ),
    "empty_batch": CodeHelp(
        "A batch request has no list of events.", "Send {“batch”: […]} with at least one event."
    ),
    "not_an_object": CodeHelp(
        "An entry of the batch is no JSON object.", "Correct the sender: an event is an object."
    ),
    "missing_identity": CodeHelp(
        "The event has neither a userId nor an anonymousId.", "Send one of them."
    ),
    "invalid_message_id": CodeHelp(
        "The messageId is no text, or has NUL in it.", "Send a UUID, or leave it to the SDK."
    ),
    "message_id_too_long": CodeHelp(
        "The messageId has more than 255 characters.", "Send a UUID, or leave it to the SDK."
    ),
    "invalid_text": CodeHelp(
        "A text has a character that no database takes (NUL, half of a surrogate pair).",
        "Remove it in the sender.",
    ),
    "not_a_number": CodeHelp(
        "The event has NaN or Infinity, which JSON does not know.", "Send null or leave it out."
    ),
    "number_too_large": CodeHelp(
        "A number does not fit in 64 bits.", "Send it as text, or send a smaller one."
    ),
    "nested_too_deeply": CodeHelp(
        "Objects and lists stand too deep inside each other.", "Send a flatter event."
    ),
    "repeated_key": CodeHelp(
        "An object has the same key twice, so nobody knows which value is meant.",
        "Send each key once.",
    ),
    "more_refusals": CodeHelp(
        "One request had more wrong events than are kept one by one.",
        "Look at the refusals beside it: the reason is mostly the same.",
    ),
}


def meaning_of(code: str) -> str:
    """A sentence on an error code of a delivery, batch or pause; "" for one that is unknown."""
    return ERROR_CODES[code].meaning if code in ERROR_CODES else ""


def remedy_of(code: str) -> str:
    """What to do about it; "" for an unknown code."""
    return ERROR_CODES[code].remedy if code in ERROR_CODES else ""
