"""Text as ingest reads it: what counts as blank, and what is cut off an ID."""

from __future__ import annotations

from typing import Any

# What str.strip() leaves and RudderStack strips from an ID: zero-width spaces, joiners, the BOM.
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\x00 \t\r\n"


def trim(text: str) -> str:
    """Without the blanks and invisible characters at both ends."""
    return text.strip().strip(_INVISIBLE).strip()


def is_blank(value: Any) -> bool:
    """Missing, null, or text of which nothing can be seen."""
    if type(value) is str:
        return not value[:1].isalnum() and not trim(value)  # most begin with what can be seen
    return value is None
