"""The address a request came from, as far as it can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from destinations.pinterest.addresses import PRIVATE, visitor_address

FORWARDED_FOR = "X-Forwarded-For"
"""The one header that each proxy adds to; every other that names the visitor holds one address."""


def find_request_ip(
    meta: Mapping[str, Any], trusted_proxy_count: int, header: str = FORWARDED_FOR
) -> str:
    """The sender's address; "" when there is none (a socket file).

    Each proxy appends the address it was called from to X-Forwarded-For. Only what your own
    proxies wrote is believed: with two of them the last but one entry, however many a client
    put before it. Of another ``header`` (TRUSTED_PROXY_HEADER) the last entry is believed: your
    proxy replaces it.
    """
    peer = _read_address(str(meta.get("REMOTE_ADDR") or ""))
    if not trusted_proxy_count:
        return peer
    return _read_address(_believed(meta, trusted_proxy_count, header)[-1]) or peer


def find_visitor_ip(
    meta: Mapping[str, Any], trusted_proxy_count: int, header: str = FORWARDED_FOR
) -> str:
    """The address of the person whose device sent the request, for ``request_ip``.

    By the rules of ``context.ip``: where your proxies saw a private address, that is a proxy of
    yours, too, and the entry before it counts; 0.0.0.0 is kept, because it refuses collection. An
    entry that is no address ("unknown") hides who sent it, so nobody is named.
    """
    entries = _believed(meta, trusted_proxy_count, header) if trusted_proxy_count else [""]
    if not any(entry.strip() for entry in entries):
        return find_request_ip(meta, 0)
    for entry in reversed(entries):
        found = visitor_address(entry)
        if found != PRIVATE:
            return _read_address(found) if found else ""
    return _read_address(entries[-1])


def _believed(meta: Mapping[str, Any], trusted_proxy_count: int, header: str) -> list[str]:
    """The entries of the header up to the one that your outermost proxy wrote; never empty."""
    entries = str(meta.get(_key_of(header)) or "").split(",")
    if header != FORWARDED_FOR:
        return entries[-1:]
    return entries[: max(len(entries) - trusted_proxy_count, 0) + 1]


@lru_cache(maxsize=100)
def _key_of(header: str) -> str:
    """A header's name in the environ of WSGI."""
    return "HTTP_" + header.upper().replace("-", "_")


def network_of(address: str) -> str:
    """Whom to count together: an IPv6 network of 64 bits, which one household has, or the
    address."""
    if ":" in address:
        return str(ip_network(f"{address}/64", strict=False))
    return address


@lru_cache(maxsize=10_000)
def _read_address(text: str) -> str:
    """An IPv4 or IPv6 address without port and brackets; "" for anything else."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
