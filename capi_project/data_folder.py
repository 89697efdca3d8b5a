"""The data folder holds personal data and keys: nobody but this user may read it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

UMASK = 0o077
"""For all that a process of the product makes: databases and their WAL, broker and cache files."""

_OWN_NAMES = frozenset({"secret_key", "token_encryption_keys", "broker", "cache", "static"})
_OWN_BEGINNINGS = (
    "capi_relay.sqlite3",
    "celerybeat-schedule",
    ".secret_key.",
    ".token_encryption_keys.",
)
_OF_NOBODY = frozenset({"lost+found"})
"""What a disk of its own has besides."""


def protect(folder: Path, *databases: Path) -> None:
    """Take from group and others what they may do with what is in ``folder``, and with the folder.

    Made by an older version, by a ``mkdir`` or from a backup, it may be open to them. What is not
    of CAPI Relay is left alone; with such things in it, so is the folder itself (somebody may have
    named /srv). ``databases`` are SQLite files, which may lie elsewhere, with what SQLite puts
    beside them. What belongs to another user cannot be changed and need not be: that user decides
    who reads it.
    """
    try:
        names = set(os.listdir(folder)) - _OF_NOBODY
    except OSError:
        names = set()  # there is none yet, or what is wrong with it is said by who needs it
    own = {name for name in names if _is_own(name)}
    for name in own:
        _close(folder / name)
    if own == names:
        _close(folder)
    for database in databases:
        for ending in ("", "-wal", "-shm", "-journal"):
            _close(f"{database}{ending}")


def _is_own(name: str) -> bool:
    return name in _OWN_NAMES or name.startswith(_OWN_BEGINNINGS)


def _close(path: str | Path) -> None:
    """Never through a symbolic link: a secret may be mounted with one, and lead anywhere."""
    try:
        found = os.lstat(path)
        if not stat.S_ISLNK(found.st_mode) and found.st_mode & UMASK:
            os.chmod(path, stat.S_IMODE(found.st_mode) & ~UMASK)
    except OSError:
        return  # not there, or not ours: see above
