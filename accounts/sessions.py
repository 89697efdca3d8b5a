"""When a session ends: SESSION_HOURS after signing in, however busy it was (SESSION_ENGINE)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.utils import timezone


class SessionStore(DatabaseSessionStore):
    """Django counts from the last change of a session; the moment set here cannot be put off."""

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        if key == SESSION_KEY:  # who it is: written by every signing in, and by nothing else
            self.set_expiry(timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE))
