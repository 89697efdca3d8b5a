"""Where messages may go: not to this machine or its network, unless ALERTS_ALLOW_PRIVATE says so.

Administrators enter addresses of channels. Without this, one could make the server ask others that
only it can reach, such as a cloud's metadata service.
"""

from __future__ import annotations

import ipaddress
import socket

from django.conf import settings
from django.utils.translation import gettext


class Refused(Exception):
    """The address may not be used; the text is for people."""


def find_address(host: str, port: int) -> str:
    """The address to connect to. Raises Refused for one that isn't public, or isn't known.

    Every address of the name has to be public: which one is used is chance.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Refused(gettext("%(host)s can't be found.") % {"host": host}) from None
    addresses = [str(one[4][0]) for one in found]
    if not settings.ALERTS_ALLOW_PRIVATE:
        for address in addresses:
            if not is_public(address):
                raise Refused(
                    gettext(
                        "%(host)s is a private or local address. To allow it, set "
                        "ALERTS_ALLOW_PRIVATE."
                    )
                    % {"host": host}
                )
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether anybody on the internet can reach it; an IPv4 address within IPv6 counts as such."""
    one = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(one, ipaddress.IPv6Address):
        inner = one.ipv4_mapped or one.sixtofour or (one.teredo[1] if one.teredo else None)
        if inner is not None:
            return inner.is_global and not inner.is_multicast
        if one in ipaddress.ip_network("64:ff9b::/96"):
            return is_public(str(ipaddress.IPv4Address(int(one) & 0xFFFFFFFF)))
    return one.is_global and not one.is_multicast
