"""Codes of what reached ingest and could not become an event."""

from __future__ import annotations

from django.utils.translation import gettext_noop

from deliveries.error_codes.code_help import CodeHelp

REFUSAL_CODES: dict[str, CodeHelp] = {
    "invalid_json": CodeHelp(
        gettext_noop("The body isn't valid JSON."),
        gettext_noop("Fix your tracking code, then send it again."),
    ),
    "unreadable_body": CodeHelp(
        gettext_noop("The connection closed before the whole body arrived."),
        gettext_noop("Usually nothing. SDKs send it again."),
    ),
    "incomplete_body": CodeHelp(
        gettext_noop("The body is shorter than its Content-Length."),
        gettext_noop(
            "Usually nothing. SDKs send it again. If it persists, check the proxies in between."
        ),
    ),
    "invalid_gzip": CodeHelp(
        gettext_noop(
            "The compressed body (gzip or deflate) is damaged or doesn't match its "
            "Content-Encoding."
        ),
        gettext_noop(
            "Fix your tracking code, or the proxy that changes the body or its Content-Encoding."
        ),
    ),
    "unsupported_encoding": CodeHelp(
        gettext_noop("The body's compression is neither gzip nor deflate."),
        gettext_noop("Use gzip or no compression."),
    ),
    "request_too_large": CodeHelp(
        gettext_noop("The body is larger than MAX_REQUEST_BYTES."),
        gettext_noop("Send smaller batches, or raise the limit."),
    ),
    "too_many_values": CodeHelp(
        gettext_noop(
            "The body contains more values, objects or lists than events of its size normally do."
        ),
        gettext_noop("Send smaller batches, or send the event without such long lists."),
    ),
    "event_too_large": CodeHelp(
        gettext_noop("The event is larger than MAX_EVENT_BYTES."),
        gettext_noop("Send less data with the event, or raise the limit."),
    ),
    "empty_batch": CodeHelp(
        gettext_noop("The batch request doesn't contain a list of events."),
        gettext_noop("Send {“batch”: […]} with at least one event."),
    ),
    "not_an_object": CodeHelp(
        gettext_noop("An entry in the batch isn't a JSON object."),
        gettext_noop("Fix your tracking code: each event must be an object."),
    ),
    "missing_identity": CodeHelp(
        gettext_noop("The event has neither a userId nor an anonymousId."),
        gettext_noop("Send at least one of them."),
    ),
    "invalid_message_id": CodeHelp(
        gettext_noop("The messageId isn't a string."),
        gettext_noop("Send a UUID, or let the SDK set it."),
    ),
    "message_id_too_long": CodeHelp(
        gettext_noop("The messageId is longer than 255 characters."),
        gettext_noop("Send a UUID, or let the SDK set it."),
    ),
    "message_id_conflict": CodeHelp(
        gettext_noop(
            "Another event already has this message ID but different content. Both were "
            "stored and delivered."
        ),
        gettext_noop(
            "Let the SDK set message IDs, and give your server its own source: anyone "
            "with a public write key can send events under IDs they can guess."
        ),
    ),
    "invalid_text": CodeHelp(
        gettext_noop(
            "A string contained half an emoji or a byte that isn't UTF-8. Such text is "
            "now repaired."
        ),
        gettext_noop("Send the event again."),
    ),
    "not_a_number": CodeHelp(
        gettext_noop("The event contains NaN or Infinity, which aren't valid JSON."),
        gettext_noop("Send null, or omit the field."),
    ),
    "number_too_large": CodeHelp(
        gettext_noop("A number doesn't fit into 64 bits."),
        gettext_noop("Send it as a string, or send a smaller number."),
    ),
    "nested_too_deeply": CodeHelp(
        gettext_noop("Objects and lists are nested too deeply."),
        gettext_noop("Send a flatter event."),
    ),
    "repeated_key": CodeHelp(
        gettext_noop("An object has the same key twice, so its value is ambiguous."),
        gettext_noop("Send each key only once."),
    ),
    "more_refusals": CodeHelp(
        gettext_noop("The request contained more invalid events than are listed one by one."),
        gettext_noop(
            "Check the other invalid events of this request. The reason is usually the same."
        ),
    ),
}
"""Of refusals; a name may mean something else among the error codes."""
