"""Sign-in is throttled against guessing: few attempts for one name and address at a time.

Attempts are counted where all processes of this server see them: in Redis, or in files of the data
folder (cache "logins"). An attempt counts before the password is checked, so that simultaneous
attempts count as well; signing in resets the count of that name from that address. Two-factor codes
count as attempts too, and with two-factor authentication only the right code resets the count.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import BaseCache, caches
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_lazy
from redis.exceptions import RedisError
from unfold.forms import AuthenticationForm

from accounts.two_factor import find_two_factor
from deliveries.ingest.addresses import find_request_ip, network_of

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Limit:
    """How many attempts are allowed in WINDOW_SECONDS, and what they're counted by."""

    kind: str
    attempts: int


BY_NAME_AND_ADDRESS = Limit("both", 5)
BY_ADDRESS = Limit("address", 50)
BY_NAME = Limit("name", 100)
"""Guessing from many addresses at once. High, because anybody can lock a name out with it."""


class ThrottledLoginForm(AuthenticationForm):
    """The admin's login form; too many attempts are answered without looking at the password."""

    request: HttpRequest  # LoginView gives it

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": gettext_lazy("Incorrect username or password. Both are case-sensitive."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = gettext("Email or username")

    def clean(self) -> dict[str, Any]:
        name = self.cleaned_data.get("username") or ""
        if name and self.cleaned_data.get("password"):
            count_attempt(self.request, name)
            cleaned: dict[str, Any] = super().clean()
            if find_two_factor(self.get_user()) is None:
                reset_attempts(self.request, name)
            return cleaned
        return super().clean()


def count_attempt(request: HttpRequest, name: str) -> None:
    """Count one more attempt to sign in as ``name``. Raises ValidationError when there were too
    many."""
    # Stops at the first that is exhausted: one address alone cannot use up a name's attempts.
    if not all(_use_attempt(key, limit.attempts) for limit, key in _keys(request, name).items()):
        raise too_many_attempts()


def too_many_attempts() -> ValidationError:
    """The one sentence for all of them: it does not tell what was exhausted."""
    return ValidationError(
        gettext("Too many attempts. Try again in %(minutes)s minutes.")
        % {"minutes": WINDOW_SECONDS // 60},
        code="throttled",
    )


def reset_attempts(request: HttpRequest, name: str) -> None:
    """This person is in: what they mistyped from this address counts no more."""
    try:
        _cache().delete(_keys(request, name)[BY_NAME_AND_ADDRESS])
    except (OSError, RedisError) as error:
        logger.warning("Can't reset the count of sign-in attempts: %s", type(error).__name__)


def _keys(request: HttpRequest, name: str) -> dict[Limit, str]:
    """The counters of an attempt. Names are hashed: people type passwords into that field."""
    network = network_of(
        find_request_ip(request.META, settings.TRUSTED_PROXY_COUNT, settings.TRUSTED_PROXY_HEADER)
    )
    values = {
        BY_NAME_AND_ADDRESS: f"{name.lower()}\n{network}",
        BY_ADDRESS: network,
        BY_NAME: name.lower(),
    }
    return {
        limit: f"login:{limit.kind}:{hashlib.sha256(value.encode()).hexdigest()}"
        for limit, value in values.items()
    }


def _use_attempt(key: str, attempts: int) -> bool:
    """Count one more. False when there were ``attempts`` of them in the window already."""
    cache = _cache()
    try:
        with _one_at_a_time():
            if cache.add(key, 1, WINDOW_SECONDS):
                return True
            return int(cache.incr(key)) <= attempts
    except ValueError:  # it ran out between the two calls
        return bool(cache.add(key, 1, WINDOW_SECONDS))
    except (OSError, RedisError) as error:
        # Who is on call must get in while Redis is down or the disk is full.
        logger.warning("Can't count sign-in attempts: %s", type(error).__name__)
        return True


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Counting in files is reading and writing: two attempts at once must not count as one."""
    if "logins" not in settings.CACHES:
        yield  # Redis counts in one step
        return
    folder = Path(str(settings.CACHES["logins"]["LOCATION"]))
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _cache() -> BaseCache:
    return caches["logins" if "logins" in settings.CACHES else "default"]
