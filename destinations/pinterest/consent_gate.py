"""Consent as a gate: may this destination have an event, by what its sender says of the person?

``consent.py`` asks less: whether any purpose is denied, for whoever wants to remember people. It
reads the same shapes, with the words and functions of this module. Here a destination names the
purposes it needs. The rules of each shape, and where they come from, are in docs/consent.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from .findings import EventFiltered

CONSENT_MODES = ("off", "as_sender", "strict")
US_PRIVACY_CHOICES = ("ignore", "limit", "filter")

SEGMENT = "segment"
CUSTOM = "custom"
ONETRUST_COOKIES = "oneTrustCookieCategories"
KETCH_PURPOSES = "ketchConsentPurposes"
"""RudderStack's older settings: they speak where no block is named as the event's provider."""

# Which older settings an event's provider falls back to.
_OLDER = {
    "": (ONETRUST_COOKIES, KETCH_PURPOSES),
    "oneTrust": (ONETRUST_COOKIES,),
    "ketch": (KETCH_PURPOSES,),
}
# RudderStack's and, as it once read, all; everything that is not "or" is an "and".
_OR = frozenset({"or", "any"})
_STRATEGIES = frozenset({"or", "and", "any", "all"})

NEEDED_BY_ADS = ("ad_storage", "ad_user_data")
"""What Google Consent Mode has to grant; ad_personalization is not needed."""
DENIED_WORDS = frozenset({"denied", "false", "no", "0"})
GRANTED_WORDS = frozenset({"granted", "true", "yes", "1"})
_NOTHING: dict[str, Any] = {}
_MAX_SHOWN = 50

GRANTED, SILENT = "granted", ""
"""What a shape of consent that denies nothing says. Or else: why it grants nothing."""


class ConsentBlock(NamedTuple):
    """The consent IDs of one provider that a destination needs; ``strategy`` is ``and`` or ``or``.

    ``provider`` is RudderStack's (oneTrust, ketch, iubenda, custom), ``segment``, or the name of
    one of RudderStack's older settings. IDs are compared as they are, with case and blanks.
    """

    provider: str
    strategy: str
    consents: tuple[str, ...]


class CategoryError(ValueError):
    """A line of consent categories that cannot be read; ``line`` is its number, from 1."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line}")
        self.line = line


def read_categories(text: str) -> tuple[ConsentBlock, ...]:
    """The blocks of lines such as ``oneTrust: C0002, C0004`` or ``custom (or): ads, "a, b"``.

    Without a strategy it is ``and``; an ID with a comma or outer blanks is a JSON string. Raises
    CategoryError.
    """
    blocks = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        head, colon, tail = line.partition(":")
        provider, bracket, strategy = head.strip().partition("(")
        strategy = strategy.strip().removesuffix(")").strip().lower() if bracket else "and"
        consents = split_list(tail, number)
        if not colon or not provider.strip() or not consents or strategy not in _STRATEGIES:
            raise CategoryError(number)
        blocks.append(ConsentBlock(provider.strip(), "or" if strategy in _OR else "and", consents))
    return tuple(blocks)


def split_list(text: str, number: int = 1) -> tuple[str, ...]:
    """The parts between commas, each once; one with a comma or outer blanks is a JSON string.

    Raises CategoryError, for the line ``number``.
    """
    found: dict[str, None] = {}
    rest = text.strip()
    while rest:
        if rest[0] == '"':
            try:
                value, end = json.JSONDecoder().raw_decode(rest)
            except ValueError as error:
                raise CategoryError(number) from error
            rest = rest[end:].lstrip()
            if rest and rest[0] != ",":
                raise CategoryError(number)
            rest = rest[1:]
        else:
            value, _, rest = rest.partition(",")
            value = value.strip()
        if value:
            found[value] = None
        rest = rest.lstrip()
    return tuple(found)


def write_categories(blocks: Iterable[ConsentBlock]) -> str:
    """Lines that ``read_categories`` reads as these blocks."""
    return "\n".join(
        f"{block.provider}{' (or)' if block.strategy == 'or' else ''}: "
        + ", ".join(map(_write_id, block.consents))
        for block in blocks
    )


def _write_id(text: str) -> str:
    is_plain = text == text.strip() and text.isprintable() and "," not in text and text[:1] != '"'
    return text if is_plain else json.dumps(text)


