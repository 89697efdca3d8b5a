"""Codes of what is found in an event before anything is sent."""

from __future__ import annotations

from django.utils.translation import gettext_noop

from deliveries.error_codes.code_help import CodeHelp

FILTER_CODES: dict[str, CodeHelp] = {
    "unsupported_type": CodeHelp(
        gettext_noop("The event is not a track, page or screen call."),
        gettext_noop("Nothing: identify, alias and group calls carry no conversion."),
    ),
    "integration_disabled": CodeHelp(
        gettext_noop("The event's integrations object switches this destination off."),
        gettext_noop(
            "If it should be sent, remove Pinterest from the event's integrations object in the "
            "SDK."
        ),
    ),
    "unmapped_event": CodeHelp(
        gettext_noop("The event has no Pinterest name and the destination leaves such events out."),
        gettext_noop(
            "If it should be sent, add it to the destination's event map, then retry the delivery."
        ),
    ),
    "event_too_old": CodeHelp(
        gettext_noop("The event is older than the destination's age limit."),
        gettext_noop(
            "Send events sooner, or raise the destination's age limit; Pinterest takes 7 days."
        ),
    ),
}
"""The event is not meant for Pinterest; nothing is wrong with it."""

REJECTION_CODES: dict[str, CodeHelp] = {
    "event_name_missing": CodeHelp(
        gettext_noop("A track or screen call has neither an event nor a name."),
        gettext_noop("Give the track or screen call a name in the sender."),
    ),
    "event_time_missing": CodeHelp(
        gettext_noop("No timestamp of the event can be read."),
        gettext_noop("Send a timestamp in ISO 8601, or none: then the time of receipt counts."),
    ),
    "action_source_invalid": CodeHelp(
        gettext_noop("The event names an action source that Pinterest does not know."),
        gettext_noop(
            "Send app_android, app_ios, web or offline, or leave the action source to the "
            "destination."
        ),
    ),
    "missing_user_data": CodeHelp(
        gettext_noop(
            "The event has no e-mail, no mobile advertising ID, and not both an IP address and "
            "a user agent."
        ),
        gettext_noop(
            "Send traits.email, or context.ip with context.userAgent, then send the event again."
        ),
    ),
}
"""The event can never become a conversion as it is."""

