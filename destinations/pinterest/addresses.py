"""IP addresses as senders and proxies write them: which one may go to Pinterest as the visitor's.

``0.0.0.0`` and ``::`` are what a sender writes who does not want the address collected: a refusal,
not a bad value. Shared with ingest, which finds the address a request came from.
"""

from __future__ import annotations

import re
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Any

from .values import usable_text

REFUSED = "0.0.0.0"
"""What ``visitor_address`` answers for a refusal."""

PRIVATE = "private"
"""… for an address that is nobody's on the internet: loopback, private, link-local, reserved."""

_MAX_LIST = 2_000
_SEPARATORS = re.compile(r"[,;\s]+")
# RFC 7239: for=203.0.113.7;by=…
_FORWARDED = re.compile(r"for=", re.IGNORECASE)
_BRACKETS = re.compile(r"\[([0-9A-Fa-f:.]+)(?:%[^\]]*)?\](?::[0-9]{1,5})?")
_V4_WITH_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}")
_WHOLE_PREFIX = re.compile(r"(.+)/(?:32|128)")

# First bytes of IPv4 with something in them that is not public: 0/8, 10/8, 100.64/10, 127/8,
# 169.254/16, 172.16/12, 192.0.0/24, 192.168/16, 198.18/15, 224/4, 240/4. The ranges of
# documentation (192.0.2/24, 198.51.100/24, 203.0.113/24) count as public: tests use them.
_LOOK_CLOSER = frozenset({0, 10, 100, 127, 169, 172, 192, 198, *range(224, 256)})
_MAPPED = b"\0" * 10 + b"\xff\xff"
_NAT64 = b"\0\x64\xff\x9b" + b"\0" * 8


def visitor_address(value: Any) -> str | None:
    """The first public address in a value; ``REFUSED``, ``PRIVATE``, or None when there is none.

    A value is one address or a list of them (an array, or text with commas, as X-Forwarded-For),
    with ports, brackets or zones, and IPv4 written as IPv6.
    """
    if type(value) is str:
        try:
            # inet_pton takes exactly the standard forms, and is many times faster than ipaddress.
            if inet_pton(AF_INET, value)[0] not in _LOOK_CLOSER:
                return value
        except (OSError, ValueError):
            pass  # another form
    entries: list[Any] = value if type(value) is list else [value]
    found = None
    for entry in entries:
        if entry == 0 and type(entry) is int:
            return REFUSED
        text = usable_text(entry)
        if text is None or len(text) > _MAX_LIST:
            continue
        for part in _SEPARATORS.split(text):
            address = _read_one(part)
            if address == PRIVATE:
                found = PRIVATE
            elif address is not None:
                return address
    return found


def _read_one(part: str) -> str | None:
    """One public address in its usual form, ``REFUSED``, ``PRIVATE``, or None."""
    text = _FORWARDED.sub("", part, count=1).strip("\"'")
    bare = (
        _BRACKETS.fullmatch(text) or _V4_WITH_PORT.fullmatch(text) or _WHOLE_PREFIX.fullmatch(text)
    )
    if bare:
        text = bare[1]
    text = text.partition("%")[0]
    try:
        packed = inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except (OSError, ValueError):
        return None
    if not any(packed):
        return REFUSED
    if len(packed) == 16:
        if packed[:12] in (_MAPPED, _NAT64):
            packed = packed[12:]
            text = inet_ntop(AF_INET, packed)
            if not any(packed):
                return REFUSED
        else:
            return text if _is_public_v6(packed) else PRIVATE
    return text if _is_public_v4(packed) else PRIVATE


def _is_public_v4(packed: bytes) -> bool:
    first, second, third = packed[:3]
    if first not in _LOOK_CLOSER:
        return True
    if first == 100:
        return not 64 <= second < 128
    if first == 169:
        return second != 254
    if first == 172:
        return not 16 <= second < 32
    if first == 192:
        return second != 168 and (second, third) != (0, 0)
    if first == 198:
        return second not in (18, 19)
    return False


def _is_public_v6(packed: bytes) -> bool:
    """Global unicast (2000::/3) without what IETF protocols have of it (2001::/23)."""
    return packed[0] >> 5 == 1 and not (packed[:2] == b"\x20\x01" and packed[2] < 2)
