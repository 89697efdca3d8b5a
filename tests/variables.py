"""The environment variables that settings.py reads, found in its own text."""

from __future__ import annotations

import re
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
READ = re.compile(r'\benv\.\w+\(\s*"([A-Z][A-Z0-9_]*)"')


def settings_variables() -> set[str]:
    """Every variable that a reader of ``capi_project.environment`` is asked for."""
    text = (BASE_DIR / "capi_project" / "settings.py").read_text(encoding="utf-8")
    return set(READ.findall(text))
