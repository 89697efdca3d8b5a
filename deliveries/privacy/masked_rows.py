"""Rows of the log for people who may not see personal data. Masked rows are never saved."""

from __future__ import annotations

from typing import Any

import orjson

from deliveries.models import Attempt, Batch, Delivery, Refusal
from deliveries.privacy.known_values import NOTHING_KNOWN, KnownValues
from deliveries.privacy.masking import mask, mask_excerpt, mask_text

PERMISSION = "deliveries.view_personal_data"


def sees_personal_data(user: Any) -> bool:
    """Whether this person may see what events, conversions and answers say about people."""
    return bool(user.has_perm(PERMISSION))


def mask_row(row: Any, known: KnownValues = NOTHING_KNOWN) -> None:
    """Hide in place what the free texts of a row may say about somebody.

    ``known`` are personal values that must not turn up, as far as they are at hand. Our own
    sentences quote none; Pinterest's can only quote what it got: hashes, addresses of the network.
    """
    if isinstance(row, Refusal):
        row.excerpt = mask_excerpt(row.excerpt)
        row.message = mask_text(row.message, known)
        row.field = mask_text(row.field, known)
    elif isinstance(row, Delivery | Batch | Attempt):
        row.error_message = mask_text(row.error_message, known)
        if not isinstance(row, Batch):
            row.error_field = mask_text(row.error_field, known)
        if isinstance(row, Delivery):
            row.warnings = [
                {**warning, "message": mask_text(str(warning.get("message", "")), known)}
                for warning in row.warnings
            ]


def mask_pretty(text: str, known: KnownValues = NOTHING_KNOWN) -> str:
    """Indented JSON, masked; anything else is hidden."""
    try:
        masked = mask(orjson.loads(text), known)
    except orjson.JSONDecodeError:
        masked = mask_excerpt(text)
    return orjson.dumps(masked, option=orjson.OPT_INDENT_2).decode()
