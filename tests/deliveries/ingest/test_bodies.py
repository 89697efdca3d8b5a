"""The raw body: any content type, gzip, limits, and JSON that would not stay what it is."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from random import Random
from typing import Any

import pytest
from django.test import RequestFactory

from deliveries.ingest.body import drain_body, read_body
from deliveries.ingest.encodings import gunzip
from deliveries.ingest.responses import BodyRefused
from deliveries.ingest.strict_json import find_flaw, parse_json
from deliveries.models import Event, Refusal
from destinations.models import Source
from tests.deliveries.ingest.sender import Post, answer, stored
from tests.factories import make_event

GZIP = {"HTTP_CONTENT_ENCODING": "gzip"}
TOO_LARGE = (413, "request size exceeds max limit\n")
INVALID_JSON = (400, "invalid json\n")
UNREADABLE = (400, "failed to read body from request\n")


def track(properties: str, message_id: str) -> bytes:
    """An event as raw JSON text."""
    return b'{"type":"track","event":"e","userId":"u","messageId":"%s","properties":%s}' % (
        message_id.encode(),
        properties.encode("utf-8", "surrogateescape"),
    )


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "",
        "not a type at all",
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_the_content_type_does_not_matter(
    post: Post, source: Source, content_type: str, zipped: bool
) -> None:
    body = json.dumps(make_event(messageId="m")).encode()
    meta = GZIP if zipped else {}
    sent = gzip.compress(body) if zipped else body
    assert answer(post("/v1/track", sent, content_type=content_type, **meta)) == (200, "OK")
    assert Event.objects.get().message_id == "m"


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"{", b"[1,]", b"{'a':1}", b"\xef\xbb\xbf", b'"\x01"', b"[" * 5000],
)
@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch"])
def test_a_body_that_is_no_json_is_answered_400_and_noted(
    post: Post, source: Source, path: str, body: bytes
) -> None:
    response = post(path, body)
    assert answer(response) == INVALID_JSON
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["X-Content-Type-Options"] == "nosniff"
    refusal = Refusal.objects.get()
    assert (refusal.source_id, refusal.code) == (source.pk, "invalid_json")


def test_the_excerpt_of_a_broken_body_holds_no_address(post: Post, source: Source) -> None:
    assert answer(post("/v1/track", b'{"email": "alex@example.com\x00",')) == INVALID_JSON
    assert Refusal.objects.get().excerpt == '{"email": "(email)",'


@pytest.mark.parametrize("value", [None, [], 7, "text", {}, {"batch": None}, {"batch": []}])
def test_a_batch_without_events_is_answered_400(post: Post, source: Source, value: Any) -> None:
    assert answer(post("/v1/batch", value)) == (400, "empty batch payload\n")
    assert Refusal.objects.get().code == "empty_batch"


@pytest.mark.parametrize("value", [None, [], [{"userId": "u"}], 7, "text"])
def test_one_event_must_be_an_object(post: Post, source: Source, value: Any) -> None:
    assert answer(post("/v1/track", value)) == (400, "event is not a valid rudder event\n")


@pytest.mark.parametrize(
    ("properties", "code", "field", "text"),
    [
        ('{"a":1,"a":2}', "repeated_key", "properties.a", "event is not a valid rudder event"),
        ('{"a" :1,"a":2}', "repeated_key", "properties.a", "event is not a valid rudder event"),
        ('[{"b\\u0022":1},{"x":1,"x":1}]', "repeated_key", "properties[1].x", None),
        ('{"a":NaN}', "not_a_number", "properties.a", "invalid json"),
        ('{"a":-Infinity}', "not_a_number", "properties.a", "invalid json"),
        ('{"a":1e999}', "number_too_large", "properties.a", None),
        ("[" * 300 + "]" * 300, "nested_too_deeply", "", "invalid json"),
    ],
)
def test_an_event_whose_meaning_nobody_knows_is_refused_alone(
    post: Post, source: Source, properties: str, code: str, field: str, text: str | None
) -> None:
    bad = track(properties, "bad")
    body = b'{"batch":[%s,%s,%s]}' % (track("{}", "one"), bad, track('{"v":35.10}', "two"))
    assert answer(post("/v1/batch", body)) == (200, "OK")
    assert sorted(Event.objects.values_list("message_id", flat=True)) == ["one", "two"]
    assert list(Refusal.objects.values_list("code", "field")) == [(code, field)]
    text = text or "event is not a valid rudder event"
    assert answer(post("/v1/track", bad)) == (400, text + "\n")


def test_the_excerpt_of_a_refusal_shows_the_number_that_is_none(post: Post, source: Source) -> None:
    post("/v1/track", track('{"a":NaN}', "bad"))
    assert '"a":"NaN"' in Refusal.objects.get().excerpt


@pytest.mark.parametrize(
    "properties",
    [
        {"a": 18446744073709551615, "b": -9223372036854775808},
        {"a": 0.1, "b": 1e300, "c": 35.0},
        {"a": "12345678901234567890123"},
        {"a": '":', "b": '"":"', "c" * 500: "😀 \u2028 \x00"},
        json.loads("[" * 240 + "]" * 240),
    ],
)
@pytest.mark.parametrize("compact", [True, False])
def test_what_looks_suspicious_and_is_not_is_kept_exactly(
    post: Post, source: Source, properties: Any, compact: bool
) -> None:
    event = make_event(properties=properties)
    text = json.dumps(event, separators=(",", ":") if compact else (" , ", " : "))
    assert answer(post("/v1/track", text.encode())) == (200, "OK")
    assert stored(Event.objects.get())["properties"] == properties


def test_a_body_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(
    post: Post, source: Source
) -> None:
    rest = json.dumps({"batch": [make_event()], "note": ""}).encode()
    note = Random(1).randbytes(2_048_000).hex().encode()[: 4_096_000 - len(rest)]
    body = rest.replace(b'"note": ""', b'"note": "' + note + b'"')
    assert len(body) == 4_096_000
    assert answer(post("/v1/batch", body)) == (200, "OK")
    assert answer(post("/v1/batch", body + b" ")) == TOO_LARGE
    assert answer(post("/v1/batch", gzip.compress(body), **GZIP)) == (200, "OK")
    assert answer(post("/v1/batch", gzip.compress(body + b" "), **GZIP)) == TOO_LARGE


def test_an_event_above_its_own_limit_is_refused_alone(
    post: Post, source: Source, settings: Any
) -> None:
    event = make_event(messageId="large")
    bare = len(json.dumps({**event, "p": ""}, separators=(",", ":")))
    exact = {**event, "messageId": "exact", "p": "x" * (settings.MAX_EVENT_BYTES - bare)}
    large = {**event, "p": "x" * (settings.MAX_EVENT_BYTES - bare + 1)}
    assert answer(post("/v1/batch", {"batch": [large, exact]})) == (200, "OK")
    assert Event.objects.get().message_id == "exact"
    assert Refusal.objects.get().code == "event_too_large"
    assert answer(post("/v1/track", large)) == (400, "request size exceeds max limit\n")


def test_a_gzip_bomb_is_answered_413_in_bounded_memory(post: Post, source: Source) -> None:
    bomb = gzip.compress(b"0" * 500_000_000, 9)
    tracemalloc.start()
    try:
        assert answer(post("/v1/batch", bomb, **GZIP)) == TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "body",
    [b"no gzip", gzip.compress(b"{}")[:-3], gzip.compress(b"{}") + b"rest", b"\x1f\x8b"],
)
def test_a_broken_gzip_stream_is_answered_400(post: Post, source: Source, body: bytes) -> None:
    assert answer(post("/v1/track", body, **GZIP)) == UNREADABLE
    assert Refusal.objects.get().code == "invalid_gzip"


def test_a_gzip_stream_may_have_several_members_but_not_thousands() -> None:
    assert gunzip(gzip.compress(b"ab") + gzip.compress(b"cd"), 4) == b"abcd"
    with pytest.raises(BodyRefused) as caught:
        gunzip(gzip.compress(b"") * 100_000, 4)
    assert (caught.value.status, caught.value.code) == (400, "invalid_gzip")


class Socket(io.BytesIO):
    """Counts what was read; ends with what it has, as a server's input does."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        self.taken += len(piece)
        return piece


