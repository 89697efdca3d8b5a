"""Requests that real senders were reported to make, from ingest to the conversion."""

from __future__ import annotations

import base64
import io
import re
import time
from typing import Any
from urllib.parse import quote, unquote

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
WITH_KEY = re.compile(r"data=([^&]+)")
EXPECTED_TIME = re.compile(r"NOW([+-][0-9]+)?±([0-9]+)s")


def send(client: Client, request: dict[str, Any], now: float) -> int:
    """The status of the answer to a case's request, with this test's write key and times."""

    def moment(found: re.Match[str]) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + int(found[1] or 0)))

    meta: dict[str, Any] = {
        f"HTTP_{name.upper().replace('-', '_')}": value
        for name, value in request["headers"].items()
        if name != "Content-Type"
    }
    if request["auth"] != "none":
        meta["HTTP_AUTHORIZATION"] = basic(WRITE_KEY)
    path, _, query = request["path"].partition("?")
    query = WITH_KEY.sub(with_key_of_test, query).replace("demo-write-key", WRITE_KEY)
    body = (
        base64.b64decode(request["body_base64"])
        if "body_base64" in request
        else SENT_TIME.sub(moment, request["body"]).encode()
    )
    if request["chunked"]:
        meta |= {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
        meta["wsgi.input"] = io.BytesIO(body)  # the test client's own knows its length
    response = client.generic(
        request["method"],
        "/",  # a path that begins with two slashes would be read as a host
        body,
        request["headers"].get("Content-Type", "application/json"),
        PATH_INFO=path,
        QUERY_STRING=query,
        **meta,
    )
    return response.status_code


def with_key_of_test(data: re.Match[str]) -> str:
    content = base64.b64decode(unquote(data[1]))
    content = content.replace(b"demo-write-key", WRITE_KEY.encode())
    return "data=" + quote(base64.b64encode(content))


@pytest.mark.parametrize("name", CASES)
def test_a_request_of_a_real_sender_comes_out_right(
    client: Client, source: Source, name: str
) -> None:
    case, now = CASES[name], time.time()
    expect = dict(case["expect"])
    statuses = expect.pop("http_status")
    status = send(client, case["event"], now)
    assert status in (statuses if isinstance(statuses, list) else [statuses])
    is_sent = expect.pop("at_pinterest", None)
    event = Event.objects.first()
    fields = conversion_of(stored(event), CONFIG, time.time()) if event else {}
    assert is_sent in (None, fields.get("status") == "ok")
    for path, wanted in expect.items():
        value = value_at(fields, path)
        near = EXPECTED_TIME.fullmatch(wanted) if isinstance(wanted, str) else None
        if near:
            assert abs(value - now - int(near[1] or 0)) <= int(near[2])
        else:
            assert value == wanted
