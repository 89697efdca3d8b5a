"""Codes of what reached ingest and could not become an event."""

from __future__ import annotations

from django.utils.translation import gettext_noop

from deliveries.error_codes.code_help import CodeHelp

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
        gettext_noop(
            "The body is compressed (gzip or deflate) and damaged, or not what Content-Encoding says."
        ),
        gettext_noop(
            "Correct the sender, or the proxy that changes the body or its Content-Encoding."
        ),
    ),
    "unsupported_encoding": CodeHelp(
        gettext_noop("The body is compressed with something else than gzip or deflate."),
        gettext_noop("Let the sender use gzip, or no compression."),
    ),
    "request_too_large": CodeHelp(
        gettext_noop("The body is larger than MAX_REQUEST_BYTES."),
        gettext_noop("Let the SDK send smaller batches, or raise the limit."),
    ),
    "too_many_values": CodeHelp(
        gettext_noop("The body has more values, objects or lists than events of its size have."),
        gettext_noop("Let the sender send smaller batches, or the event without such lists."),
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
        gettext_noop("The messageId is not text."),
        gettext_noop("Send a UUID, or leave it to the SDK."),
    ),
    "message_id_too_long": CodeHelp(
        gettext_noop("The messageId has more than 255 characters."),
        gettext_noop("Send a UUID, or leave it to the SDK."),
    ),
    "message_id_conflict": CodeHelp(
        gettext_noop(
            "An event with the same message ID and other content came before. This one was kept and "
            "delivered as well."
        ),
        gettext_noop(
            "Leave message IDs to the SDK, and give your server a source of its own: whoever knows a "
            "public write key can send under IDs that can be guessed."
        ),
    ),
    "invalid_text": CodeHelp(
        gettext_noop(
            "A text had half of an emoji or a byte that is not UTF-8; now such a text is repaired."
        ),
        gettext_noop("Send the event again."),
    ),
    "not_a_number": CodeHelp(
        gettext_noop("The event has NaN or Infinity, which are not JSON."),
        gettext_noop("Send null or leave it out."),
    ),
    "number_too_large": CodeHelp(
        gettext_noop("A number is larger than any number of 64 bits."),
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
"""Of refusals; a name may mean something else among the error codes."""
