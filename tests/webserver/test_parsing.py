"""Bytes to requests: the same whatever packets they come in, and nothing that can be read twice."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest

from webserver.limits import Limits
from webserver.parsing import TOO_LARGE, Request, RequestReader, RequestRefused, base_environ

LIMITS = Limits(body_bytes=1_000, head_bytes=2_000, head_count=10)
HEAD = b"POST /v1/track?a=b HTTP/1.1\r\nHost: relay.example\r\n"


def read_all(data: bytes, step: int = 0) -> list[Request]:
    """The requests in ``data``, fed ``step`` bytes at a time; 0: all at once."""
    reader = RequestReader(base_environ("127.0.0.1", 8000, ("203.0.113.9", 4711)), LIMITS)
    found = []
    for at in range(0, len(data), step or len(data)):
        request = reader.feed(data[at : at + (step or len(data))])
        while request is not None:
            found.append(request)
            request = reader.feed(b"")
    return found


def read_one(data: bytes, step: int = 0) -> dict[str, Any]:
    (request,) = read_all(data, step)
    return {**request.environ, "body": request.environ["wsgi.input"].read()}


@pytest.mark.parametrize("step", [0, 1, 2, 3, 7, 40])
@pytest.mark.parametrize(
    ("rest", "body"),
    [
        (b"Content-Length: 5\r\n\r\nhello", b"hello"),
        (b"Content-Length: 0\r\n\r\n", b""),
        (b"\r\n", b""),
        (b"Transfer-Encoding: chunked\r\n\r\n3;x=1\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", b"hello"),
        (b"Transfer-Encoding: Chunked\r\n\r\n0\r\nX-Trailer: 1\r\n\r\n", b""),
    ],
)
def test_a_request_is_the_same_in_whatever_pieces_it_comes(
    rest: bytes, body: bytes, step: int
) -> None:
    environ = read_one(HEAD + rest, step)
    assert environ["REQUEST_METHOD"] == "POST"
    assert environ["PATH_INFO"] == "/v1/track"
    assert environ["QUERY_STRING"] == "a=b"
    assert environ["HTTP_HOST"] == "relay.example"
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert environ["REMOTE_ADDR"] == "203.0.113.9"
    assert environ["body"] == body
    assert int(environ.get("CONTENT_LENGTH", 0)) == len(body)
    assert "HTTP_TRANSFER_ENCODING" not in environ
    assert "HTTP_X_TRAILER" not in environ


@pytest.mark.parametrize("step", [0, 1, 5])
def test_requests_that_follow_each_other_are_told_apart(step: int) -> None:
    one = HEAD + b"Content-Length: 3\r\n\r\nabc"
    found = read_all(one + b"\r\n" + one.replace(b"abc", b"def") + HEAD + b"\r\n", step)
    assert [request.environ["wsgi.input"].read() for request in found] == [b"abc", b"def", b""]
    assert all(request.keeps_alive for request in found)


def test_names_with_an_underscore_never_reach_the_application() -> None:
    environ = read_one(
        HEAD + b"X-Forwarded-For: 198.51.100.7\r\nX_Forwarded_For: 192.0.2.1\r\n"
        b"X-Forwarded_For: 192.0.2.2\r\nContent_Length: 5\r\nProxy: evil.example\r\n\r\n"
    )
    assert environ["HTTP_X_FORWARDED_FOR"] == "198.51.100.7"
    assert "CONTENT_LENGTH" not in environ
    assert "HTTP_PROXY" not in environ


def test_headers_that_come_twice_are_joined_and_those_that_must_not_are_refused() -> None:
    twice = b"X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n"
    twice += b"Cookie: a=1\r\nCookie: b=2\r\n\r\n"
    environ = read_one(HEAD + twice)
    assert environ["HTTP_X_FORWARDED_FOR"] == "1.1.1.1,2.2.2.2"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    with pytest.raises(RequestRefused) as refused:
        read_all(HEAD + b"Host: other.example\r\n\r\n")
    assert refused.value.status == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
        (HEAD + b"Content-Length: +3\r\n\r\nabc", 400),
        (HEAD + b"Content-Length: -3\r\n\r\nabc", 400),
        (HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", 400),
        (HEAD + b"A : b\r\n\r\n", 400),
        (HEAD + b"A: b\r\n c: d\r\n\r\n", 400),
        (HEAD + b"A: b\x00c\r\n\r\n", 400),
        (HEAD + b"A: b\nC: d\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 505),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01", 400),
        (b"GET /" + b"a" * 3_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (b"GET /" + b"a" * 3_000, 431),
        (HEAD + b"".join(b"X-%d: y\r\n" % number for number in range(20)) + b"\r\n", 431),
    ],
)
@pytest.mark.parametrize("step", [0, 1])
def test_what_two_servers_could_read_differently_is_refused(
    data: bytes, status: int, step: int
) -> None:
    with pytest.raises(RequestRefused) as refused:
        read_all(data, step)
    assert refused.value.status == status
    assert refused.value.text.endswith(".")


@pytest.mark.parametrize("name", [b"Upgrade", b"upgrade", b"UPGRADE"])
def test_an_upgrade_is_not_made_and_the_body_is_not_lost(name: bytes) -> None:
    """Java's client asks for HTTP/2 with every POST that it sends in plain text."""
    environ = read_one(
        HEAD + b"Connection: Upgrade, HTTP2-Settings\r\n" + name + b": h2c\r\n"
        b"HTTP2-Settings: AAA\r\nContent-Length: 5\r\n\r\nhello"
    )
    assert environ["body"] == b"hello"


