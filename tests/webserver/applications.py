"""WSGI applications for the web server's tests, and a process that serves one of them."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from webserver.limits import Limits
from webserver.processes import Service, serve

Start = Callable[..., Any]
PLAIN = ("Content-Type", "text/plain")
LARGE = 8_000_000

_calls: list[str] = []
_stream = {"produced": 0, "closed": 0}
_release = threading.Event()


def application(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    """What each path does stands in ``_ANSWERS``."""
    _calls.append(environ["PATH_INFO"])
    return _ANSWERS[environ["PATH_INFO"].partition("-")[0]](environ, start)


def echo(environ: dict[str, Any], start: Start) -> list[bytes]:
    """The environ as JSON, with the body in it."""
    body = environ["wsgi.input"].read()
    told = {key: value for key, value in environ.items() if isinstance(value, str | bool)}
    start("200 OK", [PLAIN])
    return [json.dumps({**told, "body": body.decode("latin-1")}).encode()]


def calls(environ: dict[str, Any], start: Start) -> list[bytes]:
    start("200 OK", [PLAIN])
    return [json.dumps(_calls).encode()]


def large(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    start("200 OK", [PLAIN, ("Content-Length", str(LARGE))])
    return iter([b"x" * (LARGE // 2)] * 2)


class Stream:
    """Endless; knows how much was asked of it, and whether it was closed."""

    def __iter__(self) -> Iterator[bytes]:
        while True:
            _stream["produced"] += 10_000
            yield b"y" * 10_000

    def close(self) -> None:
        _stream["closed"] += 1


def stream(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    start("200 OK", [PLAIN])
    return Stream()


def short_stream(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    start("200 OK", [PLAIN])
    return iter([b"one,", b"", b"two,", b"three"])


def stream_figures(environ: dict[str, Any], start: Start) -> list[bytes]:
    start("200 OK", [PLAIN])
    return [json.dumps(_stream).encode()]


def hold(environ: dict[str, Any], start: Start) -> list[bytes]:
    """Waits for a request of /release."""
    _release.wait(20)
    start("200 OK", [PLAIN])
    return [b"held"]


def release(environ: dict[str, Any], start: Start) -> list[bytes]:
    _release.set()
    start("200 OK", [PLAIN])
    return [b"released"]


def slow(environ: dict[str, Any], start: Start) -> list[bytes]:
    time.sleep(1)
    start("200 OK", [PLAIN])
    return [b"slow"]


def empty(environ: dict[str, Any], start: Start) -> list[bytes]:
    start("204 No Content", [])
    return []


def fail(environ: dict[str, Any], start: Start) -> list[bytes]:
    raise ValueError("on purpose")


def split_header(environ: dict[str, Any], start: Start) -> list[bytes]:
    start("200 OK", [PLAIN, ("X-Split", "a\r\nSet-Cookie: b")])
    return [b""]


def wrong_length(environ: dict[str, Any], start: Start) -> list[bytes]:
    start("200 OK", [PLAIN, ("Content-Length", "10")])
    return [b"abc"]


_ANSWERS: dict[str, Callable[[dict[str, Any], Start], Iterable[bytes]]] = {
    "/echo": echo,
    "/calls": calls,
    "/large": large,
    "/stream": stream,
    "/short": short_stream,
    "/figures": stream_figures,
    "/hold": hold,
    "/release": release,
    "/slow": slow,
    "/empty": empty,
    "/fail": fail,
    "/split": split_header,
    "/wrong": wrong_length,
}


def choose_pool(path: str) -> str:
    return "probes" if path in ("/calls", "/figures", "/release") else "pages"


def main() -> int:
    """``python -m tests.webserver.applications PORT LIMITS``: limits as JSON."""
    limits = Limits(**{"body_bytes": 1_000_000, **json.loads(sys.argv[2])})
    return serve(
        Service(
            "tests.webserver.applications:application",
            "127.0.0.1",
            int(sys.argv[1]),
            1,
            lambda: ({"pages": 2, "probes": 1}, choose_pool, limits),
        )
    )


if __name__ == "__main__":
    sys.exit(main())
