"""Codes of what is found in an event before anything is sent."""

from __future__ import annotations

from django.utils.translation import gettext_noop

from deliveries.error_codes.code_help import CodeHelp

FILTER_CODES: dict[str, CodeHelp] = {
    "unsupported_type": CodeHelp(
        gettext_noop("The event isn't a track, page or screen call."),
        gettext_noop("No action needed. Identify, alias and group calls don't create conversions."),
    ),
    "integration_disabled": CodeHelp(
        gettext_noop("The event's integrations object turns this destination off."),
        gettext_noop(
            "To send it, remove Pinterest from the event's integrations object in your "
            "tracking code."
        ),
    ),
    "unmapped_event": CodeHelp(
        gettext_noop(
            "The event isn't mapped to a Pinterest event, and the destination "
            "doesn't send unmapped events."
        ),
        gettext_noop("To send it, add it to the destination's event map, then retry."),
    ),
    "event_too_old": CodeHelp(
        gettext_noop("The event is older than the destination's age limit."),
        gettext_noop(
            "Send events sooner, or raise the destination's age limit. Pinterest accepts "
            "events for 7 days."
        ),
    ),
    "consent_denied": CodeHelp(
        gettext_noop(
            "The person denied consent that the destination needs, or opted out of the sale of "
            "their data."
        ),
        gettext_noop(
            "No action needed. If it should have been sent, check the destination's consent "
            "settings."
        ),
    ),
    "consent_missing": CodeHelp(
        gettext_noop(
            "The destination's consent mode is strict, and the event doesn't grant the consent it "
            "needs."
        ),
        gettext_noop(
            "Send consent with your events, or choose another consent mode in the destination. "
            "Then retry."
        ),
    ),
    "filtered_by_rule": CodeHelp(
        gettext_noop("An event rule or event list of the destination excludes the event."),
        gettext_noop("To send it, change the destination's rules or event list, then retry."),
    ),
    "bot": CodeHelp(
        gettext_noop(
            "The event comes from a known crawler, or from a browser without a user agent."
        ),
        gettext_noop(
            "No action needed. If it was a person, send the visitor's user agent in "
            "context.userAgent, or let the destination send or mark bots."
        ),
    ),
}
"""The event is not meant for Pinterest; nothing is wrong with it."""

REJECTION_CODES: dict[str, CodeHelp] = {
    "event_name_missing": CodeHelp(
        gettext_noop("A track or screen call has neither an event nor a name."),
        gettext_noop("Add a name to the track or screen call in your tracking code."),
    ),
    "event_time_missing": CodeHelp(
        gettext_noop("None of the event's timestamps can be read."),
        gettext_noop("Send an ISO 8601 timestamp, or none to use the time of receipt."),
    ),
    "action_source_invalid": CodeHelp(
        gettext_noop("The event has an action source that Pinterest doesn't support."),
        gettext_noop(
            "Send app_android, app_ios, web or offline, or let the destination set the "
            "action source."
        ),
    ),
    "missing_user_data": CodeHelp(
        gettext_noop(
            "The event has no email, no mobile advertising ID, and no pair of IP address "
            "and user agent."
        ),
        gettext_noop(
            "Send traits.email, or both context.ip and context.userAgent, then send the "
            "event again."
        ),
    ),
}
"""The event can never become a conversion as it is."""

