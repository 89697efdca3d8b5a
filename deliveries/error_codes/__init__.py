"""The one catalogue of codes: what each means and what to do about it, for the admin and the docs.

``ERROR_CODES`` are the codes of deliveries, attempts, batches and pauses; ``REFUSAL_CODES`` those
of refusals, where a name may mean something else. docs/errors.md lists both. A code never changes
its meaning once released.
"""

from __future__ import annotations

from django.utils.translation import gettext

from deliveries.error_codes.code_help import CodeHelp
from deliveries.error_codes.engine import ENGINE_CODES
from deliveries.error_codes.refusals import REFUSAL_CODES
from deliveries.error_codes.replies import REPLY_CODES
from deliveries.error_codes.transform import TRANSFORM_CODES
from deliveries.statuses import DeliveryStatus

__all__ = ["ERROR_CODES", "REFUSAL_CODES", "CodeHelp", "meaning_of", "remedy_of"]

_SENT_AGAIN = "No action needed. It's sent again"
"""Starts the remedies of temporary errors; for a failed delivery it no longer holds."""

ERROR_CODES: dict[str, CodeHelp] = {**TRANSFORM_CODES, **REPLY_CODES, **ENGINE_CODES}


def meaning_of(code: str) -> str:
    """A sentence on an error code of a delivery, batch or pause; "" for one that is unknown."""
    return gettext(ERROR_CODES[code].meaning) if code in ERROR_CODES else ""


def remedy_of(code: str, status: str = "") -> str:
    """What to do about it, for a delivery of that status; "" for an unknown code."""
    if code not in ERROR_CODES:
        return ""
    remedy = ERROR_CODES[code].remedy
    if status == DeliveryStatus.DEAD and remedy.startswith(_SENT_AGAIN):
        return gettext("No attempts are left. Retry once the cause is resolved.")
    return gettext(remedy)
