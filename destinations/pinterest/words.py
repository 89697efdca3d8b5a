"""Marks sentences for translation in a package that knows no Django."""

from __future__ import annotations


def gettext_noop(text: str) -> str:
    """The text as it is: ``makemessages`` finds it by this name, and the admin translates it."""
    return text
