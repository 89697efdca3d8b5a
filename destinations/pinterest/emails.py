"""Email addresses out of what people and programs put around them.

``mailto:ann@example.com``, ``Ann Example <ann@example.com>``, ``"ann@example.com",`` and lists of
them; a handle, ``ann@`` or ``a@@b`` is none.
"""

from __future__ import annotations

import html
import re
import unicodedata
from urllib.parse import unquote

from .cleaning import clean, is_placeholder

# What most addresses are: nothing in them has to be looked at again.
_PLAIN = re.compile(r"[a-z0-9._+-]+@[a-z0-9][a-z0-9.-]*\.[a-z]+")
_PLAIN_IN_ANY_SCRIPT = re.compile(r"[\w.+-]+@[^\W_][\w-]*(?:\.[^\W_][\w-]*)*\.[^\W\d_][\w-]*")
_LOCAL = re.compile(r"[^\s@<>()\[\]\\,;:\"\u201c\u201d\u00ab\u00bb]{1,128}")
_LABEL = re.compile(r"[^\W_](?:[\w\u200c\u200d\u00b7\u0300-\u036f\u0900-\u0dff-]{0,253})?")
_IN_ANGLES = re.compile(r"<([^<>@]*+@[^<>]*+)>")
_COMMENT = re.compile(r"\([^()@]*\)")
_SEPARATORS = re.compile(r"[,;|]")
_BETWEEN_SEVERAL = re.compile(r"[,;|\n\r]|\s(?:and|or|und|oder|et)\s|\s&\s|/(?=[^@/]*@)")
_SCHEME = re.compile(r"(?:mailto|smtp|e-?mail|mail|to)\s*:(?://)?\s*", re.IGNORECASE)
_QUOTES = "\"'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a<>()[]{}"
_AT_THE_END = _QUOTES + ",;:.!?"
_FULL_WIDTH = {0xFF01 + offset: 0x21 + offset for offset in range(0x5E)} | {0x3002: "."}
# Hosts of one label that people get mail at.
_BARE_HOSTS = frozenset({"localhost", "ai", "ua", "va", "ws", "cf", "gp", "pn", "tt", "dm", "mq"})
_MAX_DOMAIN = 253
_MAX_TEXT = 10_000
# "ann smith@example.com" has a blank too many; before three words stands a sentence.
_MAX_WORDS = 2


def plain_address(text: str) -> str | None:
    """The address in lower case, if the text is one of the usual kind and nothing else."""
    lowered = text.lower()
    if _PLAIN.fullmatch(lowered):
        return lowered if ".." not in lowered else None
    if lowered.isascii() or not _PLAIN_IN_ANY_SCRIPT.fullmatch(lowered):
        return None
    return lowered if clean(lowered) == lowered else None


def addresses_in(text: str) -> tuple[str, ...] | None:
    """Every address in a text, lower case, NFC, each once.

    Empty: a placeholder. None: something that is no address.
    """
    if len(text) > _MAX_TEXT:
        return None
    if "@" not in text:
        if "%40" in text:
            text = unquote(text)
        elif "&#" in text or "&commat;" in text:
            text = html.unescape(text)
    text = text.translate(_FULL_WIDTH) if not text.isascii() else text
    if is_placeholder(clean(text)):
        return ()
    pieces = _IN_ANGLES.findall(text)
    if not pieces and text.count("@") > 1:
        pieces = _BETWEEN_SEVERAL.split(text)
    elif not pieces:
        # Of "ann,smith@example.com" the second half is somebody else's address.
        pieces = [piece for piece in _SEPARATORS.split(text) if clean(piece)][:1]
    found: dict[str, None] = {}
    for piece in map(clean, pieces):
        parts = piece.split() if piece.count("@") > 1 else [piece]
        for part in parts:
            address = _address(part)
            if address:
                found[address] = None
    return tuple(found) or None


def _address(piece: str) -> str | None:
    piece = _COMMENT.sub("", piece).strip(_QUOTES + " ")
    piece = _SCHEME.sub("", piece, count=1).partition("?")[0]
    piece = piece.lstrip(_QUOTES + " ").rstrip(_AT_THE_END + " ")
    local, at, domain = piece.partition("@")
    if not at or "@" in domain or len(local.split()) > _MAX_WORDS:
        return None
    local, domain = "".join(local.split()).lower(), "".join(domain.split()).lower()
    if not _LOCAL.fullmatch(local) or not _is_domain(domain):
        return None
    return unicodedata.normalize("NFC", f"{local}@{domain}")


def _is_domain(domain: str) -> bool:
    """Labels with a dot between them, or a host known without one."""
    if len(domain) > _MAX_DOMAIN:
        return False
    if domain in _BARE_HOSTS:
        return True
    *labels, last = domain.split(".")
    return (
        bool(labels)
        and all(_LABEL.fullmatch(label) for label in (*labels, last))
        and not last.isdecimal()
    )
