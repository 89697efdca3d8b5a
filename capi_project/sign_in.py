"""The name under which sessions know the password check: ``accounts.sign_in`` holds it."""

from accounts.sign_in import PasswordBackend

__all__ = ["PasswordBackend"]
