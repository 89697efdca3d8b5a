"""The admin's badges: colour, icon and word, so that nothing is told by colour alone."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString


def show_badge(look: str, icon: str, text: str) -> SafeString:
    """``look`` is a status (its colours are in relay.css), ``icon`` a Material symbol."""
    return format_html(
        '<span class="relay-badge relay-badge--{}">'
        '<span class="material-symbols-outlined" aria-hidden="true">{}</span>{}</span>',
        look,
        icon,
        text,
    )