WARNING_CODES: dict[str, CodeHelp] = {
    "wrong_type": CodeHelp(
        gettext_noop("A value has the wrong type, such as an object or an array."),
        gettext_noop("Fix your tracking code. The warning names the field."),
    ),
    "event_name_unusual": CodeHelp(
        gettext_noop(
            "The name is longer than 100 characters or contains characters other than "
            "letters, digits, _ and -."
        ),
        gettext_noop("In the event map, use letters, digits, _ and - only, up to 100 characters."),
    ),
    "event_time_unreadable": CodeHelp(
        gettext_noop(
            "A timestamp couldn't be read or is empty (year 1, epoch 0). The next one was used."
        ),
        gettext_noop("Send ISO 8601 with a time zone, such as 2026-05-01T10:00:00Z."),
    ),
    "event_time_in_future": CodeHelp(
        gettext_noop("The event's time is more than five minutes in the future."),
        gettext_noop("Check the sender's clock and time zone."),
    ),
    "text_repaired": CodeHelp(
        gettext_noop(
            "A string contained half an emoji or a byte that isn't UTF-8. It was replaced with “�”."
        ),
        gettext_noop("Send UTF-8, and truncate text only between characters."),
    ),
    "number_as_text": CodeHelp(
        gettext_noop("An integer doesn't fit into 64 bits, so it was kept as text."),
        gettext_noop("No action needed if it's an ID. Send such IDs as strings."),
    ),
    "clock_corrected": CodeHelp(
        gettext_noop(
            "The sender's clock was off by more than five minutes, so the event's time "
            "was corrected."
        ),
        gettext_noop("Fix the sender's clock. If it's right, set sentAt to the time of sending."),
    ),
    "event_id_generated": CodeHelp(
        gettext_noop("The event has no message ID. One was generated from its content."),
        gettext_noop("Set a messageId, so that duplicates are counted once."),
    ),
    "event_id_personal": CodeHelp(
        gettext_noop(
            "The destination's dedup key is a personal field, which is sent to Pinterest unhashed."
        ),
        gettext_noop("Choose another dedup key in the destination, such as an order ID."),
    ),
    "action_source_assumed": CodeHelp(
        gettext_noop(
            "A mobile event doesn't say whether it's from iOS or Android. The default was used."
        ),
        gettext_noop(
            "Send context.device.type (ios or android), or set the destination's default."
        ),
    ),
    "boolean_invalid": CodeHelp(
        gettext_noop("A boolean value isn't true or false."), gettext_noop("Send true or false.")
    ),
    "language_invalid": CodeHelp(
        gettext_noop("A language isn't a known code, locale or name."),
        gettext_noop("Send a code such as en or en-US."),
    ),
    "email_invalid": CodeHelp(
        gettext_noop(
            "An email isn't a complete address: one @, with a name before it and a domain after it."
        ),
        gettext_noop("Fix your tracking code. The warning names the field."),
    ),
    "email_repaired": CodeHelp(
        gettext_noop(
            "An email contained extra text (a name, mailto:, quotes, spaces) or several "
            "addresses. The addresses were sent."
        ),
        gettext_noop("No action needed. Ideally, send only the address."),
    ),
    "phone_invalid": CodeHelp(
        gettext_noop(
            "A phone number has fewer than 7 or more than 15 digits, or its hash isn't SHA-256."
        ),
        gettext_noop("Fix your tracking code. The warning names the field."),
    ),
    "phone_country_assumed": CodeHelp(
        gettext_noop(
            "A phone number had no country code. One was assumed from the event's "
            "country, its locale or the destination's default."
        ),
        gettext_noop(
            "No action needed if the country is right. Ideally, send + and the country code."
        ),
    ),
    "phone_without_country_code": CodeHelp(
        gettext_noop(
            "A phone number had no country code and doesn't match the event's country. "
            "Only its digits were sent, which rarely match."
        ),
        gettext_noop("Send the country code, or set the destination's default country."),
    ),
    "phone_repaired": CodeHelp(
        gettext_noop(
            "A phone number had an extension, a (0), a second number or spreadsheet "
            "formatting. Only its digits were sent."
        ),
        gettext_noop("No action needed. Ideally, send one number with + and the country code."),
    ),
    "gender_unknown": CodeHelp(
        gettext_noop("A gender isn't a known value."),
        gettext_noop("Send f, m or n, or female, male, non-binary."),
    ),
    "birthday_invalid": CodeHelp(
        gettext_noop("A birthday isn't a valid date (YYYYMMDD, ISO or YYYY/MM/DD)."),
        gettext_noop("Send YYYY-MM-DD."),
    ),
    "country_unknown": CodeHelp(
        gettext_noop("A country isn't a known code or name."),
        gettext_noop("Send the ISO 3166 code, such as DE."),
    ),
    "state_unknown": CodeHelp(
        gettext_noop(
            "A state isn't a US state, a Canadian province or a region of the event's country."
        ),
        gettext_noop("Send the code, such as CA, together with the country."),
    ),
    "ip_address_invalid": CodeHelp(
        gettext_noop("An IP address isn't a valid IPv4 or IPv6 address."),
        gettext_noop("Send the visitor's public IP address in context.ip."),
    ),
    "ip_address_private": CodeHelp(
        gettext_noop(
            "An IP address is private, local or reserved, so it isn't a visitor's. It wasn't sent."
        ),
        gettext_noop(
            "If it's request_ip, set TRUSTED_PROXY_COUNT. Otherwise, send the visitor's "
            "IP address in context.ip."
        ),
    ),
    "ip_address_refused": CodeHelp(
        gettext_noop(
            "The sender asked not to collect an IP address (0.0.0.0 or ::). None was sent."
        ),
        gettext_noop("No action needed if that's intended."),
    ),
    "ip_address_repaired": CodeHelp(
        gettext_noop(
            "An IP address arrived as a list, with a port or in another format. The "
            "first public one was sent."
        ),
        gettext_noop(
            "No action needed. Ideally, send only the visitor's IP address in context.ip."
        ),
    ),
    "currency_invalid": CodeHelp(
        gettext_noop("A currency isn't a three-letter code."),
        gettext_noop("Send the ISO 4217 code, such as EUR."),
    ),
    "number_invalid": CodeHelp(
        gettext_noop("A value isn't a number, or it's ambiguous."),
        gettext_noop("Send a plain number with a decimal point, such as 12.50."),
    ),
    "number_reformatted": CodeHelp(
        gettext_noop(
            "A number contained a currency, separators or a decimal comma. It was sent "
            "as a plain number."
        ),
        gettext_noop("No action needed. Ideally, send a plain number such as 1234.50."),
    ),
    "value_zero": CodeHelp(
        gettext_noop("A value of zero wasn't sent: Pinterest doesn't accept it."),
        gettext_noop("No action needed if the order was free. Otherwise, send the order's value."),
    ),
    "value_negative": CodeHelp(
        gettext_noop(
            "A negative value, such as a refund, wasn't sent: Pinterest doesn't accept it."
        ),
        gettext_noop(
            "No action needed if it's a refund. To exclude refunds, change how the event map "
            "handles their event."
        ),
    ),
    "products_invalid": CodeHelp(
        gettext_noop("The products list or one of its entries isn't valid."),
        gettext_noop("Send products as a list of objects."),
    ),
    "products_reshaped": CodeHelp(
        gettext_noop(
            "The products aren't a plain list of objects. They were read from an object, "
            "JSON text or a nested list."
        ),
        gettext_noop("No action needed. Ideally, send products as a list of objects."),
    ),
    "bot_suspected": CodeHelp(
        gettext_noop(
            "The event comes from a known crawler, or from a browser without a user agent. It was "
            "sent because the destination only marks bots."
        ),
        gettext_noop("If it isn't a person, set the destination not to send bots."),
    ),
    "ldp_incomplete": CodeHelp(
        gettext_noop(
            "Limited data processing was requested without a state and country, so "
            "Pinterest ignores it."
        ),
        gettext_noop("Send both state and country with the opt-out, or neither."),
    ),
}
"""The conversion is sent, but without something the sender meant."""

TRANSFORM_CODES = FILTER_CODES | REJECTION_CODES | WARNING_CODES