WARNING_CODES: dict[str, CodeHelp] = {
    "wrong_type": CodeHelp(
        gettext_noop("A value is an object, an array or another type than its field takes."),
        gettext_noop("Correct the sender; the warning names the field."),
    ),
    "event_name_unusual": CodeHelp(
        gettext_noop(
            "The name has characters other than letters, digits, _ and -, or more than 100 of them."
        ),
        gettext_noop("Use letters, digits, _ and - in the event map, at most 100 of them."),
    ),
    "event_time_unreadable": CodeHelp(
        gettext_noop(
            "A timestamp cannot be read, or says no time (year 1, epoch 0); the next one was used."
        ),
        gettext_noop("Send ISO 8601 with a zone, such as 2026-05-01T10:00:00Z."),
    ),
    "event_time_in_future": CodeHelp(
        gettext_noop("The event says it happens more than five minutes from now."),
        gettext_noop("Check the clock and the time zone of the sender."),
    ),
    "text_repaired": CodeHelp(
        gettext_noop(
            "A text had a byte that is not UTF-8 or half of an emoji, which was replaced by “�”."
        ),
        gettext_noop("Send UTF-8, and cut texts between characters."),
    ),
    "number_as_text": CodeHelp(
        gettext_noop("A whole number has more than 64 bits, so it was kept as text."),
        gettext_noop("Nothing, if it is an ID: send such IDs as text."),
    ),
    "clock_corrected": CodeHelp(
        gettext_noop(
            "The sender's clock was more than five minutes off, so the event's time was corrected."
        ),
        gettext_noop("Set the sender's clock. If it is right, let sentAt be the time of sending."),
    ),
    "event_id_generated": CodeHelp(
        gettext_noop("The event has no message ID; one was made from its contents."),
        gettext_noop("Let the sender set a messageId, so that a repeated event counts once."),
    ),
    "event_id_personal": CodeHelp(
        gettext_noop(
            "The destination's dedup key is a personal field, which Pinterest gets unhashed."
        ),
        gettext_noop("Choose another dedup key in the destination, such as an order ID."),
    ),
    "action_source_assumed": CodeHelp(
        gettext_noop(
            "A mobile event does not say whether it is iOS or Android; the default was used."
        ),
        gettext_noop(
            "Send context.device.type (ios or android), or set the destination's default."
        ),
    ),
    "boolean_invalid": CodeHelp(
        gettext_noop("A yes/no value says neither."), gettext_noop("Send true or false.")
    ),
    "language_invalid": CodeHelp(
        gettext_noop("A language is no code, locale or name of one."),
        gettext_noop("Send a code such as en or en-US."),
    ),
    "email_invalid": CodeHelp(
        gettext_noop(
            "An email is not a whole address: one @, with a name before it and a domain behind it."
        ),
        gettext_noop("Correct the sender; the warning names the field."),
    ),
    "email_repaired": CodeHelp(
        gettext_noop(
            "An email had something around it (a name, mailto:, quotes, blanks), or a text had "
            "several; the addresses were sent."
        ),
        gettext_noop("Nothing. To be sure, send the address alone."),
    ),
    "phone_invalid": CodeHelp(
        gettext_noop(
            "A phone number has fewer than 7 or more than 15 digits, or is a hash that is not SHA-256."
        ),
        gettext_noop("Correct the sender; the warning names the field."),
    ),
    "phone_country_assumed": CodeHelp(
        gettext_noop(
            "A phone number had no country code; that of the event's country, its locale or the destination's default was assumed."
        ),
        gettext_noop(
            "Nothing, if the number is of that country. To be sure, send + and the country code."
        ),
    ),
    "phone_without_country_code": CodeHelp(
        gettext_noop(
            "A phone number had no country code and fits no country of the event; it was sent as its digits, which hardly match."
        ),
        gettext_noop("Send the country code, or set the destination's default country."),
    ),
    "phone_repaired": CodeHelp(
        gettext_noop(
            "A phone number had an extension, a (0), another number or a spreadsheet's form; it was sent as plain digits."
        ),
        gettext_noop("Nothing. To be sure, send one number with + and the country code."),
    ),
    "gender_unknown": CodeHelp(
        gettext_noop("A gender is none of the known spellings."),
        gettext_noop("Send f, m or n, or female, male, non-binary."),
    ),
    "birthday_invalid": CodeHelp(
        gettext_noop("A birthday is not YYYYMMDD, an ISO date or YYYY/MM/DD, or no such day."),
        gettext_noop("Send YYYY-MM-DD."),
    ),
    "country_unknown": CodeHelp(
        gettext_noop("A country is neither a code nor a name that is known."),
        gettext_noop("Send the ISO 3166 code, such as DE."),
    ),
    "state_unknown": CodeHelp(
        gettext_noop("A state is none of the US or Canada, nor a region of the event's country."),
        gettext_noop("Send the code, such as CA, and the country with it."),
    ),
    "ip_address_invalid": CodeHelp(
        gettext_noop("An IP address is not an IPv4 or IPv6 address."),
        gettext_noop("Send the visitor's public address in context.ip."),
    ),
    "ip_address_private": CodeHelp(
        gettext_noop(
            "An IP address is private, local or reserved, not a visitor's; it was not sent."
        ),
        gettext_noop(
            "If it is request_ip, set TRUSTED_PROXY_COUNT; else send the visitor's address in "
            "context.ip."
        ),
    ),
    "ip_address_refused": CodeHelp(
        gettext_noop(
            "The sender asks that no IP address be collected (0.0.0.0 or ::); none was sent."
        ),
        gettext_noop("Nothing, if that is meant."),
    ),
    "ip_address_repaired": CodeHelp(
        gettext_noop(
            "An IP address came as a list, with a port or in another form; the first public one "
            "was sent."
        ),
        gettext_noop("Nothing. To be sure, send the visitor's address alone in context.ip."),
    ),
    "currency_invalid": CodeHelp(
        gettext_noop("A currency is not three letters."),
        gettext_noop("Send the ISO 4217 code, such as EUR."),
    ),
    "number_invalid": CodeHelp(
        gettext_noop("A value is not a number, or one that can be read in two ways."),
        gettext_noop("Send a plain number with a point, such as 12.50."),
    ),
    "number_reformatted": CodeHelp(
        gettext_noop(
            "A number had a currency, separators or a decimal comma; it was sent as a plain number."
        ),
        gettext_noop("Nothing. To be sure, send a plain number such as 1234.50."),
    ),
    "value_zero": CodeHelp(
        gettext_noop("A value of zero was not sent: Pinterest does not accept it."),
        gettext_noop("Nothing, if the order was free; else send the order's value."),
    ),
    "value_negative": CodeHelp(
        gettext_noop(
            "A negative value, such as that of a refund, was not sent: Pinterest does not "
            "accept it."
        ),
        gettext_noop(
            "Nothing, if it is a refund. To leave refunds out, map or filter their event."
        ),
    ),
    "products_invalid": CodeHelp(
        gettext_noop("The products list, or one of its entries, is not what it should be."),
        gettext_noop("Send products as a list of objects."),
    ),
    "products_reshaped": CodeHelp(
        gettext_noop(
            "The products are not a plain list of objects; they were read from an object, JSON "
            "text or a nested list."
        ),
        gettext_noop("Nothing. To be sure, send products as a list of objects."),
    ),
    "ldp_incomplete": CodeHelp(
        gettext_noop(
            "Limited data processing is asked for without state and country; Pinterest ignores "
            "it then."
        ),
        gettext_noop("Send state and country with the opt-out, or none of them."),
    ),
}
"""The conversion is sent, but without something the sender meant."""

TRANSFORM_CODES = FILTER_CODES | REJECTION_CODES | WARNING_CODES