class ConsentGate:
    """A destination's consent settings, prepared once."""

    __slots__ = (
        "_blocks",
        "_given_blocks",
        "_is_on",
        "_is_strict",
        "_segment",
        "_strict",
        "_us_privacy",
    )

    def __init__(self, mode: str, blocks: Iterable[ConsentBlock], us_privacy: str) -> None:
        self._given_blocks = blocks = tuple(blocks)
        self._strict: ConsentGate | None = self if mode == "strict" else None
        self._is_on = mode != "off"
        self._is_strict = mode == "strict"
        self._us_privacy = "" if us_privacy == "ignore" else us_privacy
        self._blocks = {block.provider: block for block in blocks if block.consents}
        segment = self._blocks.pop(SEGMENT, None)
        self._segment = segment.consents if segment else ()

    def check(self, context: dict[str, Any], properties: dict[str, Any]) -> bool:
        """Whether the event is sent with limited data processing.

        Raises EventFiltered ``consent_denied`` or ``consent_missing``.
        """
        if self._is_on:
            # Most events have one shape of consent, many none.
            said = SILENT
            management = context.get("consentManagement")
            if management is not None and self._blocks:
                said = self._rudderstack(management)
            if (
                "consent" in context
                or "ad_storage" in properties
                or "ad_user_data" in properties
                or "consent_state" in properties
                or "gcs" in properties
                or "gcs" in context
            ):
                said = _both(said, self._others(context, properties))
            if said is not GRANTED and self._is_strict:
                raise EventFiltered("consent_missing", _say_missing(said))
        if self._us_privacy and (
            "gpc" in context or "us_privacy" in context or "us_privacy" in properties
        ):
            reason = us_opt_out(context, properties)
            if reason and self._us_privacy == "filter":
                raise EventFiltered("consent_denied", f"The person opted out: {reason}")
            return reason != ""
        return False

    def said(self, context: dict[str, Any], properties: dict[str, Any]) -> bool | None:
        """Whether consent is granted explicitly, as if the mode were strict; None if it is left
        open."""
        if self._strict is None:
            self._strict = ConsentGate("strict", self._given_blocks, self._us_privacy or "ignore")
        try:
            self._strict.check(context, properties)
        except EventFiltered as filtered:
            return False if filtered.code == "consent_denied" else None
        return True

    def _rudderstack(self, management: Any) -> str:
        if not management or type(management) is not dict:
            return SILENT
        provider = management.get("provider")
        block = self._blocks.get(provider) if type(provider) is str else None
        if block is None:
            block = self._older(provider if type(provider) is str else "")
            if block is None:
                return SILENT
        consents = block.consents
        # The destination's few are looked up in the event's lists, whatever else these hold.
        denied = management.get("deniedConsentIds")
        if denied and type(denied) is list:
            for one in consents:
                if one in denied:
                    _check_denied(consents, denied, _needs_one(block, management))
                    break
        if not self._is_strict:
            return SILENT
        allowed = management.get("allowedConsentIds")
        if type(allowed) is list:
            for one in consents:
                if one not in allowed:
                    break
            else:
                return GRANTED
        else:
            allowed = []
        lacking = [one for one in consents if one not in allowed]
        if len(lacking) < len(consents) and _needs_one(block, management):
            return GRANTED
        return f"context.consentManagement.allowedConsentIds doesn't contain {_quote(lacking)}."

    def _others(self, context: dict[str, Any], properties: dict[str, Any]) -> str:
        """What Segment's and Google's shapes say together."""
        said = SILENT
        consent = context.get("consent")
        if type(consent) is not dict:
            consent = _NOTHING
        elif self._segment and "categoryPreferences" in consent:
            self._check_segment(consent["categoryPreferences"])
            said = GRANTED
        return _both(said, _google(context, properties, consent))

    def _older(self, provider: str) -> ConsentBlock | None:
        """The older setting that speaks for the events of a provider."""
        for name in _OLDER.get(provider, ()):
            if name in self._blocks:
                return self._blocks[name]
        return None

    def _check_segment(self, preferences: Any) -> None:
        if type(preferences) is not dict:
            preferences = _NOTHING
        for category in self._segment:
            value = preferences.get(category)
            if value is not True:
                said = (
                    "is missing"
                    if value is None
                    else "is false"
                    if value is False
                    else "isn't true"
                )
                raise EventFiltered(
                    "consent_denied",
                    "Consent was denied: context.consent.categoryPreferences needs "
                    f"{_quote([category])}, which {said}.",
                )


def _needs_one(block: ConsentBlock, management: dict[str, Any]) -> bool:
    """Whether one purpose of several is enough: the event says so, unless its provider is custom,
    or an older setting speaks, which has a rule of its own."""
    if block.provider == ONETRUST_COOKIES:
        return False
    if block.provider == KETCH_PURPOSES:
        return True
    if block.provider == CUSTOM:
        return block.strategy in _OR
    strategy = management.get("resolutionStrategy")
    return type(strategy) is str and strategy in _OR


