"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line. ``check`` is its stable name; ``fix``: what to do about it, "" if nothing."""

    check: str
    title: StrOrPromise
    level: Level
    message: StrOrPromise
    fix: StrOrPromise = ""


def worst(findings: list[Finding]) -> Level:
    """The highest level among them."""
    levels = {one.level for one in findings}
    return next((one for one in (Level.ERROR, Level.WARNING) if one in levels), Level.OK)
