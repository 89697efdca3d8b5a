"""When a session ends: SESSION_HOURS after signing in, however busy it was."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.utils import timezone


@receiver(user_logged_in)
def fix_end(request: Any, **kwargs: Any) -> None:
    """Django counts from the last change of a session; a moment cannot be put off."""
    request.session.set_expiry(timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE))
