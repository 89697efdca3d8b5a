"""Which address of what senders and proxies write is a visitor's."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destinations.pinterest.addresses import PRIVATE, REFUSED, visitor_address


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("203.0.113.7", "203.0.113.7"),
        (" 203.0.113.7 ", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("203.0.113.7, 10.0.0.1", "203.0.113.7"),
        ("10.0.0.1, 203.0.113.7", "203.0.113.7"),
        ("unknown, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.7 10.0.0.1", "203.0.113.7"),
        (["10.0.0.1", "2001:db8::7"], "2001:db8::7"),
        ("203.0.113.7:54321", "203.0.113.7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:cb00:7107", "203.0.113.7"),
        ("[::ffff:203.0.113.7]:80", "203.0.113.7"),
        ("64:ff9b::203.0.113.7", "203.0.113.7"),
        ('for="[2001:db8::7]:4711";proto=https;by=198.51.100.1', "2001:db8::7"),
        ("203.0.113.7/32", "203.0.113.7"),
        ('"203.0.113.7"', "203.0.113.7"),
        ("10.0.0.5", PRIVATE),
        ("::1", PRIVATE),
        ("::ffff:127.0.0.1", PRIVATE),
        ("fe80::1%eth0", PRIVATE),
        ("fd00::1", PRIVATE),
        ("100.64.0.1", PRIVATE),
        ("100.63.255.255", "100.63.255.255"),
        ("169.254.169.254", PRIVATE),
        ("172.32.0.1", "172.32.0.1"),
        ("198.18.0.1", PRIVATE),
        ("224.0.0.1", PRIVATE),
        ("255.255.255.255", PRIVATE),
        ("0.1.2.3", PRIVATE),
        ("ff02::1", PRIVATE),
        ("2001:1::1", PRIVATE),
        ("0.0.0.0", REFUSED),
        ("::", REFUSED),
        ("0:0:0:0:0:0:0:0", REFUSED),
        ("[::]:80", REFUSED),
        ("::ffff:0.0.0.0", REFUSED),
        ("0.0.0.0, 203.0.113.7", REFUSED),
        (0, REFUSED),
        ("", None),
        (" ", None),
        ("no address", None),
        ("203.0.113.0/24", None),
        ("203.000.113.007", None),
        ("999.1.1.1", None),
        (3405803783, None),
        (False, None),
        (None, None),
        ({}, None),
        ([], None),
        ([None, {}], None),
        ("1" * 5000, None),
        ("203.0.113.7\ud800", None),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_the_first_public_address_is_found(value: Any, expected: str | None) -> None:
    assert visitor_address(value) == expected


# Blocks that are nobody's on the internet; ``ipaddress`` calls single addresses in some global.
RESERVED = [
    ipaddress.ip_network(block)
    for block in [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/3",
        "::/3",
        "2001::/23",
        "4000::/2",
        "8000::/1",
    ]
]
HIDDEN_V4 = ("::ffff:0:0/96", "64:ff9b::/96")
PUBLIC = st.ip_addresses().filter(lambda address: not any(address in one for one in RESERVED))
PRIVATE_ONES = st.sampled_from(
    [
        "10.0.0.1",
        "127.0.0.1",
        "192.168.1.1",
        "172.16.0.1",
        "169.254.0.1",
        "100.64.0.1",
        "::1",
        "fe80::1",
        "fc00::1",
        "::ffff:10.0.0.1",
        "unknown",
        "-",
    ]
)


@given(address=PUBLIC, others=st.lists(PRIVATE_ONES, max_size=4), position=st.integers(0, 4))
def test_an_unusable_address_never_hides_a_public_one(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, others: list[str], position: int
) -> None:
    written = [*others[:position], str(address), *others[position:]]
    assert visitor_address(", ".join(written)) == str(address)
    assert visitor_address(written) == str(address)


@given(address=st.ip_addresses(v=4))
def test_an_address_is_judged_alike_in_every_form(address: ipaddress.IPv4Address) -> None:
    plain = visitor_address(str(address))
    for form in (f"::ffff:{address}", f"{address}:443", f"[::ffff:{address}]:443", f" {address} "):
        assert visitor_address(form) == plain


@given(data=st.data())
def test_an_address_of_a_reserved_block_is_nobodys(data: st.DataObject) -> None:
    block = data.draw(st.sampled_from(RESERVED))
    address = data.draw(st.ip_addresses(network=block))
    if any(address in ipaddress.ip_network(one) for one in HIDDEN_V4):
        return
    assert visitor_address(str(address)) == (PRIVATE if int(address) else REFUSED)
