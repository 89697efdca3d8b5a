"""The address a request came from, as far as it can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from destinations.pinterest.addresses import PRIVATE, visitor_address


def find_request_ip(meta: Mapping[str, Any], trusted_proxy_count: int) -> str:
    """The sender's address; "" when there is none (a socket file).

    Each proxy appends the address it was called from to X-Forwarded-For. Only what your own
    proxies wrote is believed: with two of them the last but one entry, however many a client
    put before it.
    """
    peer = _read_address(str(meta.get("REMOTE_ADDR") or ""))
    if not trusted_proxy_count:
        return peer
    entries = str(meta.get("HTTP_X_FORWARDED_FOR") or "").split(",")
    position = max(len(entries) - trusted_proxy_count, 0)
    return _read_address(entries[position]) or peer


def find_visitor_ip(meta: Mapping[str, Any], trusted_proxy_count: int) -> str:
    """The address of the person whose device sent the request, for ``request_ip``.

    By the rules of ``context.ip``: where your proxies saw a private address, that is a proxy of
    yours, too, and the entry before it counts; 0.0.0.0 is kept, because it refuses collection. An
    entry that is no address ("unknown") hides who sent it, so nobody is named.
    """
    header = str(meta.get("HTTP_X_FORWARDED_FOR") or "")
    if not trusted_proxy_count or not header.strip():
        return find_request_ip(meta, 0)
    entries = header.split(",")
    last = max(len(entries) - trusted_proxy_count, 0)
    for entry in reversed(entries[: last + 1]):
        found = visitor_address(entry)
        if found != PRIVATE:
            return _read_address(found) if found else ""
    return _read_address(entries[last])


def network_of(address: str) -> str:
    """Whom to count together: an IPv6 network of 64 bits, which one household has, or the address."""
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