def request_of(body: Socket, **meta: Any) -> Any:
    return RequestFactory().generic(
        "POST", "/v1/track", **{"wsgi.input": body, "CONTENT_LENGTH": "", **meta}
    )


def test_a_chunked_body_is_read_to_its_end_but_not_beyond_the_limit() -> None:
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked"}
    assert read_body(request_of(Socket(b"x" * 100_000), **chunked), 100_000) == b"x" * 100_000
    endless = Socket(b"x" * 10_000_000)
    with pytest.raises(BodyRefused) as caught:
        read_body(request_of(endless, **chunked), 100_000)
    assert caught.value.status == 413
    assert endless.taken < 200_000


def test_a_body_announced_too_large_is_refused_before_it_is_read() -> None:
    body = Socket(b"x" * 200)
    with pytest.raises(BodyRefused) as caught:
        read_body(request_of(body, CONTENT_LENGTH="200"), 100)
    assert (caught.value.status, body.taken) == (413, 0)


def test_a_body_that_ends_early_is_refused() -> None:
    with pytest.raises(BodyRefused) as caught:
        read_body(request_of(Socket(b"{}"), CONTENT_LENGTH="3"), 100)
    assert (caught.value.status, caught.value.code) == (400, "incomplete_body")


@pytest.mark.parametrize("meta", [{"CONTENT_LENGTH": "90000000"}, {}])
def test_a_refused_body_is_read_on_for_a_while_so_that_the_sender_sees_the_answer(
    meta: dict[str, str],
) -> None:
    body = Socket(b"x" * 90_000_000)
    drain_body(request_of(body, HTTP_TRANSFER_ENCODING="" if meta else "chunked", **meta))
    assert 32_000_000 <= body.taken < 33_000_000


def test_the_slow_way_reads_what_the_fast_way_reads() -> None:
    body = json.dumps({"a" * 30: [1, 2.5, None, True, "😀", {"b": []}]}).encode()
    fast, slow = parse_json(body), parse_json(body.replace(b'": ', b'" : '))
    assert (fast.is_flawless, slow.is_flawless) == (True, False)
    assert fast.value == slow.value
    assert find_flaw(slow.value) is None
