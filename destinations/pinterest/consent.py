"""Whether an event says that its person did not consent. Pure; whoever is unsure does not remember.

The shapes: RudderStack's ``context.consentManagement``, Segment's ``context.consent``, Google's
consent mode, a limit on ad tracking, and the opt-outs of the browser and of US law.
"""

from __future__ import annotations

from typing import Any

_DENIED = frozenset({"denied", "false", "no", "0"})
_GOOGLE_KEYS = ("ad_storage", "ad_user_data", "ad_personalization")


def denies_consent(event: dict[str, Any]) -> bool:
    """Whether any of the shapes says no to any purpose.

    Which of a site's purposes is advertising nobody knows here, so any that is denied counts.
    """
    context = event.get("context")
    if type(context) is not dict:
        return False
    # Most events have none of these.
    if "consentManagement" in context and _denies_ids(context["consentManagement"]):
        return True
    if "consent" in context and _denies_purposes(context["consent"]):
        return True
    if context.get("gpc") is True:
        return True
    device = context.get("device")
    if type(device) is dict and device.get("adTrackingEnabled") is False:
        return True
    us_privacy = context.get("us_privacy")
    return type(us_privacy) is str and us_privacy[2:3] in ("Y", "y")


def _denies_ids(management: Any) -> bool:
    denied = management.get("deniedConsentIds") if type(management) is dict else None
    return type(denied) is list and any(type(one) is str and one for one in denied)


def _denies_purposes(consent: Any) -> bool:
    if type(consent) is not dict:
        return False
    preferences = consent.get("categoryPreferences")
    if type(preferences) is dict and any(_is_no(value) for value in preferences.values()):
        return True
    return any(_is_no(consent.get(key)) for key in _GOOGLE_KEYS)


def _is_no(value: Any) -> bool:
    return value is False or (type(value) is str and value.strip().lower() in _DENIED)
