"""Every code the transform can give, with what it means. Codes never change once released."""

from __future__ import annotations

from destinations.pinterest.words import gettext_noop

FILTER_CODES: dict[str, str] = {
    "unsupported_type": gettext_noop("The event is not a track, page or screen call."),
    "integration_disabled": gettext_noop(
        "The event's integrations object switches this destination off."
    ),
    "unmapped_event": gettext_noop(
        "The event has no Pinterest name and the destination leaves such events out."
    ),
    "event_too_old": gettext_noop("The event is older than the destination's age limit."),
}
"""The event is not meant for Pinterest; nothing is wrong with it."""

REJECTION_CODES: dict[str, str] = {
    "event_name_missing": gettext_noop("A track or screen call has neither an event nor a name."),
    "event_time_missing": gettext_noop("No timestamp of the event can be read."),
    "action_source_invalid": gettext_noop(
        "The event names an action source that Pinterest does not know."
    ),
    "missing_user_data": (
        gettext_noop(
            "The event has no e-mail, no mobile advertising ID, and not both an IP address and a "
            "user agent."
        )
    ),
}
"""The event can never become a conversion as it is."""

WARNING_CODES: dict[str, str] = {
    "wrong_type": gettext_noop(
        "A value is an object, an array or another type than its field takes."
    ),
    "event_name_unusual": (
        gettext_noop(
            "The name has characters other than letters, digits, _ and -, or more than 100 of them."
        )
    ),
    "event_time_unreadable": gettext_noop(
        "A timestamp cannot be read, or says no time (year 1, epoch 0); the next one was used."
    ),
    "event_time_in_future": gettext_noop(
        "The event says it happens more than five minutes from now."
    ),
    "event_id_generated": gettext_noop(
        "The event has no message ID; one was made from its contents."
    ),
    "event_id_personal": (
        gettext_noop(
            "The destination's dedup key is a personal field, which Pinterest gets unhashed."
        )
    ),
    "action_source_assumed": (
        gettext_noop(
            "A mobile event does not say whether it is iOS or Android; the default was used."
        )
    ),
    "boolean_invalid": gettext_noop("A yes/no value says neither."),
    "language_invalid": gettext_noop("A language is no code, locale or name of one."),
    "email_invalid": gettext_noop("An e-mail address has no @."),
    "gender_unknown": gettext_noop("A gender is none of the known spellings."),
    "birthday_invalid": gettext_noop(
        "A birthday is not YYYYMMDD, an ISO date or YYYY/MM/DD, or no such day."
    ),
    "country_unknown": gettext_noop("A country is neither a code nor a name that is known."),
    "state_unknown": gettext_noop(
        "A state is none of the US or Canada, nor a region of the event's country."
    ),
    "ip_address_invalid": gettext_noop("An IP address is not an IPv4 or IPv6 address."),
    "ip_address_private": gettext_noop(
        "An IP address is private, local or reserved, not a visitor's; it was not sent."
    ),
    "ip_address_refused": gettext_noop(
        "The sender asks that no IP address be collected (0.0.0.0 or ::); none was sent."
    ),
    "ip_address_repaired": gettext_noop(
        "An IP address came as a list, with a port or in another form; the first public one was sent."
    ),
    "currency_invalid": gettext_noop("A currency is not three letters."),
    "number_invalid": gettext_noop("A value is not a number, or one that can be read in two ways."),
    "number_reformatted": gettext_noop(
        "A number had a currency, separators or a decimal comma; it was sent as a plain number."
    ),
    "value_zero": gettext_noop("A value of zero was not sent: Pinterest does not accept it."),
    "value_negative": gettext_noop(
        "A negative value, such as that of a refund, was not sent: Pinterest does not accept it."
    ),
    "products_invalid": gettext_noop(
        "The products list, or one of its entries, is not what it should be."
    ),
    "products_reshaped": gettext_noop(
        "The products are not a plain list of objects; they were read from an object, JSON text or "
        "a nested list."
    ),
    "ldp_incomplete": (
        gettext_noop(
            "Limited data processing is asked for without state and country; Pinterest ignores it then."
        )
    ),
}
"""The conversion is sent, but without something the sender meant."""

ALL_CODES: dict[str, str] = FILTER_CODES | REJECTION_CODES | WARNING_CODES
