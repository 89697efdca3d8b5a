"""The address a request came from, as far as it can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any


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


@lru_cache(maxsize=10_000)
def _read_address(text: str) -> str:
    """An IPv4 or IPv6 address without port and brackets; "" for anything else."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ip_address(text))
    except ValueError:
        return ""
