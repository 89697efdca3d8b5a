"""Which CAPI Relay is this? The number stands in pyproject.toml and nowhere else."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

VERSION: str = tomllib.loads((BASE_DIR / "pyproject.toml").read_text("utf-8"))["project"]["version"]


@cache
def commit(folder: Path = BASE_DIR) -> str:
    """The commit of these files as 40 digits, or "" when nothing here knows it.

    From the file COMMIT, which building an image writes, or else from the clone's own files: git
    itself may be missing, or refuse a clone that somebody else owns.
    """
    try:
        return (folder / "COMMIT").read_text("utf-8").strip()
    except OSError:
        pass
    try:
        return _commit_of_clone(folder / ".git")
    except OSError:
        return ""


def _commit_of_clone(git: Path) -> str:
    """Raises OSError when there is none."""
    if git.is_file():  # a worktree names its folder
        git = git.parent / git.read_text("utf-8").removeprefix("gitdir:").strip()
    head = (git / "HEAD").read_text("utf-8").strip()
    if not head.startswith("ref:"):
        return head
    name = head.removeprefix("ref:").strip()
    shared = git / "commondir"
    common = git / shared.read_text("utf-8").strip() if shared.exists() else git
    for folder in (git, common):
        if (folder / name).exists():
            return (folder / name).read_text("utf-8").strip()
    for line in (common / "packed-refs").read_text("utf-8").splitlines():
        digits, _, packed = line.partition(" ")
        if packed == name:
            return digits
    return ""
