"""Whether an event says that its person did not consent. Pure; whoever is unsure does not remember.

The shapes are those of ``consent_gate``, and a limit on ad tracking. Nobody names the purposes that
are needed here, so any that is denied counts.
"""

from __future__ import annotations

from typing import Any

from .consent_gate import DENIED_WORDS, NEEDED_BY_ADS, consent_word, read_google, us_opt_out

_GOOGLE_KEYS = (*NEEDED_BY_ADS, "ad_personalization")
CONTEXT_KEYS = frozenset({"consentManagement", "consent", "gcs", "gpc", "us_privacy"})
PROPERTY_KEYS = frozenset({*_GOOGLE_KEYS, "consent_state", "gcs", "us_privacy"})
"""Where events speak of consent, besides context.device."""
_NOTHING: dict[str, Any] = {}


def denies_consent(event: dict[str, Any]) -> bool:
    """Whether any of the shapes says no to any purpose."""
    context = event.get("context")
    properties = event.get("properties")
    if type(context) is not dict:
        context = _NOTHING
    if type(properties) is not dict:
        properties = _NOTHING
    device = context.get("device")
    if type(device) is dict and device.get("adTrackingEnabled") is False:
        return True
    # Most events say nothing of it.
    if context.keys().isdisjoint(CONTEXT_KEYS) and properties.keys().isdisjoint(PROPERTY_KEYS):
        return False
    if "consentManagement" in context and _denies_ids(context["consentManagement"]):
        return True
    consent = context.get("consent")
    if type(consent) is not dict:
        consent = _NOTHING
    return (
        _denies_category(consent)
        or read_google(context, properties, consent, _GOOGLE_KEYS).denied != ""
        or us_opt_out(context, properties) != ""
    )


def _denies_ids(management: Any) -> bool:
    denied = management.get("deniedConsentIds") if type(management) is dict else None
    return type(denied) is list and any(type(one) is str and one for one in denied)


def _denies_category(consent: dict[str, Any]) -> bool:
    preferences = consent.get("categoryPreferences")
    return type(preferences) is dict and any(
        consent_word(value) in DENIED_WORDS for value in preferences.values()
    )
