"""Badges and times for the admin's own templates."""

from __future__ import annotations

from django import template
from django.utils.html import json_script
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from deliveries.phrases import (
    group_digits,
    show_answer,
    show_last_outcome,
    show_outcome,
    show_status,
    show_time,
)

register = template.Library()
register.filter("status_badge", show_status)
register.filter("outcome_badge", show_outcome)
register.filter("last_outcome_badge", show_last_outcome)
register.filter("answer_badge", show_answer)
register.filter("moment", show_time)
register.filter("grouped", group_digits)

SCRIPT_WORDS = {
    "copied": gettext_lazy("Copied"),
    "press_to_copy": gettext_lazy("Press Ctrl+C"),
    "copy_from_bar": gettext_lazy("Copy it from the address bar"),
    "live": gettext_lazy("Live"),
    "live_held": gettext_lazy("Live, paused: rows selected"),
    "live_no_answer": gettext_lazy("Live, no response"),
    "fold": gettext_lazy("Fold or unfold"),
    "asking": gettext_lazy("Checking …"),
    "no_answer": gettext_lazy("No response. Try again, or reload the page."),
}
"""What static/relay/*.js says, by the key with which it asks for it."""


@register.simple_tag
def script_words() -> SafeString:
    """The words of the scripts, as JSON in the page."""
    return json_script(SCRIPT_WORDS, "relay-words")
