"""Who may do what, and how often: tokens, ad accounts and their rate limits."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

from .answers import Answer, error_answer

DEFAULT_LIMIT = 120_000
DEFAULT_WINDOW_SECONDS = 60.0
"""Measured on a live answer of 2026-09-24: `120000;w=60` for each ad account."""


@dataclass(frozen=True, slots=True)
class AccessRules:
    """Without settings every token is good unless it starts with "bad", and every account of at
    most 18 digits exists unless its ID starts with "404" (unknown) or "403" (not permitted).

    `tokens`: only these are good. `accounts`: only these are permitted, any other gets 403.
    """

    tokens: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, tokens: Iterable[str], accounts: Iterable[str]) -> AccessRules:
        return cls(frozenset(tokens), frozenset(accounts))

    def refuse_token(self, authorization: str) -> Answer | None:
        """401 unless the Authorization header carries a good Bearer token."""
        scheme, _, token = authorization.strip().partition(" ")
        token = token.strip()
        good = token in self.tokens if self.tokens else not token.startswith("bad")
        if scheme.lower() == "bearer" and token and good:
            return None
        return error_answer(401)

    def refuse_account(self, account: str) -> Answer | None:
        """404 for an account that does not exist, 403 for one the token has no right to."""
        is_id = account.isascii() and account.isdigit() and len(account) <= 18
        if self.accounts:
            if account in self.accounts:
                return None
            return error_answer(403 if is_id else 404)
        if not is_id or account.startswith("404"):
            return error_answer(404)
        return error_answer(403) if account.startswith("403") else None


@dataclass(slots=True)
class _Window:
    ends_at: float
    used: int = 0


class RateLimits:
    """Requests counted per account in fixed windows. Safe to share by threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._windows: dict[tuple[str, int, float], _Window] = {}

    def take(
        self, account: str, limit: int = DEFAULT_LIMIT, window_seconds: float = 0.0
    ) -> tuple[bool, dict[str, str]]:
        """Count one request. Returns whether it is within the limit, and the X-RateLimit headers.

        A window belongs to its account, limit and length, so a new limit starts a new one.
        """
        window_seconds = window_seconds or DEFAULT_WINDOW_SECONDS
        now = time.monotonic()
        with self._lock:
            key = (account, limit, window_seconds)
            window = self._windows.get(key)
            if window is None or window.ends_at <= now:
                window = self._windows[key] = _Window(now + window_seconds)
            admitted = window.used < limit
            window.used += admitted
            remaining, seconds_left = limit - window.used, window.ends_at - now
        headers = {
            "X-RateLimit-Limit": (
                f'{limit}, {limit};w={window_seconds:g};name="ads_conversions_ad_account_id"'
            ),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": str(max(1, -int(-seconds_left // 1))),
        }
        return admitted, headers
