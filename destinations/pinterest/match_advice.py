"""What would let Pinterest match a conversion to a person or a click better."""

from __future__ import annotations

from typing import Any, NamedTuple

from destinations.pinterest.words import gettext_noop


class Advice(NamedTuple):
    """A field of the conversion that is missing, what it is good for, and where it comes from."""

    field: str
    benefit: str
    paths: str


_ADVICE: tuple[Advice, ...] = (
    Advice(
        "em",
        gettext_noop("The hashed email is the best match key."),
        "traits.email, context.traits.email",
    ),
    Advice(
        "ph",
        gettext_noop("The hashed phone number."),
        "traits.phone, context.traits.phone",
    ),
    Advice(
        "external_id",
        gettext_noop("Your own customer ID. Pinterest recommends it for every event."),
        gettext_noop("userId, anonymousId (with “Send external ID” on)"),
    ),
    Advice(
        "click_id",
        gettext_noop(
            "The ad click that brought the visitor. Pinterest recommends it for every event."
        ),
        gettext_noop("properties.clickId, or epik= in context.page.url (the _epik cookie)"),
    ),
    Advice(
        "client_ip_address",
        gettext_noop("Enough for a match together with the user agent."),
        "context.ip",
    ),
    Advice(
        "client_user_agent",
        gettext_noop("Enough for a match together with the IP address."),
        "context.userAgent",
    ),
    Advice(
        "hashed_maids",
        gettext_noop("A phone's advertising ID."),
        "context.device.advertisingId",
    ),
)
_APP_ONLY = frozenset({"hashed_maids"})
_BROWSER_OR_APP_ONLY = frozenset({"click_id", "client_ip_address", "client_user_agent"})


def missing_for_a_match(conversion: dict[str, Any]) -> list[Advice]:
    """The advice that applies to this conversion, most useful first.

    A phone's advertising ID is asked of app events only, a click, address and user agent of all
    but offline ones: nobody can supply them otherwise.
    """
    user_data = conversion.get("user_data", {})
    source = str(conversion.get("action_source", ""))
    return [
        advice
        for advice in _ADVICE
        if advice.field not in user_data
        and not (advice.field in _APP_ONLY and not source.startswith("app_"))
        and not (advice.field in _BROWSER_OR_APP_ONLY and source == "offline")
    ]
