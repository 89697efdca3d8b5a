"""What ingest mended in an event so that it could be kept, as warnings."""

from __future__ import annotations

from typing import Any

from .findings import Finding

REPAIRS_KEY = "_repairs"
"""Where a stored event says so: ``[{"code", "field"}, …]``. Ingest writes it, nobody else."""

MAX_REPAIRS = 20
"""Named in one event; all are made."""

_MAX_FIELD = 255


def read_repairs(repairs: Any) -> list[Finding]:
    """The findings for what stands under ``REPAIRS_KEY``; a sender may have written anything
    there."""
    findings = []
    for repair in repairs[:MAX_REPAIRS] if type(repairs) is list else ():
        code, field = (repair.get("code"), repair.get("field")) if type(repair) is dict else (0, 0)
        if type(field) is not str:
            continue
        if code == "text_repaired":
            message = "A broken character in this text was replaced with \ufffd."
            findings.append(Finding("text_repaired", field[:_MAX_FIELD], message))
        elif code == "number_as_text":
            message = "An integer of more than 64 bits was stored as text."
            findings.append(Finding("number_as_text", field[:_MAX_FIELD], message))
    return findings