def test_a_body_beyond_the_limit_is_not_read_and_the_application_is_told() -> None:
    announced = read_one(HEAD + b"Content-Length: 1001\r\n\r\nabc")
    assert announced["body"] == b""
    assert announced[TOO_LARGE] is True
    assert announced["CONTENT_LENGTH"] == "1001"
    chunk = b"1f4\r\n" + b"x" * 500 + b"\r\n"
    in_chunks = read_one(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + 3 * chunk)
    assert in_chunks["body"] == b""
    assert in_chunks[TOO_LARGE] is True
    assert int(in_chunks["CONTENT_LENGTH"]) > LIMITS.body_bytes


def test_the_connection_ends_after_a_body_that_was_not_read() -> None:
    (request,) = read_all(HEAD + b"Content-Length: 1001\r\n\r\nabc")
    assert not request.keeps_alive


@pytest.mark.parametrize(
    ("target", "path", "query", "host"),
    [
        (b"/a%20b%C3%A9?x=%20", "/a bÃ©", "x=%20", "relay.example"),
        ("/ä?x=ü".encode(), "/Ã¤", "x=%C3%BC", "relay.example"),
        (b"http://other.example:81/a?b", "/a", "b", "other.example:81"),
        (b"http://other.example", "/", "", "other.example"),
        (b"*", "*", "", "relay.example"),
    ],
)
def test_every_form_of_a_target_is_read(target: bytes, path: str, query: str, host: str) -> None:
    environ = read_one(b"GET " + target + b" HTTP/1.1\r\nHost: relay.example\r\n\r\n")
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == (path, query)
    assert environ["HTTP_HOST"] == host


@pytest.mark.parametrize(
    ("line", "keeps_alive"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", False),
        (b"GET / HTTP/1.0\r\n", False),
    ],
)
def test_how_long_a_connection_lives_is_the_clients_choice(line: bytes, keeps_alive: bool) -> None:
    (request,) = read_all(line + b"\r\n")
    assert request.keeps_alive is keeps_alive


def test_bytes_of_an_unfinished_request_are_counted() -> None:
    reader = RequestReader({}, LIMITS)
    assert reader.feed(HEAD) is None
    assert reader.buffered == len(HEAD)
    assert not reader.is_in_body
    assert reader.feed(b"Content-Length: 500\r\n\r\n" + b"x" * 100) is None
    assert reader.buffered == 100
    assert reader.is_in_body
    assert reader.feed(b"x" * 400) is not None
    assert reader.buffered == 0
