"""The environment variables that the product reads, found in its own text."""

from __future__ import annotations

import re
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
READ = re.compile(r'\benv\.\w+\(\s*"([A-Z][A-Z0-9_]*)"')


def settings_variables() -> set[str]:
    """Every variable that settings.py asks a reader of ``capi_project.environment`` for."""
    return _variables_in("capi_project/settings.py")


def supervisor_variables() -> set[str]:
    """Every variable that `bin/run` asks for beyond those."""
    return _variables_in("launcher/commands.py") - settings_variables()


def _variables_in(name: str) -> set[str]:
    text = (BASE_DIR / name).read_text(encoding="utf-8")
    return set(READ.findall(text))
