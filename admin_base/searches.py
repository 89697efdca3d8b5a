"""What somebody searched for: in their session, sealed, under a token that stands in the address.

An address is in the browser's history, in the access logs of every proxy and in what people send to
each other. What is searched for may name a person, so none of these gets it.
"""

from __future__ import annotations

import secrets
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase

SESSION_KEY = "searches"
MAX_SEARCHES = 30
"""The newest so many of a session are kept; each is a few hundred bytes."""
MAX_CHARACTERS = 256


def remember_search(session: SessionBase, term: str) -> str:
    """The token under which this session finds ``term`` again; the same one for the same term."""
    kept: dict[str, str] = session.get(SESSION_KEY, {})
    for token in kept:
        if recall_search(session, token) == term:
            return token
    token = secrets.token_urlsafe(12)
    newest = [*kept.items(), (token, _cipher().encrypt(term.encode()).decode())]
    session[SESSION_KEY] = dict(newest[-MAX_SEARCHES:])
    return token


def recall_search(session: SessionBase, token: str) -> str | None:
    """What this session searched for under ``token``; None: nothing, or no longer known."""
    sealed: Any = session.get(SESSION_KEY, {}).get(token)
    if not isinstance(sealed, str):
        return None
    try:
        return _cipher().decrypt(sealed.encode()).decode()
    except InvalidToken:  # sealed with a key that was taken out
        return None


def _cipher() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.TOKEN_ENCRYPTION_KEYS])
