"""One path in many spellings, and Segment's pixel in all the ways its data gets written."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from deliveries.ingest.middleware import plain_path
from deliveries.ingest.pixel import decode_data
from deliveries.models import Delivery, Event, Refusal
from destinations.models import Destination, Source
from tests.deliveries.ingest.sender import WRITE_KEY, answer, basic, stored
from tests.factories import make_event

# "?" and ">" become "/" and "+" in Base64; "ü" is no ASCII.
ORDER = {"event": "Order Completed", "userId": "ü?>~~", "messageId": "m", "writeKey": WRITE_KEY}


def send(client: Client, path: str, content: Any, **meta: Any) -> Any:
    """The test client would read a path that begins with two slashes as a host."""
    body = json.dumps(content)
    meta["HTTP_AUTHORIZATION"] = basic(WRITE_KEY)
    return client.generic("POST", "/", body, "application/json", PATH_INFO=path, **meta)


@pytest.mark.parametrize(
    "path",
    [
        "//v1/track",
        "/v1//track",
        "/v1/track/",
        "///v1/track//",
        "/V1/Track",
        "/v1/track ",
        "/v1/T/",
    ],
)
def test_a_path_is_understood_however_the_host_was_typed(
    client: Client, source: Source, path: str
) -> None:
    assert answer(send(client, path, make_event(messageId="m"))) == (200, "OK")
    assert Event.objects.get().type == "track"


@pytest.mark.parametrize("path", ["//v1/batch", "/v1/batch/", "//beacon/v1/batch", "/v1/import/"])
def test_so_is_that_of_a_batch(client: Client, source: Source, path: str) -> None:
    batch = {"batch": [make_event(type="track")]}
    assert answer(send(client, path, batch, QUERY_STRING=f"writeKey={WRITE_KEY}")) == (200, "OK")


@pytest.mark.parametrize("path", ["//sourceConfig/", "/sourceconfig", "//pixel/v1/page"])
def test_so_is_what_a_browser_asks(client: Client, source: Source, path: str) -> None:
    query = f"writeKey={WRITE_KEY}&userId=u"
    assert client.get("/", PATH_INFO=path, QUERY_STRING=query).status_code == 200


@pytest.mark.parametrize("path", ["//admin/", "//", "/v1/trackx", "/v1 /track", "/v1/tra ck"])
def test_a_path_that_is_another_stays_another(client: Client, source: Source, path: str) -> None:
    assert send(client, path, make_event()).status_code != 200
    assert not Event.objects.exists()


@given(st.text("/aB \u00e9", max_size=20))
def test_the_spelling_of_a_spelling_is_the_same(path: str) -> None:
    assert plain_path(plain_path(path)) == plain_path(path)


def encodings(event: dict[str, Any]) -> dict[str, str]:
    content = json.dumps(event, ensure_ascii=False).encode()
    plain = base64.b64encode(content).decode()
    return {
        "escaped": quote(plain, safe=""),
        "escaped twice": quote(quote(plain, safe=""), safe=""),
        "as it is": plain,
        "URL-safe": base64.urlsafe_b64encode(content).decode(),
        "unpadded": quote(plain.rstrip("="), safe=""),
        "in lines": quote(base64.encodebytes(content).decode(), safe=""),
        "JSON": quote(content.decode(), safe=""),
    }


@pytest.mark.parametrize("way", encodings(ORDER))
def test_segments_pixel_takes_an_event_however_its_data_is_written(
    client: Client, source: Source, destination: Destination, way: str
) -> None:
    response = client.get(
        "/v1/pixel/track",
        QUERY_STRING=f"data={encodings(ORDER)[way]}",
        HTTP_USER_AGENT="Mozilla/5.0",
        REMOTE_ADDR="203.0.113.9",
    )
    assert (response.status_code, response["Content-Type"]) == (200, "image/gif")
    event = stored(Event.objects.get())
    assert (event["userId"], event["type"], event["channel"]) == ("ü?>~~", "track", "web")
    assert (event["context"], event["request_ip"]) == ({"userAgent": "Mozilla/5.0"}, "203.0.113.9")
    assert "writeKey" not in event
    assert Delivery.objects.get().conversion_name == "checkout"


@given(
    st.dictionaries(st.text("abc", min_size=1), st.text(st.characters(exclude_categories=["Cs"])))
)
def test_what_was_encoded_is_what_is_read(event: dict[str, str]) -> None:
    from django.http import QueryDict

    for encoded in encodings(event).values():
        data = QueryDict(f"data={encoded}")["data"]
        assert json.loads(decode_data(data)) == event


@pytest.mark.parametrize("kind", ["track", "page", "screen", "identify", "group", "alias"])
def test_segments_pixel_names_the_type_in_its_path(
    client: Client, source: Source, kind: str
) -> None:
    client.get(f"/v1/pixel/{kind}", {"data": encodings(ORDER)["JSON"].replace("%", "%25")})
    client.get(f"/v1/pixel/{kind}", {"data": json.dumps(ORDER)})
    assert Event.objects.get().type == kind


@pytest.mark.parametrize("where", ["query", "header"])
def test_its_write_key_may_stand_elsewhere(client: Client, source: Source, where: str) -> None:
    query = {"data": json.dumps({"userId": "u"})}
    meta = {}
    if where == "query":
        query["writeKey"] = WRITE_KEY
    else:
        meta["HTTP_AUTHORIZATION"] = basic(WRITE_KEY)
    assert client.get("/v1/pixel/page", query, **meta).status_code == 200
    assert Event.objects.get().type == "page"


@pytest.mark.parametrize("data", ["", "%%%", "bm8ganNvbg==", "é", "W10=", "bnVsbA=="])
def test_what_is_no_event_is_a_refusal_and_an_image(
    client: Client, source: Source, data: str
) -> None:
    response = client.get("/v1/pixel/track", {"data": data, "writeKey": WRITE_KEY})
    assert (response.status_code, response["Content-Type"]) == (200, "image/gif")
    assert Refusal.objects.get().code in ("invalid_json", "not_an_object")
    assert not Event.objects.exists()


@pytest.mark.parametrize("method", ["head", "post"])
def test_only_a_get_makes_an_event(client: Client, source: Source, method: str) -> None:
    getattr(client, method)(f"/v1/pixel/track?data={encodings(ORDER)['escaped']}")
    assert not Event.objects.exists()
