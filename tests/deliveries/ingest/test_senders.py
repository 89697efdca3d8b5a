"""Who sends: write keys, addresses, origins, rates; and what browsers ask besides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.test import Client, override_settings

from deliveries.ingest.addresses import find_request_ip, find_visitor_ip
from deliveries.models import Delivery, Event, Refusal
from destinations import routing
from destinations.models import Destination, Source
from destinations.routing import forget_routes
from tests.deliveries.ingest.sender import WRITE_KEY, Post, answer, basic, stored
from tests.factories import make_event

NO_KEY = (401, "failed to read writekey from header\n")
UNKNOWN_KEY = (401, "invalid write key\n")
ORIGIN = "https://shop.example"
OTHER = "https://other.example"


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!!", "Basic Og==", "Bearer shop-key"])
def test_a_missing_write_key_is_answered_401(post: Post, source: Source, header: str) -> None:
    response = post("/v1/track", make_event(), write_key=None, HTTP_AUTHORIZATION=header)
    assert answer(response) == NO_KEY
    assert response["X-Content-Type-Options"] == "nosniff"
    assert not response.has_header("WWW-Authenticate")


def test_a_missing_write_key_on_the_beacon_names_the_query(post: Post, source: Source) -> None:
    assert answer(post("/beacon/v1/batch", {"batch": [make_event()]}, write_key=None)) == (
        401,
        "failed to read writekey from query params\n",
    )


@pytest.mark.parametrize("key", ["wrong", "ä", "x" * 5000, "nul\x00", f"{WRITE_KEY} "])
@pytest.mark.parametrize("place", ["header", "query", "body"])
def test_an_unknown_write_key_is_answered_401_wherever_it_stands(
    post: Post, source: Source, key: str, place: str
) -> None:
    event = make_event()
    if place == "header":
        expected = UNKNOWN_KEY if key != f"{WRITE_KEY} " else (200, "OK")
        assert answer(post("/v1/track", event, write_key=key)) == expected
        return
    if place == "query":
        response = post("/v1/track", event, write_key=None, QUERY_STRING=f"writeKey={key}")
        assert answer(response) == UNKNOWN_KEY
    else:
        response = post("/v1/track", {**event, "writeKey": key}, write_key=None)
        assert answer(response) == UNKNOWN_KEY
    assert Event.objects.count() == 0


def test_the_write_key_is_taken_from_the_query_or_the_body(post: Post, source: Source) -> None:
    def send(path: str, content: Any, **meta: Any) -> tuple[int, str]:
        return answer(post(path, content, write_key=None, content_type="text/plain", **meta))

    query = {"QUERY_STRING": f"writeKey={WRITE_KEY}"}
    in_body = {"writeKey": WRITE_KEY}
    assert send("/v1/track", make_event(), **query) == (200, "OK")
    assert send("/beacon/v1/batch", {"batch": [make_event()]}, **query) == (200, "OK")
    assert send("/v1/batch", {"batch": [make_event()], **in_body}) == (200, "OK")
    assert send("/v1/t", {**make_event(), **in_body}) == (200, "OK")
    assert send("/v1/b", {"batch": [make_event()], **in_body}) == (200, "OK")
    assert Event.objects.count() == 5


def test_a_body_that_is_no_json_and_no_key_is_answered_401(post: Post, source: Source) -> None:
    assert answer(post("/v1/track", b"{", write_key=None)) == NO_KEY
    assert Refusal.objects.count() == 0


def test_a_disabled_source_is_answered_404(post: Post, source: Source) -> None:
    source.enabled = False
    source.save()
    forget_routes()
    assert answer(post("/v1/track", make_event())) == (404, "source is disabled\n")
    assert Event.objects.count() == 0


def test_what_another_process_changed_is_seen_within_a_second(
    post: Post, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert routing.FRESH_SECONDS <= 1
    monkeypatch.setattr(routing, "FRESH_SECONDS", 1000)
    assert answer(post("/v1/track", make_event(), write_key="new-key")) == UNKNOWN_KEY
    assert answer(post("/v1/track", make_event())) == (200, "OK")
    Source.objects.update(write_key="new-key")  # without a word to this process
    assert answer(post("/v1/track", make_event())) == (200, "OK")
    monkeypatch.setattr(routing, "FRESH_SECONDS", 0)
    assert answer(post("/v1/track", make_event())) == UNKNOWN_KEY
    assert answer(post("/v1/track", make_event(), write_key="new-key")) == (200, "OK")
    Source.objects.update(enabled=False)
    assert post("/v1/track", make_event(), write_key="new-key").status_code == 404


@pytest.mark.parametrize(
    ("forwarded", "proxies", "expected"),
    [
        (None, 0, "10.0.0.1"),
        ("203.0.113.9", 0, "10.0.0.1"),
        (None, 1, "10.0.0.1"),
        ("203.0.113.9", 1, "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", 1, "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 10.0.0.2", 2, "203.0.113.9"),
        ("203.0.113.9", 2, "203.0.113.9"),
        ("203.0.113.9:4711", 1, "203.0.113.9"),
        ("[2001:db8::1]:4711", 1, "2001:db8::1"),
        ("2001:DB8::1", 1, "2001:db8::1"),
        ("unknown", 1, "10.0.0.1"),
    ],
)
def test_only_addresses_that_trusted_proxies_wrote_are_believed(
    forwarded: str | None, proxies: int, expected: str
) -> None:
    meta = {"REMOTE_ADDR": "10.0.0.1"}
    if forwarded is not None:
        meta["HTTP_X_FORWARDED_FOR"] = forwarded
    assert find_request_ip(meta, proxies) == expected


@pytest.mark.parametrize(
    ("forwarded", "proxies", "expected"),
    [
        (None, 0, "10.0.0.1"),
        ("203.0.113.9", 0, "10.0.0.1"),
        (None, 1, "10.0.0.1"),
        (" ", 1, "10.0.0.1"),
        ("6.6.6.6, 203.0.113.9", 1, "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 10.0.0.2", 2, "203.0.113.9"),
        # a proxy of one's own that nobody counted
        ("203.0.113.9, 10.0.0.2", 1, "203.0.113.9"),
        ("203.0.113.9, 172.18.0.1, 10.0.0.2", 1, "203.0.113.9"),
        ("10.0.0.3, 10.0.0.2", 1, "10.0.0.2"),
        ("203.0.113.9:4711", 1, "203.0.113.9"),
        ("[2001:DB8::1]:4711", 1, "2001:db8::1"),
        ("::ffff:203.0.113.9", 1, "203.0.113.9"),
        # a proxy that hides its callers, and one that hides their addresses
        ("203.0.113.9, unknown", 1, ""),
        ("unknown", 1, ""),
        ("203.0.113.9, 0.0.0.0", 1, "0.0.0.0"),
    ],
)
def test_the_visitor_is_whom_the_trusted_proxies_name_first(
    forwarded: str | None, proxies: int, expected: str
) -> None:
    meta = {"REMOTE_ADDR": "::ffff:10.0.0.1"}
    if forwarded is not None:
        meta["HTTP_X_FORWARDED_FOR"] = forwarded
    assert find_visitor_ip(meta, proxies) == expected


@pytest.mark.parametrize(
    ("header", "meta", "expected"),
    [
        ("X-Real-IP", {"HTTP_X_REAL_IP": "203.0.113.9"}, "203.0.113.9"),
        ("CF-Connecting-IP", {"HTTP_CF_CONNECTING_IP": "2001:DB8::1"}, "2001:db8::1"),
        # what a client wrote into another header, or in front of what the proxy wrote
        ("X-Real-IP", {"HTTP_X_FORWARDED_FOR": "6.6.6.6"}, "10.0.0.1"),
        (
            "X-Real-IP",
            {"HTTP_X_FORWARDED_FOR": "6.6.6.6", "HTTP_X_REAL_IP": "203.0.113.9"},
            "203.0.113.9",
        ),
        ("X-Real-IP", {"HTTP_X_REAL_IP": "6.6.6.6,203.0.113.9"}, "203.0.113.9"),
        ("X-Real-IP", {"HTTP_X_REAL_IP": "6.6.6.6,10.0.0.2"}, "10.0.0.2"),
        ("X-Forwarded-For", {"HTTP_X_REAL_IP": "6.6.6.6"}, "10.0.0.1"),
    ],
)
@pytest.mark.parametrize("proxies", [1, 2])
@pytest.mark.parametrize("find", [find_request_ip, find_visitor_ip])
def test_the_trusted_header_can_be_another_one_with_a_single_address(
    find: Callable[[Mapping[str, Any], int, str], str],
    proxies: int,
    header: str,
    meta: dict[str, str],
    expected: str,
) -> None:
    assert find({"REMOTE_ADDR": "10.0.0.1", **meta}, proxies, header) == expected
    assert find({"REMOTE_ADDR": "10.0.0.1", **meta}, 0, header) == "10.0.0.1"


@override_settings(TRUSTED_PROXY_COUNT=1, TRUSTED_PROXY_HEADER="CF-Connecting-IP")
def test_the_address_of_an_event_stands_in_the_trusted_header(post: Post, source: Source) -> None:
    response = post(
        "/v1/track",
        make_event(),
        HTTP_CF_CONNECTING_IP="203.0.113.9",
        HTTP_X_FORWARDED_FOR="6.6.6.6",
    )
    assert answer(response) == (200, "OK")
    assert stored(Event.objects.get())["request_ip"] == "203.0.113.9"


def test_a_socket_file_has_no_address_and_none_is_added(post: Post, source: Source) -> None:
    assert answer(post("/v1/track", make_event(), REMOTE_ADDR="")) == (200, "OK")
    assert "request_ip" not in stored(Event.objects.get())


@pytest.mark.parametrize(
    "path",
    ["/v1/track", "/v1/batch", "/v1/t", "/v1/b", "/beacon/v1/batch", "/sourceConfig/"],
)
def test_a_preflight_is_answered_204_without_a_write_key(client: Client, path: str) -> None:
    response = client.options(
        path,
        HTTP_ORIGIN=ORIGIN,
        HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST",
        HTTP_ACCESS_CONTROL_REQUEST_HEADERS="anonymousid,authorization,content-type,x-own",
    )
    assert (response.status_code, response.content) == (204, b"")
    assert response["Access-Control-Allow-Origin"] == ORIGIN
    assert response["Access-Control-Allow-Credentials"] == "true"
    assert response["Access-Control-Allow-Headers"] == (
        "anonymousid,authorization,content-type,x-own"
    )
    assert response["Access-Control-Allow-Methods"] == "GET, POST, HEAD"
    assert response["Access-Control-Max-Age"] == "900"
    assert response["Vary"] == (
        "Access-Control-Request-Method, Access-Control-Request-Headers, Origin"
    )


@pytest.mark.parametrize("asked", ["", "a\r\nSet-Cookie: x", "ä", "x" * 1001])
def test_a_strange_preflight_gets_the_headers_of_the_sdks(client: Client, asked: str) -> None:
    response = client.options(
        "/v1/track", HTTP_ORIGIN=ORIGIN, HTTP_ACCESS_CONTROL_REQUEST_HEADERS=asked
    )
    assert response.status_code == 204
    names = set(response["Access-Control-Allow-Headers"].split(", "))
    assert names >= {
        "authorization",
        "content-type",
        "anonymousid",
        "sentat",
        "rsa-retry-attempt",
        "rsa-since-last-attempt",
        "rsa-since-first-attempt",
        "rsa-retry-reason",
        "rsa-recovered",
    }


def test_answers_and_errors_can_be_read_by_pages_of_any_origin(post: Post, source: Source) -> None:
    for write_key, status in ((WRITE_KEY, 200), ("wrong", 401)):
        response = post("/v1/track", make_event(), write_key=write_key, HTTP_ORIGIN=ORIGIN)
        assert response.status_code == status
        assert response["Access-Control-Allow-Origin"] == ORIGIN
        assert response["Access-Control-Allow-Credentials"] == "true"
        assert response["Vary"] == "Origin"


def test_a_source_with_a_list_takes_events_from_those_origins_only(
    post: Post, source: Source
) -> None:
    source.allowed_origins = f"https://one.example\n{ORIGIN}/"
    source.save()
    forget_routes()
    response = post("/v1/track", make_event(), HTTP_ORIGIN=ORIGIN)
    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (200, ORIGIN)
    response = post("/v1/track", make_event(), HTTP_ORIGIN=OTHER)
    assert answer(response) == (403, "origin is not allowed\n")
    assert not response.has_header("Access-Control-Allow-Origin")
    assert post("/v1/track", make_event()).status_code == 200  # a server sends no origin
    assert Event.objects.count() == 2


@pytest.mark.parametrize("path", ["/admin/login/", "/health"])
def test_other_pages_have_no_cross_origin_headers(client: Client, db: None, path: str) -> None:
    response = client.get(path, HTTP_ORIGIN=ORIGIN)
    assert response.status_code == 200
    assert not response.has_header("Access-Control-Allow-Origin")


@pytest.mark.parametrize(
    ("referer", "is_stored"),
    [
        ("https://shop.example/cart?x=1", True),
        ("https://SHOP.example:443/", True),
        ("https://shop.example", True),
        ("https://other.example/", False),
        ("http://shop.example/", False),
        ("https://shop.example:8443/", False),
        ("https://shop.example.evil.test/", False),
        ("https://shop.example@evil.test/", False),
        ("https://[2001:db8::1]/", False),
        # No page of the web: a newsletter in a mail program, a server, an app.
        (None, True),
        ("", True),
        ("android-app://com.example.mail/", True),
        ("https://[broken", True),
    ],
)
@pytest.mark.parametrize("path", ["/pixel/v1/page", "/v1/webhook"])
def test_an_image_on_a_page_that_is_not_listed_stores_nothing(
    client: Client, source: Source, path: str, referer: str | None, is_stored: bool
) -> None:
    source.allowed_origins = ORIGIN
    source.save()
    forget_routes()
    headers = {} if referer is None else {"HTTP_REFERER": referer}
    response = client.get(path, {"writeKey": WRITE_KEY, "anonymousId": "a-1"}, **headers)
    expected = 200 if is_stored or path.startswith("/pixel") else 403
    assert (response.status_code, Event.objects.count()) == (expected, int(is_stored))


def test_an_origin_counts_before_a_referer(post: Post, source: Source) -> None:
    source.allowed_origins = ORIGIN
    source.save()
    forget_routes()
    for origin, referer, status in (
        (ORIGIN, OTHER, 200),
        (OTHER, ORIGIN, 403),
        ("null", ORIGIN, 403),
    ):
        response = post("/v1/track", make_event(), HTTP_ORIGIN=origin, HTTP_REFERER=f"{referer}/")
        assert response.status_code == status


def test_the_pixel_takes_an_event_from_its_query(
    client: Client, source: Source, destination: Destination
) -> None:
    response = client.get(
        "/pixel/v1/track",
        {
            "writeKey": WRITE_KEY,
            "anonymousId": "a-1",
            "event": "Product Added",
            "properties.value": "35",
            "context.page.url": "https://shop.example/?epik=1",
            "context.page": "ignored",
            "event.name": "odd",
        },
        HTTP_USER_AGENT="Mozilla/5.0",
        REMOTE_ADDR="203.0.113.9",
    )
    assert (response.status_code, response["Content-Type"]) == (200, "image/gif")
    assert response.content[:6] == b"GIF89a"
    event = stored(Event.objects.get())
    assert event["properties"] == {"value": "35"}
    assert event["context"] == {
        "page": {"url": "https://shop.example/?epik=1"},
        "userAgent": "Mozilla/5.0",
    }
    assert (event["type"], event["channel"], event["event"], event["event.name"]) == (
        "track",
        "web",
        "Product Added",
        "odd",
    )
    assert (event["integrations"], event["request_ip"]) == ({"All": True}, "203.0.113.9")
    assert event["originalTimestamp"] == event["sentAt"] == event["receivedAt"]
    assert "writeKey" not in event
    assert Delivery.objects.get().conversion_name == "add_to_cart"


@pytest.mark.parametrize(
    "query", ["", "writeKey=wrong", f"writeKey={WRITE_KEY}", f"writeKey={WRITE_KEY}&userId=%ff"]
)
def test_the_pixel_is_an_image_whatever_went_wrong(
    client: Client, source: Source, query: str
) -> None:
    response = client.get("/pixel/v1/page", QUERY_STRING=query)
    assert (response.status_code, response["Content-Type"]) == (200, "image/gif")


@pytest.mark.parametrize("method", ["head", "post", "put", "delete"])
def test_only_a_get_of_the_pixel_makes_an_event(
    client: Client, source: Source, method: str
) -> None:
    path = f"/pixel/v1/page?writeKey={WRITE_KEY}&userId=u"
    response = getattr(client, method)(path)
    assert (response.status_code, response["Content-Type"]) == (200, "image/gif")
    assert not Event.objects.exists()


def test_the_pixel_is_an_image_without_a_database_too(
    client: Client, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError

    monkeypatch.setattr("deliveries.ingest.pixel.store_request", fail)
    response = client.get("/pixel/v1/page", {"writeKey": WRITE_KEY, "userId": "u"})
    assert (response.status_code, response["Content-Type"]) == (200, "image/gif")
    assert Event.objects.count() == 0


@pytest.mark.parametrize("path", ["/sourceConfig", "/sourceConfig/"])
def test_the_browser_sdk_gets_a_configuration_that_lets_it_start(
    client: Client, source: Source, path: str
) -> None:
    query = {"p": "npm", "v": "3.34.1", "build": "modern", "writeKey": WRITE_KEY}
    response = client.get(path, query, HTTP_ORIGIN=ORIGIN)
    assert response.status_code == 200
    assert response["Access-Control-Allow-Origin"] == ORIGIN
    said = response.json()["source"]
    assert (said["enabled"], said["name"], said["destinations"]) == (True, "Shop", [])
    assert said["config"]["statsCollection"] == {
        "errors": {"enabled": False},
        "metrics": {"enabled": False},
    }
    assert isinstance(said["id"], str)
    assert client.get(path, HTTP_AUTHORIZATION=basic(WRITE_KEY)).json()["source"] == said
    head = client.head(path, query)
    assert (head.status_code, head.content) == (200, b"")
    assert client.head(path, {"view": "ad"}).status_code == 200
    assert answer(client.get(path, {"writeKey": "wrong"})) == UNKNOWN_KEY
    assert answer(client.get(path)) == NO_KEY
