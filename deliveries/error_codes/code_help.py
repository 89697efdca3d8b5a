"""What the admin and the documentation say of a code."""

from __future__ import annotations

from typing import NamedTuple


class CodeHelp(NamedTuple):
    """One sentence each, for the admin and the documentation."""

    meaning: str
    remedy: str