def _both(one: str, other: str) -> str:
    """What two shapes say together: either may grant, unless the other leaves it open."""
    if one not in (GRANTED, SILENT):
        return one
    return one if other is SILENT or one is other else other


def _check_denied(consents: tuple[str, ...], denied: list[Any], needs_one: bool) -> None:
    found = [one for one in consents if one in denied]
    if not needs_one or len(found) == len(consents):
        raise EventFiltered(
            "consent_denied",
            "Consent was denied: context.consentManagement.deniedConsentIds contains "
            f"{_quote(found)}.",
        )


def _say_missing(ungranted: str) -> str:
    if ungranted:
        return f"Consent isn't granted: {ungranted}"
    return (
        "Nothing in the event grants consent that this destination reads, and its consent mode is "
        "strict."
    )


class GoogleConsent(NamedTuple):
    """What Google Consent Mode says of some keys.

    ``denied`` and ``unclear`` are the reasons, "" without one: a sentence with the path and value.
    """

    granted: set[str]
    denied: str = ""
    unclear: str = ""


def read_google(
    context: dict[str, Any],
    properties: dict[str, Any],
    consent: dict[str, Any],
    keys: Iterable[str] = NEEDED_BY_ADS,
) -> GoogleConsent:
    """Reads ``keys``, ``consent_state`` and ``gcs`` of an event; ``consent``: context.consent."""
    granted: set[str] = set()
    unclear = ""
    for path, holder in (("context.consent", consent), ("properties", properties)):
        state = holder.get("consent_state")
        for place, values in (
            (path, holder),
            (f"{path}.consent_state", state if type(state) is dict else _NOTHING),
        ):
            for key in keys if values else ():
                value = values.get(key)
                if value is None:
                    continue
                word = consent_word(value)
                if word in DENIED_WORDS:
                    return GoogleConsent(granted, f"{place}.{key} is “{word}”.")
                if word in GRANTED_WORDS:
                    granted.add(key)
                else:
                    unclear = f"{place}.{key} is neither granted nor denied."
    for path, holder in (
        ("context.consent", consent),
        ("context", context),
        ("properties", properties),
    ):
        value = holder.get("gcs")
        if type(value) is str and len(value) == 4 and value[:2] in ("G1", "g1"):
            if value[2] == "0":
                return GoogleConsent(
                    granted, f"{path}.gcs is “{value[:2]}0…”, which denies ad storage."
                )
            if value[2] == "1":
                granted.add("ad_storage")
    return GoogleConsent(granted, unclear=unclear)


def _google(context: dict[str, Any], properties: dict[str, Any], consent: dict[str, Any]) -> str:
    """Google Consent Mode: advertising needs ad_storage and ad_user_data."""
    granted, denied, unclear = read_google(context, properties, consent)
    if denied:
        raise EventFiltered("consent_denied", f"Consent was denied: {denied}")
    if unclear:
        return unclear
    for key in NEEDED_BY_ADS if granted else ():
        if key not in granted:
            return f"Google Consent Mode says nothing of {key}."
    return GRANTED if granted else SILENT


def consent_word(value: Any) -> str:
    """A value as one of DENIED_WORDS or GRANTED_WORDS, or another word; "" for what is none."""
    if type(value) is bool or (type(value) is int and value in (0, 1)):
        return "granted" if value else "denied"
    return value.strip().lower() if type(value) is str else ""


def us_opt_out(context: dict[str, Any], properties: dict[str, Any]) -> str:
    """Why the person counts as opted out of sale or sharing; "" if nothing says so."""
    gpc = context.get("gpc")
    if gpc is not None and (gpc is True or gpc in (1, "1", "true")):
        return "context.gpc is true (Global Privacy Control)."
    if "us_privacy" in context and (reason := _us_string(context, "context")):
        return reason
    return _us_string(properties, "properties") if "us_privacy" in properties else ""


def _us_string(holder: dict[str, Any], path: str) -> str:
    value = holder.get("us_privacy")
    # Version, notice given, opted out, covered by the LSPA; “-” where it doesn't apply.
    if type(value) is str and len(value) == 4 and value[0] == "1" and value[2] in "Yy":
        return f"{path}.us_privacy is “1{value[1]}Y…”."
    return ""


def _quote(ids: list[str]) -> str:
    shown = ", ".join(f"“{one[:_MAX_SHOWN]}”" for one in ids[:3])
    return shown if len(ids) <= 3 else f"{shown} and {len(ids) - 3} more"
