"""Bots as a gate: events that no person caused.

What is known of crawlers are the patterns of crawlerdetect; RE2 matches them in a time that grows
with the user agent and not with its square, as Python's own ``re`` would.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import re2
from crawlerdetect.providers.crawlers import data as CRAWLERS
from crawlerdetect.providers.exclusions import data as BROWSERS

from .cleaning import LONGEST_PLACEHOLDER
from .findings import EventFiltered, Finding
from .senders import channel_of
from .values import usable_text

BOT_CHOICES = ("send", "mark", "filter")

_browsers: set[str] = set()
"""User agents of people, as far as they have been seen: a look at a set is the least there is."""

MAX_USER_AGENT = 1_000
"""Characters: the names of crawlers stand before them."""
MAX_KEPT = 4096
"""User agents whose answer a process keeps."""
_PATTERN_BYTES = 64 << 20
_MAX_SHOWN = 50
_YES = (True, 1, "true", "1")


class BotGate:
    """A destination's setting for bots: ``mark`` or ``filter``."""

    __slots__ = ("_filters",)

    def __init__(self, choice: str) -> None:
        self._filters = choice == "filter"

    def check(
        self,
        event: dict[str, Any],
        context: dict[str, Any],
        properties: dict[str, Any],
        warnings: list[Finding] | None,
    ) -> None:
        """Raises EventFiltered ``bot``, or adds the warning ``bot_suspected``."""
        user_agent = context.get("userAgent")
        says_nothing = "isBot" not in context and "bot" not in context
        # Nearly every event is a browser's that has been seen before, and says nothing of bots.
        if says_nothing and type(user_agent) is str and user_agent in _browsers:
            return
        found = _find_bot(event, context, properties)
        if found is None:
            if says_nothing and type(user_agent) is str and _is_browser(user_agent):
                if len(_browsers) >= MAX_KEPT:
                    _browsers.clear()
                _browsers.add(user_agent)
            return
        path, reason = found[0], f"This looks like a bot: {found[1]}"
        if self._filters:
            raise EventFiltered("bot", reason)
        if warnings is not None:
            warnings.append(Finding("bot_suspected", path, reason))


def _is_browser(user_agent: str) -> bool:
    """Whether it alone is enough to tell a person's event, whatever else the event says."""
    return LONGEST_PLACEHOLDER < len(user_agent) <= MAX_USER_AGENT and not crawler_in(user_agent)


def _find_bot(
    event: dict[str, Any], context: dict[str, Any], properties: dict[str, Any]
) -> tuple[str, str] | None:
    """The path that shows that a bot caused the event, and the sentence that says why."""
    # RudderStack's own detection: isBot, and bot with its name.
    stated = context.get("isBot")
    if stated is not None and stated in _YES:
        return "context.isBot", "context.isBot is true."
    bot = context.get("bot")
    if bot and stated is None and (bot in _YES or type(bot) is dict):
        name = bot.get("name") if type(bot) is dict else None
        named = f" “{name[:_MAX_SHOWN]}”" if type(name) is str and name else ""
        return "context.bot", f"context.bot names a bot{named}."
    path, user_agent = "context.userAgent", context.get("userAgent")
    if usable_text(user_agent) is None and usable_text(properties.get("userAgent")) is not None:
        path, user_agent = "properties.userAgent", properties["userAgent"]
    channel = channel_of(event)
    if channel == "mobile":
        # Apps send what their HTTP library is called, and no crawler runs an app.
        return None
    if type(user_agent) is not str or usable_text(user_agent) is None:
        if channel == "web":
            return path, "context.userAgent is missing, although the event's channel is web."
        return None
    crawler = crawler_in(user_agent[:MAX_USER_AGENT])
    if crawler:
        return path, f"{path} names a known crawler: “{crawler[:_MAX_SHOWN]}”."
    return None


@lru_cache(maxsize=MAX_KEPT)
def crawler_in(user_agent: str) -> str:
    """What in a user agent names a known crawler; "" for a browser."""
    crawlers, browsers = _patterns()
    found = crawlers.search(browsers.sub("", user_agent))
    return str(found.group()) if found is not None else ""


@cache
def _patterns() -> tuple[Any, Any]:
    return _join(CRAWLERS), _join(BROWSERS)


def _join(patterns: list[str]) -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _PATTERN_BYTES
    return re2.compile("|".join(filter(_is_linear, patterns)), options)


def _is_linear(pattern: str) -> bool:
    """Whether RE2 can read it: one of 1,462 looks ahead, for what the others find as well."""
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error:
        return False
    return True
