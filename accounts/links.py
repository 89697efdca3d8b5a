"""Links to choose a password: for who was invited, and for who forgot it.

The secret of a link stands after its ``#``, which browsers send to no server, so it is in no access
log. A link works once, because it is made of the password that it replaces, and for
``PASSWORD_RESET_TIMEOUT`` seconds. Nothing of it is stored.
"""

from __future__ import annotations

import logging
import smtplib
import threading
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.mail import EmailMessage
from django.urls import reverse
from django.utils.translation import gettext, override

logger = logging.getLogger(__name__)

LINK_HOURS = settings.PASSWORD_RESET_TIMEOUT // 3600


class _KeyGenerator(PasswordResetTokenGenerator):
    key_salt = "accounts.links"


_keys = _KeyGenerator()


def key_for(user: User) -> str:
    """The secret of a link: ``12-cx…``."""
    return f"{user.pk}-{_keys.make_token(user)}"


def user_with(key: str, *, lock: bool = False) -> User | None:
    """Whose link this is; None when it was used, has expired or is no key, or the user is off."""
    number, _, token = key.strip().partition("-")
    if not (number.isdecimal() and number.isascii() and len(number) < 19):
        return None
    users = User.objects.select_for_update() if lock else User.objects.all()
    user = users.filter(pk=int(number), is_active=True).first()
    return user if user is not None and _keys.check_token(user, token) else None


def link_for(user: User, base_url: str) -> str:
    """The whole link; ``base_url`` is where this server is reached, without a path."""
    return f"{base_url}{reverse('choose_password')}#{key_for(user)}"


def sends_email() -> bool:
    """Whether this server can send email."""
    return bool(settings.EMAIL_URL)


def email_link(user: User, language: str) -> None:
    """Send a link to the user, in the background: an answer doesn't wait for a mail server."""
    with override(language):
        is_new = not user.has_usable_password()
        subject = (
            gettext("Your access to CAPI Relay") if is_new else gettext("Your CAPI Relay password")
        )
        opening = (
            gettext("You've been invited to CAPI Relay. Choose a password:")
            if is_new
            else gettext("Choose a new password for CAPI Relay:")
        )
        ending = gettext(
            "The link works once, for %(hours)s hours. If you didn't expect this email, ignore it."
        ) % {"hours": LINK_HOURS}
    link = link_for(user, settings.PUBLIC_URL)
    message = EmailMessage(subject, f"{opening}\n\n{link}\n\n{ending}\n", to=[user.email])
    in_background(lambda: _send(message))


def in_background(work: Callable[[], None]) -> threading.Thread:
    """Do it in a thread of its own."""
    thread = threading.Thread(target=work, name="email", daemon=True)
    thread.start()
    return thread


def _send(message: EmailMessage) -> None:
    try:
        message.send()
    except (OSError, smtplib.SMTPException) as error:
        # Neither address nor text of the error: servers quote whom they refuse.
        logger.error("Can't send an email: %s.", type(error).__name__)
