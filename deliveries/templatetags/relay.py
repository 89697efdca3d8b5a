"""Badges and times for the admin's own templates."""

from __future__ import annotations

from django import template

from deliveries.phrases import group_digits, show_answer, show_outcome, show_status, show_time

register = template.Library()
register.filter("status_badge", show_status)
register.filter("outcome_badge", show_outcome)
register.filter("answer_badge", show_answer)
register.filter("moment", show_time)
register.filter("grouped", group_digits)
