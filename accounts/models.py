"""What the project itself keeps about people: their second factor."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy

from destinations.secrets import SecretField


class TwoFactor(models.Model):
    """With what does this person prove, beside the password, who they are?

    The row is there exactly while it is turned on. Nothing in it can be read back: the secret is
    encrypted (``TOKEN_ENCRYPTION_KEYS``), of the recovery codes there are hashes only.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="two_factor"
    )
    secret = SecretField(help_text=gettext_lazy("Base32, as stored in the user's app; encrypted."))
    turned_on_at = models.DateTimeField(default=timezone.now)
    last_step = models.BigIntegerField(
        default=-1,
        help_text=gettext_lazy("Time step of the last accepted code: each code works once."),
    )
    recovery_digests = models.JSONField(
        default=list, help_text=gettext_lazy("SHA-256 of each unused recovery code.")
    )
    wrong_count = models.PositiveIntegerField(default=0)
    wrong_since = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        verbose_name = gettext_lazy("two-factor authentication")
        verbose_name_plural = gettext_lazy("two-factor authentication")

    def __str__(self) -> str:
        return f"Two-factor authentication of {self.user}"
