"""The three gates before a destination: consent, event rules, bots. Pure.

Each looks at the event as its sender sent it, when it is planned and again before every attempt.
"""

from __future__ import annotations

from typing import Any

from .bot_gate import BotGate
from .consent_gate import ConsentGate
from .findings import Finding
from .rule_gate import RuleGate

CONSENT_CODES = frozenset({"consent_denied", "consent_missing"})
QUOTING_CODES = frozenset({"filtered_by_rule", "bot"})
"""Their sentences repeat what may stand anywhere in an event."""

_NOTHING: dict[str, Any] = {}


class Gates:
    """The gates of one destination that are on, prepared once."""

    __slots__ = ("_check_bot", "_check_consent", "_check_rules", "_consent")

    def __init__(
        self, consent: ConsentGate | None, rules: RuleGate | None, bots: BotGate | None
    ) -> None:
        self._consent = consent
        self._check_consent = consent.check if consent is not None else None
        self._check_rules = rules.check if rules is not None else None
        self._check_bot = bots.check if bots is not None else None

    def check(self, event: dict[str, Any], warnings: list[Finding] | None = None) -> bool:
        """Whether the conversion asks for limited data processing; may add warnings.

        Raises EventFiltered ``consent_denied``, ``consent_missing``, ``filtered_by_rule`` or
        ``bot``, with the path and value that decided.
        """
        context = event.get("context")
        if type(context) is not dict:
            context = _NOTHING
        properties = event.get("properties")
        if type(properties) is not dict:
            properties = _NOTHING
        is_limited = False
        if self._check_consent is not None:
            is_limited = self._check_consent(context, properties)
        if self._check_rules is not None:
            self._check_rules(event)
        if self._check_bot is not None:
            self._check_bot(event, context, properties, warnings)
        return is_limited

    def consent_said(self, event: dict[str, Any]) -> bool | None:
        """Whether an event, of any type, grants consent explicitly; None if it leaves it open."""
        if self._consent is None:
            return None
        context, properties = event.get("context"), event.get("properties")
        return self._consent.said(
            context if type(context) is dict else _NOTHING,
            properties if type(properties) is dict else _NOTHING,
        )
