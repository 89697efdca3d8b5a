"""Requests that real senders were reported to make, from ingest to the conversion."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from django.test import Client

from deliveries.models import Event
from destinations.models import Source
from tests.deliveries.ingest.sender import WRITE_KEY, basic, stored
from tests.destinations.pinterest.field_cases import conversion_of, read_cases, value_at

CASES = read_cases("http")
CONFIG = {"apiVersion": "newApi", "adAccountId": "549755885175"}
# "{{NOW-600}}" in a request, and "NOW-600±20s" in what is expected of a time.
SENT_TIME = re.compile(r"\{\{NOW([+-][0-9]+)?\}\}")
EXPECTED_TIME = re.compile(r"NOW([+-][0-9]+)?±([0-9]+)s")


def send(client: Client, request: dict[str, Any], now: float) -> int:
    """The status of the answer to a case's request, with this test's write key and times."""

    def moment(found: re.Match[str]) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + int(found[1] or 0)))

    meta = {
        f"HTTP_{name.upper().replace('-', '_')}": value
        for name, value in request["headers"].items()
        if name != "Content-Type"
    }
    if request["auth"] != "none":
        meta["HTTP_AUTHORIZATION"] = basic(WRITE_KEY)
    response = client.generic(
        request["method"],
        request["path"].replace("demo-write-key", WRITE_KEY),
        SENT_TIME.sub(moment, request["body"]),
        request["headers"].get("Content-Type", "application/json"),
        **meta,
    )
    return response.status_code


@pytest.mark.parametrize("name", CASES)
def test_a_request_of_a_real_sender_comes_out_right(
    client: Client, source: Source, name: str
) -> None:
    case, now = CASES[name], time.time()
    expect = dict(case["expect"])
    assert send(client, case["event"], now) == expect.pop("http_status")
    event = Event.objects.first()
    assert (event is not None) is expect.pop("at_pinterest")
    if event is None:
        return
    fields = conversion_of(stored(event), CONFIG, time.time())
    assert fields["status"] == "ok"
    for path, wanted in expect.items():
        value = value_at(fields, path)
        near = EXPECTED_TIME.fullmatch(wanted) if isinstance(wanted, str) else None
        if near:
            assert abs(value - now - int(near[1] or 0)) <= int(near[2])
        else:
            assert value == wanted
