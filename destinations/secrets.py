"""Tokens at rest: encrypted with MultiFernet, and never shown by accident."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy, gettext_noop


class SecretUnreadable(Exception):
    """The stored token was encrypted with a key that TOKEN_ENCRYPTION_KEYS no longer holds."""

    def __init__(self) -> None:
        super().__init__(
            gettext_noop(
                "The stored token can't be decrypted with TOKEN_ENCRYPTION_KEYS. Restore "
                "the old key at the end of the list, or enter the token again."
            )
        )


class Secret:
    """An encrypted text. ``reveal()`` is the only way to the plain text; repr and str hide it."""

    __slots__ = ("_ciphertext",)

    def __init__(self, ciphertext: str = "") -> None:
        self._ciphertext = ciphertext

    @classmethod
    def seal(cls, plain_text: str) -> Secret:
        """Encrypt ``plain_text`` with the newest key; an empty text stays empty."""
        return cls(_fernet().encrypt(plain_text.encode()).decode() if plain_text else "")

    def reveal(self) -> str:
        """The plain text. Raises SecretUnreadable when no key fits."""
        if not self._ciphertext:
            return ""
        try:
            return _fernet().decrypt(self._ciphertext.encode()).decode()
        except InvalidToken:
            raise SecretUnreadable from None

    def sealed_with_newest_key(self) -> Secret:
        """The same secret under the first of TOKEN_ENCRYPTION_KEYS (key rotation)."""
        return Secret.seal(self.reveal())

    @property
    def ciphertext(self) -> str:
        return self._ciphertext

    def __bool__(self) -> bool:
        return bool(self._ciphertext)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._ciphertext == self._ciphertext

    def __hash__(self) -> int:
        return hash(self._ciphertext)

    def __repr__(self) -> str:
        return f"<Secret: {'set' if self else 'empty'}>"

    __str__ = __repr__


if TYPE_CHECKING:
    _SecretText = models.TextField[Secret | str, Secret]
else:
    _SecretText = models.TextField


class SecretField(_SecretText):
    """Holds a Secret. A plain text that is assigned is encrypted on its way to the database."""

    description = gettext_lazy("Encrypted text")

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Secret:
        return Secret(value or "")

    def to_python(self, value: Any) -> Secret:
        return value if isinstance(value, Secret) else Secret.seal(value or "")

    def get_prep_value(self, value: Any) -> str:
        return self.to_python(value).ciphertext

    def value_to_string(self, obj: models.Model) -> str:
        """Fixtures and dumps carry the ciphertext, never the token."""
        return self.to_python(self.value_from_object(obj)).ciphertext


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.TOKEN_ENCRYPTION_KEYS])
