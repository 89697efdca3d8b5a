"""Consent as a gate: may this destination have an event, by what its sender says of the person?

``consent.py`` asks less: whether any purpose is denied, for whoever wants to remember people. Here
a destination names the purposes it needs. The rules of each shape, and where they come from, are in
docs/consent.md.
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

# Which older setting an event's provider falls back to, and whether one allowed purpose is enough.
_OLDER = {
    "": ((ONETRUST_COOKIES, False), (KETCH_PURPOSES, True)),
    "oneTrust": ((ONETRUST_COOKIES, False),),
    "ketch": ((KETCH_PURPOSES, True),),
}
# RudderStack's and, as it once read, all; everything that is not "or" is an "and".
_OR = frozenset({"or", "any"})
_STRATEGIES = frozenset({"or", "and", "any", "all"})

_NEEDED_BY_ADS = ("ad_storage", "ad_user_data")
_GOOGLE_KEYS = frozenset({*_NEEDED_BY_ADS, "consent_state", "gcs"})
_DENIED = frozenset({"denied", "false", "no", "0"})
_GRANTED = frozenset({"granted", "true", "yes", "1"})
_NOTHING: dict[str, Any] = {}
_MAX_SHOWN = 50

DENIED, UNGRANTED, GRANTED = "denied", "ungranted", "granted"


class ConsentBlock(NamedTuple):
    """The consent IDs of one provider that a destination needs; ``strategy`` is ``and`` or ``or``.

    ``provider`` is RudderStack's (oneTrust, ketch, iubenda, custom), ``segment``, or the name of
    one of RudderStack's older settings. IDs are compared as they are, with case and blanks.
    """

    provider: str
    strategy: str
    consents: tuple[str, ...]


class Verdict(NamedTuple):
    """What one shape of consent says: DENIED, UNGRANTED or GRANTED, and the sentence that says
    why."""

    kind: str
    reason: str


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

    __slots__ = ("_blocks", "_is_on", "_is_strict", "_segment", "_us_privacy")

    def __init__(self, mode: str, blocks: Iterable[ConsentBlock], us_privacy: str) -> None:
        self._is_on = mode != "off"
        self._is_strict = mode == "strict"
        self._us_privacy = "" if us_privacy == "ignore" else us_privacy
        self._blocks = {block.provider: block for block in blocks if block.consents}
        segment = self._blocks.get(SEGMENT)
        self._segment = segment.consents if segment else ()

    def check(self, event: dict[str, Any], context: dict[str, Any]) -> bool:
        """Whether the event is sent with limited data processing.

        Raises EventFiltered ``consent_denied`` or ``consent_missing``.
        """
        if self._is_on:
            self._check_shapes(event, context)
        if self._us_privacy:
            reason = _us_opt_out(context) or _us_opt_out_in_properties(event)
            if reason and self._us_privacy == "filter":
                raise EventFiltered("consent_denied", f"The person opted out: {reason}")
            return bool(reason)
        return False

    def _check_shapes(self, event: dict[str, Any], context: dict[str, Any]) -> None:
        verdicts = []
        # Most events have one shape of consent, many none.
        if (management := context.get("consentManagement")) and (
            verdict := self._rudderstack(management)
        ):
            verdicts.append(verdict)
        consent = context.get("consent")
        if type(consent) is not dict:
            consent = _NOTHING
        if self._segment and consent and (verdict := self._segments(consent)):
            verdicts.append(verdict)
        if verdict := _google(event, context, consent):
            verdicts.append(verdict)
        for kind, reason in verdicts:
            if kind is DENIED:
                raise EventFiltered("consent_denied", f"Consent was denied: {reason}")
        if not self._is_strict:
            return
        for kind, reason in verdicts:
            if kind is UNGRANTED:
                raise EventFiltered("consent_missing", f"Consent isn't granted: {reason}")
        if not verdicts:
            raise EventFiltered(
                "consent_missing",
                "Nothing in the event grants consent that this destination reads, and its consent "
                "mode is strict.",
            )

    def _rudderstack(self, management: Any) -> Verdict | None:
        if type(management) is not dict:
            return None
        consents, needs_one = self._needed_of(management)
        if not consents:
            return None
        denied = _ids(management.get("deniedConsentIds"))
        if denied:
            found = [one for one in consents if one in denied]
            if len(found) == len(consents) if needs_one else found:
                return Verdict(
                    DENIED,
                    f"context.consentManagement.deniedConsentIds contains {_quote(found)}.",
                )
        if not self._is_strict:
            return None
        allowed = _ids(management.get("allowedConsentIds"))
        lacking = [one for one in consents if one not in allowed]
        if len(lacking) == len(consents) if needs_one else lacking:
            return Verdict(
                UNGRANTED,
                f"context.consentManagement.allowedConsentIds doesn't contain {_quote(lacking)}.",
            )
        return Verdict(GRANTED, "")

    def _needed_of(self, management: dict[str, Any]) -> tuple[tuple[str, ...], bool]:
        """The destination's consents for the event's provider, and whether one of them is
        enough."""
        provider = management.get("provider")
        if type(provider) is not str:
            provider = ""
        block = self._blocks.get(provider) if provider != SEGMENT else None
        if block is not None:
            strategy = (
                block.strategy if provider == CUSTOM else management.get("resolutionStrategy")
            )
            return block.consents, type(strategy) is str and strategy in _OR
        for name, needs_one in _OLDER.get(provider, ()):
            block = self._blocks.get(name)
            if block is not None:
                return block.consents, needs_one
        return (), False

    def _segments(self, consent: dict[str, Any]) -> Verdict | None:
        preferences = consent.get("categoryPreferences")
        if preferences is None:
            return None
        if type(preferences) is not dict:
            preferences = _NOTHING
        for category in self._segment:
            if preferences.get(category) is not True:
                said = "false" if category in preferences else "missing"
                return Verdict(
                    DENIED,
                    f"context.consent.categoryPreferences needs {_quote([category])}, which is "
                    f"{said}.",
                )
        return Verdict(GRANTED, "")


def _ids(value: Any) -> frozenset[str]:
    if type(value) is not list:
        return frozenset()
    return frozenset(one for one in value if type(one) is str and one)


def _google(
    event: dict[str, Any], context: dict[str, Any], consent: dict[str, Any]
) -> Verdict | None:
    """Google Consent Mode: advertising needs ad_storage and ad_user_data."""
    properties = event.get("properties")
    if type(properties) is not dict:
        properties = _NOTHING
    if (
        # Most events have none of it.
        "ad_storage" not in properties
        and "ad_user_data" not in properties
        and "consent_state" not in properties
        and "gcs" not in properties
        and "gcs" not in context
        and (not consent or _GOOGLE_KEYS.isdisjoint(consent))
    ):
        return None
    granted = set()
    lacking = ""
    for path, holder in (("context.consent", consent), ("properties", properties)):
        state = holder.get("consent_state")
        for place, values in (
            (path, holder),
            (f"{path}.consent_state", state if type(state) is dict else _NOTHING),
        ):
            for key in _NEEDED_BY_ADS if values else ():
                value = values.get(key)
                if value is None:
                    continue
                word = _word(value)
                if word in _DENIED:
                    return Verdict(DENIED, f"{place}.{key} is “{word}”.")
                if word in _GRANTED:
                    granted.add(key)
                else:
                    lacking = f"{place}.{key} is neither granted nor denied."
    for path, holder in (
        ("context.consent", consent),
        ("context", context),
        ("properties", properties),
    ):
        value = holder.get("gcs")
        if type(value) is str and len(value) == 4 and value[:2] in ("G1", "g1"):
            if value[2] == "0":
                return Verdict(DENIED, f"{path}.gcs is “{value[:2]}0…”: ad storage is denied.")
            if value[2] == "1":
                granted.add("ad_storage")
    missing = [key for key in _NEEDED_BY_ADS if key not in granted]
    if not missing and not lacking:
        return Verdict(GRANTED, "")
    if lacking:
        return Verdict(UNGRANTED, lacking)
    if granted:
        return Verdict(UNGRANTED, f"Google Consent Mode says nothing of {missing[0]}.")
    return None


def _word(value: Any) -> str:
    if type(value) is bool:
        return "granted" if value else "denied"
    return value.strip().lower() if type(value) is str else ""


def _us_opt_out(context: dict[str, Any]) -> str:
    """Why the person counts as opted out of sale or sharing; "" if nothing says so."""
    gpc = context.get("gpc")
    if gpc is not None and (gpc is True or gpc in (1, "1", "true")):
        return "context.gpc is true (Global Privacy Control)."
    return _us_string(context, "context")


def _us_opt_out_in_properties(event: dict[str, Any]) -> str:
    properties = event.get("properties")
    return _us_string(properties, "properties") if type(properties) is dict else ""


def _us_string(holder: dict[str, Any], path: str) -> str:
    value = holder.get("us_privacy")
    # Version, notice given, opted out, covered by the LSPA; “-” where it doesn't apply.
    if type(value) is str and len(value) == 4 and value[0] == "1" and value[2] in "Yy":
        return f"{path}.us_privacy is “1{value[1]}Y…”."
    return ""


def _quote(ids: list[str]) -> str:
    shown = ", ".join(f"“{one[:_MAX_SHOWN]}”" for one in ids[:3])
    return shown if len(ids) <= 3 else f"{shown} and {len(ids) - 3} more"
